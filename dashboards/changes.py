"""What changed in the way the tenant is governed: acts on anything but state, out of the audit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from dashboards import figures
from stateward.kernel.flow import Flow, Statement

SHOWN = 8
# By an index of its own (migrations/0001): the page's time does not grow with the traffic of state.
CHANGES = """
SELECT id, at, action, actor_name, resource_type, resource_id, convert_from(record, 'UTF8')
FROM stateward_audit_record
WHERE tenant_id = %s AND at > %s::timestamptz - interval '1 day'
    AND action NOT LIKE 'state.%%' AND outcome = 'allow' AND action <> ALL (%s)
    AND NOT (actor_type = 'system' AND action = ANY (%s))
ORDER BY at DESC LIMIT %s
"""
ONLY_LOOKING = [
    "namespace.read", "policy.read", "policy.explain", "audit.read", "agent.read", "member.read",
    "tenant.read", "job.read", "account.signed_in", "account.signed_out", "alert.opened",
]  # fmt: skip
# What jobs do every day has pages of its own; done by a person it is news.
ROUTINE = ["compliance.manage", "alert.manage", "backup.create"]
NAMES = """
SELECT id, name FROM stateward_agent WHERE tenant_id = %s AND id = ANY (%s)
UNION ALL SELECT id, name FROM stateward_namespace WHERE tenant_id = %s AND id = ANY (%s)
UNION ALL SELECT id, name FROM stateward_policy WHERE tenant_id = %s AND id = ANY (%s)
"""
ICONS = {
    "policy": "shield",
    "namespace": "folder",
    "agent": "robot",
    "credential": "key",
    "data_key": "lock",
    "member": "people",
    "hold": "hourglass",
    "tenant": "building",
}
WORDS = {
    "policy.draft": "drafted",
    "policy.activate": "activated",
    "policy.approve": "approved",
    "namespace.create": "created",
    "namespace.update": "changed",
    "namespace.delete": "deleted",
    "key.rotate": "rotated",
    "key.destroy": "destroyed",
    "hold.place": "placed",
    "hold.release": "released",
    "grant.manage": "grants changed",
}


@dataclass(frozen=True, slots=True)
class Change:
    """One act: ``name`` of what it was done to, what was done, by whom, with what detail."""

    id: UUID
    at: datetime
    icon: str
    kind: str
    name: str
    done: str
    by: str
    detail: str


def recent_changes(tenant_id: UUID, now: datetime) -> Flow[list[Change]]:
    """The newest acts of governance of 24 hours, newest first; within the tenant's scope."""
    rows = yield Statement(CHANGES, (tenant_id, now, ONLY_LOOKING, ROUTINE, SHOWN))
    wanted = list(_ids(row[5] for row in rows))
    names: dict[UUID, str] = {}
    if wanted:
        names = dict((yield Statement(NAMES, (tenant_id, wanted) * 3)))
    return [_change(row, names) for row in rows]


def _ids(texts: Iterable[str]) -> Iterable[UUID]:
    for text in texts:
        try:
            yield UUID(text)
        except ValueError:
            continue


def _change(row: tuple[Any, ...], names: dict[UUID, str]) -> Change:
    record_id, at, action, actor_name, kind, resource_id, record = row
    details: dict[str, Any] = orjson.loads(record).get("details") or {}
    event = str(details.get("event") or "")
    named = next(iter(_ids([resource_id])), None)
    name = str(details.get("name") or (names.get(named) if named else "") or "")
    done = event.partition(".")[2].replace("_", " ") if event else WORDS.get(action, action)
    return Change(
        id=record_id,
        at=at,
        icon=ICONS.get(kind, "document"),
        kind=kind.replace("_", " "),
        name=name,
        done=done,
        by=actor_name,
        detail=_detail(details),
    )


def _detail(details: dict[str, Any]) -> str:
    """The plain facts among the details, as a sentence a person can read."""
    said = []
    for name in ("version", "fields", "roles", "before", "reason", "scopes", "overlap_seconds"):
        value = details.get(name)
        if value in (None, "", [], {}):
            continue
        text = ", ".join(map(str, value)) if isinstance(value, list | dict) else str(value)
        if name.endswith("_seconds"):
            text = figures.span(timedelta(seconds=float(value)))
        said.append(f"{name.removesuffix('_seconds').replace('_', ' ')} {text}"[:120])
    return "; ".join(said)

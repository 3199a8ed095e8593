"""What the rules look at: refusals, and the acts on accounts and rights, out of the audit.

A look is incremental: the last one left its snapshot behind, and new is what was not visible in it.
That is how the sequencer tells its passes apart, and it misses no record that committed late. Rules
see what lies a window further back as well; only what is new makes them speak.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from stateward.kernel.clock import parse_rfc3339
from stateward.kernel.flow import Flow, Statement

NOTHING = "1:1:"  # the snapshot in which nothing is visible yet
SLACK = timedelta(minutes=10)  # longer than any transaction that writes records lasts
MOST = 100_000  # the newest; past them every threshold has been reached long ago

WATCHED = (
    "access", "account.signed_in", "account.sign_in_failed", "account.factor_removed",
    "account.recovery_code_used", "agent.manage", "member.manage", "grant.manage",
    "policy.activate",
)  # fmt: skip

COLUMNS = """
    r.id, r.at, r.actor_type, r.actor_id, r.actor_name, r.action, r.outcome, r.resource_type,
    r.resource_id, r.namespace_id, r.entry_key, convert_from(r.record, 'UTF8'),
    r.payload ->> 'source_address', r.payload ->> 'email',
    NOT pg_visible_in_snapshot(r.xid, %(before)s::pg_snapshot)
"""
SEEN = """
    r.tenant_id = %(tenant)s AND r.at >= %(since)s AND r.at < %(until)s
    AND pg_visible_in_snapshot(r.xid, %(now)s::pg_snapshot)
"""
# Two indexes hold just these: that of refusals, and that of all that is not about state.
LOOK = f"""
SELECT {COLUMNS} FROM stateward_audit_record r WHERE {SEEN} AND r.outcome <> 'allow'
UNION ALL
SELECT {COLUMNS} FROM stateward_audit_record r
WHERE {SEEN} AND r.outcome = 'allow' AND r.action NOT LIKE 'state.%%'
    AND r.action = ANY (%(watched)s)
ORDER BY 2 DESC LIMIT {MOST}
"""


@dataclass(frozen=True, slots=True)
class Span:
    """What one look covers: everything visible in ``now`` and not in ``before``."""

    tenant_id: UUID
    before: str
    now: str
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Sighting:
    """One record. ``weight`` is how many identical refusals it counts, ``at`` when the last was."""

    id: UUID
    at: datetime
    actor_type: str
    actor_id: UUID
    actor_name: str
    action: str
    outcome: str
    resource_type: str
    resource_id: str
    is_new: bool = True
    namespace_id: UUID | None = None
    key: str | None = None
    reason: str = ""
    code: str = ""
    determining: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    address: str = ""
    email: str = ""
    weight: int = 1

    @property
    def event(self) -> str:
        return str(self.details.get("event") or self.action)

    @property
    def is_denied(self) -> bool:
        return self.outcome.startswith("deny")

    @property
    def thing(self) -> tuple[str, str, str | None]:
        """What it was about."""
        return (self.resource_type, self.resource_id, self.key)


def look(span: Span, back: timedelta) -> Flow[list[Sighting]]:
    """Oldest first: what the span brought, and what lies up to ``back`` before it."""
    rows = yield Statement(
        LOOK,
        {
            "tenant": span.tenant_id,
            "before": span.before,
            "now": span.now,
            "since": span.since - back - SLACK,
            "until": span.until + SLACK,
            "watched": list(WATCHED),
        },
    )
    return sorted((_sighting(row) for row in rows), key=lambda one: (one.at, one.id))


def _sighting(row: tuple[Any, ...]) -> Sighting:
    *columns, record, address, email, is_new = row
    content = _content(record)
    details = content.get("details") or {}
    decision = content.get("decision") or {}
    last = details.get("last")
    return Sighting(
        id=columns[0],
        at=parse_rfc3339(last) if isinstance(last, str) else columns[1],
        actor_type=columns[2],
        actor_id=columns[3],
        actor_name=columns[4],
        action=columns[5],
        outcome=columns[6],
        resource_type=columns[7],
        resource_id=columns[8],
        is_new=is_new,
        namespace_id=columns[9],
        key=columns[10],
        reason=content.get("reason") or "",
        code=decision.get("code") or "",
        determining=tuple(decision.get("determining") or ()),
        details=details,
        address=address or "",
        email=email or "",
        weight=_weight(details.get("count")),
    )


def _content(record: str) -> dict[str, Any]:
    """What the record says. One that somebody broke says nothing, and stops no look at the others:
    that it was broken is for the seals to tell.
    """
    try:
        content = orjson.loads(record)
    except orjson.JSONDecodeError:
        return {}
    return content if isinstance(content, dict) else {}


def _weight(count: Any) -> int:
    return count if isinstance(count, int) and count > 0 else 1

"""The audit as its readers ask for it: by the names they know, with the names they know."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from stateward.gate.audit.filters import RecordFilter
from stateward.gate.audit.queries import AuditRecord
from stateward.gate.audit.typed import NotUnderstood, Typed, understand
from stateward.kernel.clock import parse_rfc3339, rfc3339
from stateward.kernel.errors import Fault, Malformed
from stateward.state.models import Namespace

FILTERS = (
    "from", "to", "actor", "action", "outcome", "namespace", "key", "classification",
    "request_id", "run", "policy", "purpose", "q",
)  # fmt: skip
MAX_TEXT = 1024


def filter_from(tenant_id: UUID, query: Mapping[str, str]) -> RecordFilter:
    """What the query's parameters ask for; Malformed (400) names one that is not well formed."""
    given = {name: query[name] for name in FILTERS if query.get(name)}
    for name, text in given.items():
        if len(text) > MAX_TEXT or "\x00" in text:
            raise _malformed(name)
    actor = given.get("actor")
    actor_id = _as_uuid(actor)
    return RecordFilter(
        tenant_id,
        since=parse_rfc3339(given["from"]) if "from" in given else None,
        until=parse_rfc3339(given["to"]) if "to" in given else None,
        actor_id=actor_id,
        actor_name=actor if actor_id is None else None,
        action=given.get("action"),
        outcome=given.get("outcome"),
        namespace_ids=_namespace_ids(tenant_id, given.get("namespace")),
        key=given.get("key"),
        classification=given.get("classification"),
        request_id=given.get("request_id"),
        run=given.get("run"),
        policy=given.get("policy"),
        purpose=given.get("purpose"),
        typed=typed_from(tenant_id, given["q"]) if "q" in given else None,
    )


def typed_from(tenant_id: UUID, text: str) -> Typed:
    """What somebody typed; Malformed (400) says where it is not understood."""
    try:
        return understand(text, lambda name: namespace_ids_of(tenant_id, name))
    except NotUnderstood as fault:
        raise Malformed(
            f"q is not understood at character {fault.at + 1}: {fault.says}.",
            errors=(Fault("", f"q at character {fault.at + 1}: {fault.says}"),),
            position=fault.at,
        ) from None


def namespace_names(tenant_id: UUID, ids: Iterable[UUID | None]) -> dict[UUID, str]:
    """The names of these namespaces, deleted ones too."""
    rows = Namespace.objects.filter(tenant_id=tenant_id, id__in={one for one in ids if one})
    return dict(rows.values_list("id", "name"))


def as_item(record: AuditRecord, names: Mapping[UUID, str]) -> dict[str, Any]:
    """A record in a list."""
    content = record.content
    return {
        "id": str(record.id),
        "at": rfc3339(record.at),
        "action": record.action,
        "outcome": record.outcome,
        "reason": content.get("reason"),
        "actor": {
            "type": record.actor_type,
            "id": str(record.actor_id),
            "name": record.actor_name,
        },
        "resource": {
            "type": record.resource_type,
            "id": record.resource_id,
            "namespace": names.get(record.namespace_id) if record.namespace_id else None,
            "key": record.key,
            "classification": record.classification,
        },
        "version": content.get("version"),
        "decision_id": str(record.decision_id) if record.decision_id else None,
        "request_id": record.request_id,
        "run": record.run,
    }


def as_items(tenant_id: UUID, records: list[AuditRecord]) -> list[dict[str, Any]]:
    names = namespace_names(tenant_id, (record.namespace_id for record in records))
    return [as_item(record, names) for record in records]


def as_detail(record: AuditRecord, names: Mapping[UUID, str]) -> dict[str, Any]:
    """A record by itself: also what was sealed, and the personal values it is bound to."""
    return as_item(record, names) | {
        "record": record.content,
        "payload": {name: text for name, text in record.payload.items() if name != "salts"},
    }


def namespace_ids_of(tenant_id: UUID, name: str) -> tuple[UUID, ...]:
    """Of a name: those that had it before too; none where there never was one."""
    return _namespace_ids(tenant_id, name) or ()


def _namespace_ids(tenant_id: UUID, name: str | None) -> tuple[UUID, ...] | None:
    """Of a name: those that had it before too. Nothing matches where there never was one."""
    if name is None:
        return None
    rows = Namespace.objects.filter(tenant_id=tenant_id, name=name)
    return tuple(rows.values_list("id", flat=True))


def _as_uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text is not None and len(text) == 36 else None
    except ValueError:
        return None


def _malformed(name: str) -> Malformed:
    return Malformed(
        f"The parameter {name} is not well formed.",
        errors=(Fault("", f"the parameter {name} is too long or holds a NUL"),),
    )

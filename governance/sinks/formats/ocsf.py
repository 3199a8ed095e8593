"""Records as events of the Open Cybersecurity Schema Framework, for those who collect them.

``raw_data`` holds the record byte for byte, so that an event can still be held against a proof.
Which class an action belongs to is a table; what is in none of its rows is API Activity.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson

from stateward.gate.audit.queries import AuditRecord
from stateward.gate.audit.stream import Placed

VERSION = "1.6.0"
OTHER = 99
INFORMATIONAL, MEDIUM = 1, 3
SUCCESS, FAILURE = 1, 2


class Class(NamedTuple):
    """A class of events: its uid is category times 1000 and its own number."""

    uid: int
    name: str

    @property
    def category(self) -> int:
        return self.uid // 1000


ACCOUNT = Class(3001, "Account Change")
AUTHENTICATION = Class(3002, "Authentication")
SESSION = Class(3003, "Authorize Session")
ENTITY = Class(3004, "Entity Management")
USER_ACCESS = Class(3005, "User Access Management")
GROUP = Class(3006, "Group Management")
COMPLIANCE = Class(2003, "Compliance Finding")
DETECTION = Class(2004, "Detection Finding")
API = Class(6003, "API Activity")
DATASTORE = Class(6005, "Datastore Activity")

CATEGORIES = {
    2: "Findings",
    3: "Identity & Access Management",
    6: "Application Activity",
}
READ, UPDATE, WRITE, CREATE, DELETE, LIST, DECRYPT = 1, 2, 5, 6, 7, 8, 10  # of a datastore

# An action, its class, and the activity in that class; OTHER where the class has no word for it.
ACTIONS: dict[str, tuple[Class, int]] = {
    "state.read_value": (DATASTORE, READ),
    "state.read_meta": (DATASTORE, LIST),
    "state.decrypt_restricted": (DATASTORE, DECRYPT),
    "state.write": (DATASTORE, WRITE),
    "state.delete": (DATASTORE, DELETE),
    "state.expire": (DATASTORE, DELETE),
    "state.purge": (DATASTORE, DELETE),
    "namespace.create": (DATASTORE, CREATE),
    "namespace.read": (DATASTORE, READ),
    "namespace.update": (DATASTORE, UPDATE),
    "namespace.delete": (DATASTORE, DELETE),
    "account.signed_in": (AUTHENTICATION, 1),
    "account.signed_out": (AUTHENTICATION, 2),
    "account.sign_in_failed": (AUTHENTICATION, 1),
    "account.password_changed": (ACCOUNT, 3),
    "account.password_reset": (ACCOUNT, 4),
    "account.factor_added": (ACCOUNT, 10),
    "account.factor_removed": (ACCOUNT, 11),
    "audit.read": (API, 2),
    "audit.export": (API, 2),
    "backup.create": (API, 1),
    "backup.read": (API, 2),
    "key.rotate": (API, 3),
    "key.destroy": (API, 4),
    "job.read": (API, 2),
    "breakglass.use": (SESSION, OTHER),
}
# The first part of an action that no row above names.
FAMILIES: dict[str, Class] = {
    "state": DATASTORE,
    "namespace": DATASTORE,
    "account": ACCOUNT,
    "member": ACCOUNT,
    "grant": USER_ACCESS,
    "group": GROUP,
    "alert": DETECTION,
    "compliance": COMPLIANCE,
    "agent": ENTITY,
    "credential": ENTITY,
    "tenant": ENTITY,
    "policy": ENTITY,
    "retention": ENTITY,
    "hold": ENTITY,
}
# What happened to an entity, by the last word of the event's name; of findings likewise.
ENTITY_VERBS = {
    "created": 1, "added": 1, "issued": 1, "placed": 1, "drafted": 1, "read": 2, "changed": 3,
    "updated": 3, "activated": 3, "paused": 3, "resumed": 3, "rotated": 3, "removed": 4,
    "deleted": 4, "revoked": 4, "released": 4, "retired": 4,
}  # fmt: skip
ACCOUNT_VERBS = {"created": 1, "added": 1, "enabled": 2, "disabled": 5, "removed": 6, "deleted": 6}
GRANT_VERBS = {"given": 1, "added": 1, "granted": 1, "revoked": 2, "removed": 2, "taken": 2}
FINDING_VERBS = {"opened": 1, "created": 1, "resolved": 3, "closed": 3}
VERBS = {
    ENTITY: (ENTITY_VERBS, 3),
    ACCOUNT: (ACCOUNT_VERBS, OTHER),
    USER_ACCESS: (GRANT_VERBS, OTHER),
    GROUP: ({}, OTHER),
    DETECTION: (FINDING_VERBS, 2),
    COMPLIANCE: (FINDING_VERBS, 2),
}


def record(placed: Placed, with_payload: bool) -> bytes:
    return orjson.dumps(event(placed, with_payload))


def event(placed: Placed, with_payload: bool) -> dict[str, Any]:
    """The event as an object."""
    found = placed.record
    if found is None:
        return _bare(placed)
    content = found.content
    kind, activity = classified(found.action, _event_of(content))
    allowed = found.outcome == "allow"
    payload = found.payload if with_payload else {}
    told: dict[str, Any] = _common(kind, activity) | {
        "time": int(found.at.timestamp() * 1000),
        "severity_id": INFORMATIONAL if allowed else MEDIUM,
        "status_id": SUCCESS if allowed else FAILURE,
        "status_code": found.outcome,
        "status_detail": content.get("reason") or "",
        "message": f"{found.action} {'allowed' if allowed else 'denied'}",
        "metadata": _metadata(placed) | {"uid": str(found.id), "event_code": found.action},
        "actor": _actor(found, content),
        "src_endpoint": _endpoint(payload),
        "api": {"operation": found.action, "request": {"uid": found.request_id}},
        "resources": [_resource(found, payload)],
        "raw_data": found.record.decode("utf-8", "replace"),
        "unmapped": {
            "leaf": placed.leaf.hex(),
            "run": found.run,
            "decision_id": str(found.decision_id) if found.decision_id else None,
            "purpose": payload.get("purpose"),
            "on_behalf_of": payload.get("on_behalf_of"),
        },
    }
    return told | _of_class(kind, found, placed)


def checkpoint(size: int, note: str) -> bytes:
    told = _common(API, 2) | {
        "message": f"Signed checkpoint over {size} records",
        "severity_id": INFORMATIONAL,
        "status_id": SUCCESS,
        "metadata": {"version": VERSION, "product": _product(), "event_code": "checkpoint"},
        "raw_data": note,
        "unmapped": {"checkpoint": note, "size": size},
    }
    return orjson.dumps(told)


def classified(action: str, event_name: str) -> tuple[Class, int]:
    """The class an action belongs to, and its activity there."""
    if action in ACTIONS:
        return ACTIONS[action]
    kind = FAMILIES.get(action.split(".", maxsplit=1)[0], API)
    if kind not in VERBS:
        return kind, OTHER
    verbs, usual = VERBS[kind]
    last = event_name.replace("_", ".").split(".")[-1]
    return kind, verbs.get(last, usual)


def _common(kind: Class, activity: int) -> dict[str, Any]:
    return {
        "class_uid": kind.uid,
        "class_name": kind.name,
        "category_uid": kind.category,
        "category_name": CATEGORIES[kind.category],
        "activity_id": activity,
        "type_uid": kind.uid * 100 + activity,
    }


def _bare(placed: Placed) -> dict[str, Any]:
    return _common(API, OTHER) | {
        "severity_id": 4,
        "status_id": FAILURE,
        "message": "This record is no longer what was sealed",
        "metadata": _metadata(placed) | {"event_code": "missing"},
        "unmapped": {"leaf": placed.leaf.hex(), "missing": True},
    }


def _metadata(placed: Placed) -> dict[str, Any]:
    return {
        "version": VERSION,
        "product": _product(),
        "sequence": placed.index,
        "log_name": "audit",
        "logged_time": None,
    }


def _product() -> dict[str, str]:
    return {"name": "Stateward", "vendor_name": "Stateward"}


def _actor(found: AuditRecord, content: dict[str, Any]) -> dict[str, Any]:
    sealed = content.get("actor") or {}
    user = {
        "uid": str(found.actor_id),
        "name": found.actor_name,
        "type": found.actor_type,
        "type_id": 1 if found.actor_type == "member" else 3 if found.actor_type == "system" else 99,
        "credential_uid": sealed.get("credential_id"),
        "has_mfa": bool(sealed.get("mfa")),
    }
    return {"user": user, "app_name": found.actor_name if found.actor_type == "agent" else None}


def _endpoint(payload: dict[str, Any]) -> dict[str, str]:
    """Asked for by the schema; where personal values stay here, that is said in its place."""
    address = payload.get("source_address")
    return {"ip": str(address)} if address else {"name": "withheld"}


def _resource(found: AuditRecord, payload: dict[str, Any]) -> dict[str, Any]:
    return {
        "uid": found.resource_id,
        "type": found.resource_type,
        "name": payload.get("key"),
        "namespace": str(found.namespace_id) if found.namespace_id else None,
        "criticality": found.classification,
    }


def _of_class(kind: Class, found: AuditRecord, placed: Placed) -> dict[str, Any]:
    """What a class asks for besides."""
    subject = {"uid": found.resource_id, "name": found.resource_type}
    if kind is DATASTORE:
        namespace = str(found.namespace_id or found.resource_id)
        return {"database": {"uid": namespace, "type_id": OTHER, "type": "Namespace"}, "type_id": 1}
    if kind in {ACCOUNT, USER_ACCESS, AUTHENTICATION, SESSION}:
        return {"user": subject}
    if kind is GROUP:
        return {"group": subject}
    if kind is ENTITY:
        return {"entity": subject | {"type": found.resource_type}}
    if kind in {DETECTION, COMPLIANCE}:
        return {"finding_info": {"uid": found.resource_id, "title": found.action}}
    return {}


def _event_of(content: dict[str, Any]) -> str:
    details = content.get("details")
    return str(details.get("event") or "") if isinstance(details, dict) else ""

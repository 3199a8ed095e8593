"""Subject requests as JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from governance.privacy.finding import Found
from governance.privacy.models import OPEN, SubjectDeclaration, SubjectEvent, SubjectRequest
from stateward.kernel.clock import now, rfc3339
from stateward.kernel.governed import SUBJECT_STORES


def is_overdue(request: SubjectRequest) -> bool:
    """Whether it should have been answered by now."""
    return request.state in OPEN and request.answered_at is None and request.due_at < now()


def request_body(request: SubjectRequest) -> dict[str, Any]:
    return {
        "id": str(request.id),
        "kind": request.kind,
        "state": request.state,
        "reference": request.reference,
        "note": request.note,
        "identifiers": [
            {"kind": one.kind, "hint": one.hint}
            for one in sorted(request.identifiers.all(), key=lambda one: one.id)
        ],
        "received_at": rfc3339(request.received_at),
        "due_at": rfc3339(request.due_at),
        "is_overdue": is_overdue(request),
        "extended_at": _time(request.extended_at),
        "extension_reason": request.extension_reason,
        "assignee": str(request.assignee_id) if request.assignee_id else None,
        "purpose": request.purpose,
        "waits_for": request.waits_for,
        "wait_until": _time(request.wait_until),
        "found": request.found,
        "erased": request.erased,
        "restricted": request.restricted,
        "answered_at": _time(request.answered_at),
        "run_id": str(request.run_id) if request.run_id else None,
        "has_certificate": bool(request.certificate),
    }


def event_body(event: SubjectEvent) -> dict[str, Any]:
    return {
        "id": str(event.id),
        "event": event.event,
        "note": event.note,
        "actor_type": event.actor_type,
        "actor_name": event.actor_name,
        "at": rfc3339(event.at),
    }


def declaration_body(declared: SubjectDeclaration) -> dict[str, Any]:
    return {
        "id": str(declared.id),
        "namespace": declared.namespace,
        "kind": declared.kind,
        "source": declared.source,
        "path": declared.path,
        "created_at": rfc3339(declared.created_at),
        "created_by": declared.created_by,
    }


def preview_body(found: Found, complete_to: datetime | None) -> dict[str, Any]:
    return {
        "at": rfc3339(found.at),
        "complete_to": _time(complete_to),
        "entries": found.entries,
        "due": found.due,
        "held": found.held,
        "retained": found.retained,
        "retained_until": _time(found.retained_until),
        "shared": found.shared,
        "outlived": found.outlived,
        "bytes": found.bytes,
        "is_whole": found.is_whole,
        "list_sha256": found.sha256,
        "by_namespace": found.by_namespace,
        "stores": [
            {
                "name": store.name,
                "label": store.label,
                "found": found.by_store.get(store.name),
                "fate": store.fate,
            }
            for store in SUBJECT_STORES.values()
        ],
        "backups": {
            "archives": found.backups.archives,
            "kept_until_removed": found.backups.kept,
            "last_ends_at": _time(found.backups.end),
        },
    }


def _time(moment: datetime | None) -> str | None:
    return rfc3339(moment) if moment is not None else None

"""``Idempotency-Key`` on the control plane: a repeat answers as the first request did, and changes
nothing.

The key's row is inserted in the transaction of the change itself. A repeat that comes while the
first runs waits on that row, as PostgreSQL makes it, and then reads the answer. What the
transaction did not decide (401, 403, 404, 413, 415, 422, 429, 5xx) is not kept. A repeat is decided
anew: the request runs again inside a savepoint that is always undone, and only if it is still
allowed does the kept answer go out. Secrets are never kept; a repeat shows null in their place.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import OperationalError, connection, transaction
from psycopg.errors import LockNotAvailable
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from stateward.kernel.errors import Conflict, Fault, Forbidden, Malformed, Unprocessable
from stateward.kernel.ids import uuid7
from stateward.tenancy.actors import Actor
from stateward.tenancy.scope import tenant_scope
from stateward.web.problems import MEDIA_TYPE, as_stateward, problem

KEPT_REFUSALS = frozenset({409, 412, 423})
KEPT_HEADERS = ("Location", "ETag")
WAIT_MILLISECONDS = 15_000
_KEY = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?")

CLAIM = """
INSERT INTO stateward_control_idempotency AS kept
       (id, tenant_id, principal_id, key, request_hash, content_type, headers, created_at)
VALUES (%s, %s, %s, %s, %s, 'application/json', '{}', now())
ON CONFLICT (tenant_id, principal_id, key) DO UPDATE
SET request_hash = excluded.request_hash, status = NULL, body = NULL, created_at = now()
WHERE kept.created_at < now() - interval '24 hours'
RETURNING id
"""
READ = """
SELECT request_hash, status, content_type, headers, body FROM stateward_control_idempotency
WHERE tenant_id = %s AND principal_id = %s AND key = %s
"""
KEEP = """
UPDATE stateward_control_idempotency SET status = %s, content_type = %s, headers = %s, body = %s
WHERE tenant_id = %s AND principal_id = %s AND key = %s
"""


class KeyInUse(Conflict):
    """The first request under this Idempotency-Key is still running."""

    code = "idempotency_key_in_use"


class KeyReused(Unprocessable):
    """This Idempotency-Key was used for another request."""

    code = "idempotency_key_reused"


class _Undone(Exception):
    """Takes back what a repeat did while it was decided anew."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One principal's key, and the keyed hash of what is asked under it."""

    tenant_id: UUID
    principal_id: UUID
    key: str
    request_hash: bytes

    @property
    def place(self) -> tuple[UUID, UUID, str]:
        return self.tenant_id, self.principal_id, self.key


def slot_of(request: Request, actor: Actor) -> Slot | None:
    """The slot the request names, or None without ``Idempotency-Key``; Malformed (400) for a bad
    key.
    """
    key = request.META.get("HTTP_IDEMPOTENCY_KEY")
    if key is None:
        return None
    if not _KEY.fullmatch(key):
        raise Malformed(
            "An Idempotency-Key has 1 to 255 printable ASCII characters.",
            errors=(Fault("", "the header Idempotency-Key is not valid"),),
        )
    return Slot(actor.tenant_id, actor.id, key, _request_hash(request))


def answer_once(slot: Slot, act: Callable[[], Response], *, secrets: tuple[str, ...]) -> Response:
    """Carry out ``act`` in the tenant's transaction, or repeat what it answered before.

    ``secrets`` names the members of the answer that are shown once and never kept.
    """
    try:
        with tenant_scope(slot.tenant_id):
            if not _claim(slot):
                return _repeat(slot, act)
            response = act()
            body = _without(response.data, secrets)
            _keep(slot, response.status_code, "application/json", _kept_headers(response), body)
            return response
    except Exception as error:
        refusal = as_stateward(error)
        if refusal.status in KEPT_REFUSALS and not isinstance(refusal, KeyInUse):
            with tenant_scope(slot.tenant_id):
                if _claim(slot):
                    status, _, body = problem(refusal, "")
                    _keep(slot, status, MEDIA_TYPE, {}, body)
        raise


def _request_hash(request: Request) -> bytes:
    parts = (
        (request.method or "").encode(),
        request.get_full_path().encode(),
        request.META.get("HTTP_IF_MATCH", "").encode(),
        request.META.get("HTTP_IF_NONE_MATCH", "").encode(),
        request._request.body,
    )
    framed = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
    return hmac.digest(settings.SECRET_KEY.encode(), b"idempotency" + framed, hashlib.sha256)


def _claim(slot: Slot) -> bool:
    """Whether the key is ours now; waits while another transaction holds it."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = {WAIT_MILLISECONDS}")
        try:
            cursor.execute(CLAIM, (uuid7(), *slot.place, slot.request_hash))
        except OperationalError as error:
            if isinstance(error.__cause__, LockNotAvailable):
                raise KeyInUse from error
            raise
        claimed = cursor.fetchone() is not None
        cursor.execute("SET LOCAL lock_timeout = DEFAULT")
    return claimed


def _keep(slot: Slot, status: int, content_type: str, headers: dict[str, str], body: Any) -> None:
    # The scope again: what was carried out may have ended in another tenant's.
    with tenant_scope(slot.tenant_id), connection.cursor() as cursor:
        kept = (status, content_type, json.dumps(headers), json.dumps(body))
        cursor.execute(KEEP, (*kept, *slot.place))


def _repeat(slot: Slot, act: Callable[[], Response]) -> Response:
    with connection.cursor() as cursor:
        cursor.execute(READ, slot.place)
        row = cursor.fetchone()
    if row is None:
        raise KeyInUse
    request_hash, status, content_type, headers, body = row
    if not hmac.compare_digest(bytes(request_hash), slot.request_hash):
        raise KeyReused
    _decide_anew(act)
    kept = json.loads(body) if isinstance(body, str) else body
    kept_headers = json.loads(headers) if isinstance(headers, str) else headers
    return Response(
        kept,
        status=status,
        content_type=content_type,
        headers={**kept_headers, "Idempotency-Replayed": "true"},
    )


def _decide_anew(act: Callable[[], Response]) -> None:
    """Raise what refuses the caller now; any other outcome is undone and forgotten."""
    try:
        with transaction.atomic():
            act()
            raise _Undone
    except _Undone:
        return
    except Exception as error:
        refusal = as_stateward(error)
        if isinstance(refusal, Forbidden) or hasattr(refusal, "decision"):
            raise


def _kept_headers(response: Response) -> dict[str, str]:
    return {name: response[name] for name in KEPT_HEADERS if response.has_header(name)}


def _without(data: Any, secrets: tuple[str, ...]) -> Any:
    body = json.loads(JSONRenderer().render(data)) if data is not None else None
    if isinstance(body, dict):
        body |= {name: None for name in secrets if name in body}
    return body

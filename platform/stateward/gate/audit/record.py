"""Composing an audit record: canonical JSON in pieces around what only the database knows.

A record is RFC 8785 canonical JSON, stored as the exact bytes that are hashed. Three members are
known only inside the statement that writes: ``at``, ``before_hash`` (of the row under its lock)
and ``version``. Canonical order is by name, and the names are chosen so that ``at`` and
``before_hash`` are neighbours and ``version`` is last:

    head || time || '","before_hash":' || (null | "hex") || middle || (version | null) || '}'

Personal values (an entry's key, an address, a purpose) stand in the record as
SHA-256(salt || value) under 128 random bits each, and in plain, with their salts, in ``payload``.
Erasing a value with its salt leaves a commitment nobody can test a guess against, and the record's
hash as it was; while both are there anyone can check one against the other.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from stateward.gate.audit.exceptions import AuditUnavailable, concerns_audit
from stateward.kernel.flow import Executable, Flow, Rows, Statement
from stateward.kernel.ids import uuid7
from stateward.tenancy.actors import Actor, Call

SCHEMA = 1
NODE = platform.node()[:64]
SALT_BYTES = 16
TEXT_LIMIT = 1024  # characters of one text
PART_LIMIT = 4096  # bytes of ``decision`` and of ``details`` once the body is past its own limit
BODY_LIMIT = 16384  # bytes

APPEND = """
SELECT stateward_audit_append(
    %s::uuid, %s::uuid, %s::text, %s::text, %s::text, %s::uuid, %s::text, %s::text, %s::text,
    %s::uuid, %s::text, %s::uuid, %s::text, %s::text, %s::bytea, %s::bytea, %s::jsonb,
    %s::bytea, %s::bigint)
"""


class Draft(NamedTuple):
    """A record but for what the database adds: its columns, two pieces, erasable payload."""

    tenant_id: UUID
    id: UUID
    action: str
    outcome: str
    actor_type: str
    actor_id: UUID
    actor_name: str
    resource_type: str
    resource_id: str
    namespace_id: UUID | None
    classification: str | None
    decision_id: UUID | str | None
    request_id: str
    run: str | None
    head: bytes
    middle: bytes
    payload: dict[str, Any]


def compose(
    *,
    actor: Actor,
    call: Call,
    action: str,
    resource_type: str,
    resource_id: str,
    outcome: str = "allow",
    reason: str | None = None,
    decision: Mapping[str, Any] | None = None,
    namespace_id: UUID | None = None,
    classification: str | None = None,
    after_hash: bytes | None = None,
    approvals: Sequence[str] = (),
    personal: Mapping[str, str] | None = None,
    extra: Mapping[str, Any] | None = None,
    record_id: UUID | None = None,
) -> Draft:
    """The draft of one record.

    ``resource_id`` must not be personal: an entry's is its namespace's id, and its key goes into
    ``personal``. ``decision`` and ``extra`` hold JSON of strings, whole numbers, booleans, lists
    and objects with ASCII names; where the record grows past ``BODY_LIMIT`` bytes, a large one is
    replaced by its hash. Texts from outside may be anything at all: they are escaped, and
    shortened with a hash.
    """
    record_id = record_id or uuid7()
    request_id = plain(call.request_id)
    resource_id = plain(resource_id)
    run = plain(call.run) if call.run else None
    commitments, payload = commit(call, personal)
    first = {
        "action": action,
        "actor": {
            "auth_method": actor.auth_method,
            "credential_id": actor.credential_id,
            "id": actor.id,
            "mfa": actor.mfa,
            "type": actor.type,
        },
        "after_hash": after_hash.hex() if after_hash is not None else None,
        "approvals": approvals,
    }
    rest: dict[str, Any] = {
        "decision": decision or None,
        "details": extra or None,
        "id": record_id,
        "node": NODE,
        "outcome": outcome,
        "personal": commitments,
        "reason": reason and plain(reason),
        "request_id": request_id,
        "resource": {
            "classification": classification,
            "id": resource_id,
            "namespace_id": namespace_id,
            "type": resource_type,
        },
        "run": run,
        "schema": SCHEMA,
        "tenant_id": actor.tenant_id,
        "trace_id": call.trace_id and plain(call.trace_id),
        "user_agent_hash": hashed(call.user_agent) if call.user_agent else None,
    }
    try:
        body = canonical(rest)
    except orjson.JSONEncodeError:  # a lone surrogate in what somebody sent
        rest |= {"decision": scrubbed(decision), "details": scrubbed(extra)}
        body = canonical(rest)
    if len(body) > BODY_LIMIT:
        body = canonical(
            rest | {"decision": capped(rest["decision"]), "details": capped(rest["details"])}
        )
    return Draft(
        actor.tenant_id,
        record_id,
        action,
        outcome,
        actor.type,
        actor.id,
        actor.name,
        resource_type,
        resource_id,
        namespace_id,
        classification,
        decision["id"] if decision else None,
        request_id,
        run,
        canonical(first)[:-1] + b',"at":"',
        b"," + body[1:-1] + b',"version":',
        payload,
    )


def append(
    draft: Draft, *, before_hash: bytes | None = None, version: int | None = None
) -> Flow[Any]:
    """Insert the record in the caller's transaction; answers its time.

    The way of everything that is not a state write, whose function inserts the record itself. What
    cannot be recorded is not done: AuditUnavailable (503).
    """
    rows = yield from recording(
        Statement(
            APPEND,
            (*draft[:-1], canonical(draft.payload).decode(), before_hash, version),
        )
    )
    return rows[0][0]


def recording(statement: Executable) -> Flow[Rows]:
    """A statement that inserts records among other things; AuditUnavailable where it was for them
    that nothing was done.
    """
    try:
        return (yield statement)
    except Exception as error:
        if concerns_audit(error):
            raise AuditUnavailable from error
        raise


def canonical(value: Any) -> bytes:
    """RFC 8785, for values without fractions and with ASCII names, whose order is that of bytes."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def commit(call: Call, personal: Mapping[str, str] | None) -> tuple[dict[str, str], dict[str, Any]]:
    """The commitments for the record, and the payload that opens them."""
    values = dict(personal) if personal else {}
    if call.source_address:
        values["source_address"] = call.source_address
    if call.purpose:
        values["purpose"] = call.purpose
    if call.on_behalf_of:
        values["on_behalf_of"] = call.on_behalf_of
    salt = os.urandom(SALT_BYTES * len(values))
    commitments: dict[str, str] = {}
    payload: dict[str, Any] = {}
    salts: dict[str, str] = {}
    at = 0
    for name, value in values.items():
        own = salt[at : at + SALT_BYTES]
        at += SALT_BYTES
        payload[name] = text = plain(value)
        salts[name] = own.hex()
        commitments[name] = commitment(own, text)
    payload["salts"] = salts
    return commitments, payload


def commitment(salt: bytes, text: str) -> str:
    """What stands for a personal value in the record, in hex."""
    return sha256(salt + text.encode()).hexdigest()


def plain(text: str) -> str:
    """``text`` as PostgreSQL and JSON can hold it (no NUL, no lone surrogate), and short."""
    if len(text) <= TEXT_LIMIT and (text.isascii() or not has_surrogate(text)):
        return text if "\x00" not in text else text.replace("\x00", "\ufffd")
    clean = text.encode("utf-8", "replace").decode().replace("\x00", "\ufffd")
    if len(clean) <= TEXT_LIMIT:
        return clean
    rest = sha256(clean.encode()).hexdigest()
    return f"{clean[:TEXT_LIMIT]}… {len(clean)} characters, sha256 {rest}"


def has_surrogate(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def scrubbed(value: Any) -> Any:
    """``value`` with each of its texts made storable."""
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, Mapping):
        return {plain(str(name)): scrubbed(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [scrubbed(inner) for inner in value]
    return value


def capped(part: Mapping[str, Any] | None) -> Any:
    """``part``, or, where it is too large, its size and hash."""
    if not part:
        return None
    text = canonical(part)
    if len(text) <= PART_LIMIT:
        return part
    return {"bytes": len(text), "sha256": sha256(text).hexdigest()}


@lru_cache(maxsize=4096)
def hashed(user_agent: str) -> str:
    return sha256(plain(user_agent).encode()).hexdigest()

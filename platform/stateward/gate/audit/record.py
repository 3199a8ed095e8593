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
from binascii import hexlify
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
NULL = b"null"
# What stands in a frame for what only the request knows: nobody outside can send it.
HOLE = os.urandom(16).hex()
QUOTED_HOLE = f'"{HOLE}"'.encode()
HOLES = ("id", "personal", "request_id", "run", "trace_id", "user_agent_hash")  # after the details

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


class Frame:
    """A record with holes: all that is the same of what one caller leaves by doing one thing to one
    kind of resource, under decisions that differ in their ids alone.

    Most of a record is that. Whoever records the like again and again makes the frame once and only
    fills it; the bytes are those that would be composed from the whole.
    """

    __slots__ = (
        "_decision", "_head", "_middle", "_template", "action", "actor", "classification",
        "namespace_id", "outcome", "resource_id", "resource_type",
    )  # fmt: skip

    def __init__(
        self,
        *,
        actor: Actor,
        action: str,
        resource_type: str,
        resource_id: str,
        outcome: str = "allow",
        reason: str | None = None,
        decision: Mapping[str, Any] | None = None,
        namespace_id: UUID | None = None,
        classification: str | None = None,
    ) -> None:
        resource_id = plain(resource_id)
        first = {
            "action": action,
            "actor": {
                "auth_method": actor.auth_method,
                "credential_id": actor.credential_id,
                "id": actor.id,
                "mfa": actor.mfa,
                "type": actor.type,
            },
            "after_hash": HOLE,
            "approvals": HOLE,
        }
        self._decision = decision or None
        self._template: dict[str, Any] = {
            "decision": {**decision, "id": HOLE} if decision else None,
            "details": HOLE,
            "id": HOLE,
            "node": NODE,
            "outcome": outcome,
            "personal": HOLE,
            "reason": reason and plain(reason),
            "request_id": HOLE,
            "resource": {
                "classification": classification,
                "id": resource_id,
                "namespace_id": namespace_id,
                "type": resource_type,
            },
            "run": HOLE,
            "schema": SCHEMA,
            "tenant_id": actor.tenant_id,
            "trace_id": HOLE,
            "user_agent_hash": HOLE,
        }
        try:
            body = canonical(self._template)
        except orjson.JSONEncodeError:  # a lone surrogate in what somebody sent
            self._template["decision"] = scrubbed(self._template["decision"])
            body = canonical(self._template)
        self._head = canonical(first).split(QUOTED_HOLE)
        pieces = body.split(QUOTED_HOLE)
        if self._decision is None:
            pieces.insert(1, b"")  # as if the id's hole stood before that of the details
        pieces[0], pieces[-1] = b"," + pieces[0][1:], b',"version":'
        self._middle = pieces
        self.actor, self.action, self.outcome = actor, action, outcome
        self.resource_type, self.resource_id = resource_type, resource_id
        self.namespace_id, self.classification = namespace_id, classification

    def fill(
        self,
        call: Call,
        *,
        decision_id: UUID | str | None = None,
        after_hash: bytes | None = None,
        approvals: Sequence[str] = (),
        personal: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
        record_id: UUID | None = None,
    ) -> Draft:
        """The draft of one record."""
        record_id = record_id or uuid7()
        request_id = plain(call.request_id)
        run = plain(call.run) if call.run else None
        commitments, payload = commit(call, personal)
        try:
            details = canonical(extra or None)
        except orjson.JSONEncodeError:
            extra = scrubbed(extra)
            details = canonical(extra)
        holes = (
            NULL if self._decision is None else canonical(decision_id),
            details,
            canonical(record_id),
            canonical(commitments),
            canonical(request_id),
            NULL if run is None else canonical(run),
            NULL if call.trace_id is None else canonical(plain(call.trace_id)),
            b'"%b"' % hashed(call.user_agent) if call.user_agent else NULL,
        )
        middle = self._filled(holes)
        if len(middle) > BODY_LIMIT:
            middle = self._capped(holes, decision_id, extra)
        actor = self.actor
        before, between, behind = self._head
        after = NULL if after_hash is None else b'"%b"' % hexlify(after_hash)
        approved = canonical(approvals) if approvals else b"[]"
        return Draft(
            actor.tenant_id,
            record_id,
            self.action,
            self.outcome,
            actor.type,
            actor.id,
            actor.name,
            self.resource_type,
            self.resource_id,
            self.namespace_id,
            self.classification,
            decision_id if self._decision is not None else None,
            request_id,
            run,
            b"".join((before, after, between, approved, behind[:-1], b',"at":"')),
            middle,
            payload,
        )

    def _filled(self, holes: Sequence[bytes]) -> bytes:
        pieces = self._middle
        first = b"" if self._decision is None else holes[0]
        return b"".join((
            pieces[0], first, pieces[1], holes[1], pieces[2], holes[2], pieces[3], holes[3],
            pieces[4], holes[4], pieces[5], holes[5], pieces[6], holes[6], pieces[7], holes[7],
            pieces[8],
        ))  # fmt: skip

    def _capped(
        self, holes: Sequence[bytes], decision_id: Any, extra: Mapping[str, Any] | None
    ) -> bytes:
        """The same with hashes in place of the decision and the details that are too large."""
        decision = self._template["decision"]
        whole = capped({**decision, "id": decision_id} if decision else None)
        rest = zip(HOLES, holes[2:], strict=True)
        filled = {name: orjson.Fragment(text) for name, text in rest}
        body = canonical(self._template | filled | {"decision": whole, "details": capped(extra)})
        return b"," + body[1:-1] + b',"version":'


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
    frame = Frame(
        actor=actor,
        action=action,
        resource_type=resource_type,
        resource_id=resource_id,
        outcome=outcome,
        reason=reason,
        decision=decision,
        namespace_id=namespace_id,
        classification=classification,
    )
    return frame.fill(
        call,
        decision_id=decision["id"] if decision else None,
        after_hash=after_hash,
        approvals=approvals,
        personal=personal,
        extra=extra,
        record_id=record_id,
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
def hashed(user_agent: str) -> bytes:
    """SHA-256 in hex."""
    return hexlify(sha256(plain(user_agent).encode()).digest())

"""Making keys and turning them over."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple
from uuid import UUID

from stateward.gate.audit.record import APPEND, canonical, compose
from stateward.gate.keys.counting import MESSAGES, ROTATE_AT, Count, Messages
from stateward.gate.keys.data_key import Purpose, StoredKey
from stateward.gate.keys.load import (
    load_keys,
    load_named_keys,
    load_namespace_keys,
    tenant_key_binding,
)
from stateward.gate.keys.ring import KeyRing
from stateward.gate.keys.root import KEY_BYTES, ensure_root_key
from stateward.kernel.flow import Flow, Statement
from stateward.kernel.ids import uuid7
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.models import PLATFORM

ADD_TENANT_KEY = "SELECT stateward_add_tenant_key(%s, %s, %s, %s)"
ADD_DATA_KEY = "SELECT stateward_add_data_key(%s, %s, %s::uuid, %s, %s, %s, %s::bytea)"
# One statement: the record stands if and only if the key was turned over.
ROTATE = f"""
SELECT ({APPEND.strip()})
FROM (SELECT stateward_rotate_data_key(%s, %s, %s, %s, %s) AS is_done) AS turn WHERE is_done
"""
COUNT = """
SELECT namespace_id, id FROM stateward_count_messages(%s, %s::uuid[], %s::int[], %s::bigint[], %s)
"""


def ensure_tenant_keys(tenant_id: UUID) -> Flow[KeyRing]:
    """Give a new tenant its key and its hash key; a tenant that ever had one is left as it is.

    In the caller's transaction, the one that makes the tenant.
    """
    ring = yield from load_keys(tenant_id)
    if ring.is_complete:
        return ring
    root = yield from ensure_root_key()
    key_id = uuid7()
    binding = tenant_key_binding(tenant_id, key_id, root.fingerprint)
    wrapped = root.wrap(os.urandom(KEY_BYTES), *binding)
    yield Statement(ADD_TENANT_KEY, (tenant_id, key_id, root.fingerprint, wrapped))
    ring = yield from load_keys(tenant_id)
    yield from _add_data_key(ring, None, "hash")
    return (yield from load_keys(tenant_id))


def ensure_namespace_key(tenant_id: UUID, namespace_id: UUID) -> Flow[None]:
    """Give a new namespace its data key, in the transaction that makes the namespace."""
    ring = yield from ensure_tenant_keys(tenant_id)
    yield from _add_data_key(ring, namespace_id, "value")


def rotate_namespace_key(
    namespace_id: UUID,
    *,
    actor: Actor,
    call: Call,
    reason: str = "asked for",
    decision: Mapping[str, Any] | None = None,
) -> Flow[int]:
    """Seal new values under a new version from now on; the old one only opens. The new version.

    Two at once make one new version. Raises ``KeysUnavailable`` where there is no active key.
    """
    ring = yield from load_keys(actor.tenant_id)
    yield from load_namespace_keys(ring, namespace_id)
    turn = Turn(actor, call, reason, decision)
    return (yield from _turn_over(ring, ring.active_version(namespace_id), turn))


def rotate_subject_key(
    namespace_id: UUID, key_id: UUID, *, actor: Actor, call: Call, reason: str
) -> Flow[int]:
    """The same for the key of one subject, by its id."""
    ring = yield from load_keys(actor.tenant_id)
    yield from load_named_keys(ring, namespace_id, [key_id])
    return (yield from _turn_over(ring, ring.newest(key_id), Turn(actor, call, reason)))


class Turn(NamedTuple):
    """Who turns a key over, and why."""

    actor: Actor
    call: Call
    reason: str
    decision: Mapping[str, Any] | None = None


def _turn_over(ring: KeyRing, old: StoredKey, turn: Turn) -> Flow[int]:
    new = _wrapped_key(ring, old, version=old.version + 1)
    draft = compose(
        actor=turn.actor,
        call=turn.call,
        action="key.rotate",
        resource_type="data_key",
        resource_id=str(old.id),
        namespace_id=old.namespace_id,
        reason=turn.reason,
        decision=turn.decision,
        extra={"from_version": old.version, "to_version": new.version},
    )
    record = (*draft[:-1], canonical(draft.payload).decode(), None, None)
    values = (ring.tenant_id, old.id, old.version, new.tenant_key_id, new.wrapped)
    yield Statement(ROTATE, (*record, *values))
    return new.version


def add_messages(messages: Messages = MESSAGES) -> Flow[int]:
    """Add what this process has sealed to the keys' rows, and turn over the keys that are due.

    One statement a tenant, which sets the tenant itself. How many keys were turned over.
    """
    waiting = messages.drain()
    turned = 0
    while waiting:
        tenant_id = waiting[0].counter.tenant_id
        own = [count for count in waiting if count.counter.tenant_id == tenant_id]
        try:
            due = yield from _add_counts(tenant_id, own)
        except BaseException:  # also when the caller was cancelled
            messages.put_back(waiting)
            raise
        waiting = [count for count in waiting if count.counter.tenant_id != tenant_id]
        for namespace_id, key_id in due:
            yield from rotate_subject_key(
                namespace_id, key_id, actor=_keeper(tenant_id), call=CALL, reason="messages"
            )
            turned += 1
    return turned


def _add_counts(tenant_id: UUID, counts: list[Count]) -> Flow[list[tuple[UUID, UUID]]]:
    """Add to the rows of one tenant's keys; the namespaces and keys that are due."""
    ids = [count.counter.key_id for count in counts]
    versions = [count.counter.version for count in counts]
    numbers = [count.messages for count in counts]
    rows = yield Statement(COUNT, (tenant_id, ids, versions, numbers, ROTATE_AT))
    return [(row[0], row[1]) for row in rows]


CALL = Call(request_id="key-messages")


def _keeper(tenant_id: UUID) -> Actor:
    return Actor("system", PLATFORM, "key keeper", tenant_id, "", (), auth_method="system")


def ensure_index_key(tenant_id: UUID, namespace_id: UUID) -> Flow[None]:
    """Give a namespace the key of its blind index."""
    ring = yield from load_keys(tenant_id)
    yield from _add_data_key(ring, namespace_id, "index")


def add_subject_key(ring: KeyRing, namespace_id: UUID, subject: bytes) -> Flow[None]:
    """Give a subject a key in a namespace, unless there ever was one."""
    yield from _add_data_key(ring, namespace_id, "value", subject)


def _add_data_key(
    ring: KeyRing, namespace_id: UUID | None, purpose: Purpose, subject: bytes | None = None
) -> Flow[None]:
    shape = StoredKey(
        uuid7(), 0, namespace_id, purpose, "active", ring.wrapping_key, b"", 0, subject
    )
    new = _wrapped_key(ring, shape, version=1)
    yield Statement(
        ADD_DATA_KEY,
        (ring.tenant_id, new.id, namespace_id, purpose, new.tenant_key_id, new.wrapped, subject),
    )


def _wrapped_key(ring: KeyRing, like: StoredKey, *, version: int) -> StoredKey:
    """A new key out of the system's random numbers, known only in its wrapping."""
    tenant_key_id = ring.wrapping_key
    shape = replace(
        like, version=version, state="active", tenant_key_id=tenant_key_id, wrapped=b"", messages=0
    )
    key = os.urandom(KEY_BYTES)
    wrapped = ring.wrapper(tenant_key_id).wrap(key, *shape.binding(ring.tenant_id))
    return replace(shape, wrapped=wrapped)

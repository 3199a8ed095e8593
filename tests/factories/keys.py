"""Key rings made of plain keys, for what needs no database."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from stateward.gate.keys.counting import Messages
from stateward.gate.keys.data_key import Purpose, State, StoredKey
from stateward.gate.keys.ring import KeyRing
from stateward.gate.keys.root import Wrapper
from stateward.kernel.ids import uuid7

TENANT_KEY = UUID(int=7)
WRAPPER = Wrapper(bytes(32))


def make_stored_key(
    tenant_id: UUID,
    namespace_id: UUID | None,
    *,
    key: bytes = bytes(range(32)),
    key_id: UUID | None = None,
    version: int = 1,
    state: State = "active",
    messages: int = 0,
    tenant_key_id: UUID = TENANT_KEY,
) -> StoredKey:
    purpose: Purpose = "hash" if namespace_id is None else "value"
    shape = (key_id or uuid7(), version, namespace_id, purpose, state, tenant_key_id)
    binding = StoredKey(*shape, b"", messages).binding(tenant_id)
    return StoredKey(*shape, WRAPPER.wrap(key, *binding), messages)


def make_ring(
    tenant_id: UUID, stored: Sequence[StoredKey], *, messages: Messages | None = None
) -> KeyRing:
    return KeyRing(
        tenant_id,
        {TENANT_KEY: WRAPPER},
        stored,
        wrapping_key=TENANT_KEY,
        messages=messages or Messages(),
    )

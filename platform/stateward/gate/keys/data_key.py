"""A data key: one version as the database holds it, wrapped, and unwrapped as a cipher."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from stateward.gate.keys.counting import Messages
from stateward.gate.keys.framing import (
    COMPRESSED,
    FORMAT,
    LENGTH,
    PREAMBLE,
    framed,
    identity,
)

Purpose = Literal["value", "hash", "index"]
State = Literal["active", "decrypt_only", "retired", "destroyed"]

WRITE_ID_BYTES = 16
WRITE_ID_FRAME = LENGTH(WRITE_ID_BYTES)


@dataclass(frozen=True, slots=True)
class StoredKey:
    """One version of a data key as the database holds it. The hash key has no namespace."""

    id: UUID
    version: int
    namespace_id: UUID | None
    purpose: Purpose
    state: State
    tenant_key_id: UUID
    wrapped: bytes
    messages: int
    subject: bytes | None = None  # keyed hash of whom it belongs to; None: the namespace's own

    def binding(self, tenant_id: UUID) -> tuple[bytes, ...]:
        """What the wrapped key is bound to."""
        namespace = self.namespace_id.bytes if self.namespace_id else b""
        whose = () if self.subject is None else (self.subject,)
        return (
            b"data key",
            tenant_id.bytes,
            namespace,
            self.purpose.encode(),
            identity(self.id, self.version),
            self.tenant_key_id.bytes,
            *whose,
        )


class Place(NamedTuple):
    """Where a data key belongs."""

    tenant_id: UUID
    namespace_id: UUID


class DataKey:
    """An unwrapped namespace key, with the parts of header and AAD that never change."""

    __slots__ = (
        "aead", "before", "before_compressed", "behind", "counter", "header", "id", "namespace_id",
        "version",
    )  # fmt: skip

    def __init__(self, place: Place, stored: StoredKey, key: bytes, messages: Messages) -> None:
        self.id = stored.id
        self.version = stored.version
        self.namespace_id = place.namespace_id
        self.aead = AESGCM(key)
        self.header = PREAMBLE + identity(stored.id, stored.version)
        whose = (place.tenant_id.bytes, place.namespace_id.bytes)
        self.before = framed(bytes((FORMAT,)), *whose)
        self.before_compressed = framed(bytes((COMPRESSED,)), *whose)
        self.behind = framed(stored.id.bytes, LENGTH(stored.version))
        self.counter = messages.counter(place.tenant_id, stored.id, stored.version)
        self.counter.know(stored.messages)

    def binding(
        self, key: str, field: str, write_id: bytes, *, is_compressed: bool = False
    ) -> bytes:
        """The AAD: format, tenant, namespace, key, field, write id, key id, key version."""
        name, part = key.encode(), field.encode()
        return b"".join(
            (
                self.before_compressed if is_compressed else self.before,
                LENGTH(len(name)),
                name,
                LENGTH(len(part)),
                part,
                WRITE_ID_FRAME,
                write_id,
                self.behind,
            )
        )

"""Sealing and opening values with a tenant's keys, as they were at one epoch.

The chain: the root key, outside the database, wraps the tenant's key; that wraps a data key for
each namespace, in versions, and the tenant's hash key. A data key is unwrapped when it is first
needed and kept as a cipher object for as long as the ring lives.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from stateward.gate.audit.record import commitment
from stateward.gate.keys.compression import compressed, inflated
from stateward.gate.keys.counting import MESSAGES, Messages
from stateward.gate.keys.data_key import (
    WRITE_ID_BYTES,
    DataKey,
    Place,
    StoredKey,
)
from stateward.gate.keys.exceptions import (
    CannotOpen,
    KeyDestroyed,
    KeysUnavailable,
    SubjectShredded,
)
from stateward.gate.keys.framing import (
    COMPRESSED_PREAMBLE,
    IDENTITY_BEGIN,
    IDENTITY_END,
    NONCE_BYTES,
    NONCE_END,
    OVERHEAD_BYTES,
    PREAMBLE,
    identity,
    key_named,
)
from stateward.gate.keys.root import Wrapper

SUBJECT = b"data subject\x00"
MOST_NAMED = 20_000  # keys of subjects that a ring keeps; beyond it they are looked up anew


class Sealed(NamedTuple):
    """A sealed value: ``data`` is header, ciphertext and tag; it opens only with its write id."""

    write_id: UUID
    key_id: UUID
    key_version: int
    data: bytes


class KeyRing:
    """A tenant's keys.

    ``tenant_keys`` are its unwrapped key-wrapping keys by id; ``wrapping_key`` names the one that
    wraps new data keys, None where the tenant has none.
    """

    def __init__(
        self,
        tenant_id: UUID,
        tenant_keys: Mapping[UUID, Wrapper],
        stored: Iterable[StoredKey],
        *,
        wrapping_key: UUID | None,
        messages: Messages = MESSAGES,
    ) -> None:
        self.tenant_id = tenant_id
        self._tenant_keys = tenant_keys
        self._wrapping_key = wrapping_key
        self._messages = messages
        self._stored: dict[bytes, StoredKey] = {}
        self._active: dict[UUID | None, StoredKey] = {}
        self._index: dict[UUID, StoredKey] = {}
        self._of_subjects: dict[tuple[UUID, bytes], StoredKey] = {}
        self._with_subjects: set[UUID] = set()
        self._newest: dict[UUID, StoredKey] = {}  # by the key's id: what seals
        self._sealing: dict[UUID, DataKey] = {}
        self._opening: dict[bytes, DataKey] = {}
        self._hash: HMAC | None = None
        self._known: set[UUID | None] = set()
        self.add(None, stored)

    def add(self, namespace_id: UUID | None, stored: Iterable[StoredKey]) -> None:
        """Put in all the keys of a namespace, or (None) those of the tenant itself."""
        for key in stored:
            self._stored[identity(key.id, key.version)] = key
            if key.state != "active":
                continue
            if key.subject is not None:
                continue
            if key.purpose == "index" and key.namespace_id is not None:
                self._index[key.namespace_id] = key
            else:
                self._active[key.namespace_id] = self._newest[key.id] = key
        self._known.add(namespace_id)

    def add_named(self, namespace_id: UUID, stored: Iterable[StoredKey]) -> None:
        """Put in keys of subjects that were looked up; destroyed ones are known as such."""
        if len(self._of_subjects) >= MOST_NAMED:
            for key in self._of_subjects.values():
                self._sealing.pop(key.id, None)
                for name in (identity(key.id, key.version), *self._older(key)):
                    self._stored.pop(name, None)
                    self._opening.pop(name, None)
            self._of_subjects.clear()
        for key in stored:
            self._stored[identity(key.id, key.version)] = key
            if key.state == "active" and key.purpose == "value":
                self._newest[key.id] = key
            if key.subject is None:
                continue
            if key.state in ("active", "destroyed"):
                self._of_subjects.setdefault((namespace_id, key.subject), key)
            if key.state == "active":
                self._of_subjects[namespace_id, key.subject] = key

    def _older(self, key: StoredKey) -> list[bytes]:
        return [identity(key.id, version) for version in range(1, key.version)]

    def has_subjects(self, namespace_id: UUID) -> bool:
        """Whether values of the namespace may be under keys that have to be looked up."""
        return namespace_id in self._with_subjects

    def expect_subjects(self, namespace_id: UUID) -> None:
        """Values of the namespace may be under keys of subjects from now on."""
        self._with_subjects.add(namespace_id)

    def unknown(self, sealed: Iterable[bytes | None]) -> list[UUID]:
        """The ids of keys that the values name and the ring has not met."""
        whole = [data for data in sealed if data and len(data) >= OVERHEAD_BYTES]
        names = {bytes(data[IDENTITY_BEGIN:IDENTITY_END]) for data in whole}
        return [key_named(name)[0] for name in names if name not in self._stored]

    def subject_hash(self, subject: str) -> bytes:
        """What the database calls a subject: HMAC-SHA256 under the tenant's hash key."""
        return self.value_hash(SUBJECT + subject.encode())

    def knows_subject(self, namespace_id: UUID, subject: bytes) -> bool:
        """Whether the subject's key in the namespace was looked up, and there is one."""
        return (namespace_id, subject) in self._of_subjects

    def knows(self, namespace_id: UUID) -> bool:
        """Whether the namespace's keys were put in; it may have none."""
        return namespace_id in self._known

    def seal(
        self,
        namespace_id: UUID,
        key: str,
        field: str,
        plaintext: bytes,
        *,
        compress_over: int | None = None,
        subject: bytes | None = None,
    ) -> Sealed:
        """Encrypt under the namespace's active key, or that of ``subject`` (a ``subject_hash``
        whose key was looked up), bound to its place and to a new write id; compressed before where
        it has ``compress_over`` bytes and that pays.

        Raises ``KeysUnavailable`` when there is no active key, or that is worn out;
        ``SubjectShredded`` when the subject's was destroyed.
        """
        random = os.urandom(WRITE_ID_BYTES + NONCE_BYTES)
        place = (namespace_id, key, field)
        write_id, nonce = random[:WRITE_ID_BYTES], random[WRITE_ID_BYTES:]
        under = None if subject is None else self._key_of_subject(namespace_id, subject)
        smaller = None
        if compress_over is not None and len(plaintext) >= compress_over:
            smaller = compressed(plaintext)
        if smaller is None:
            return self._seal(place, plaintext, write_id, nonce, under=under)
        return self._seal(place, smaller, write_id, nonce, is_compressed=True, under=under)

    def seal_smaller(
        self, namespace_id: UUID, key: str, field: str, plaintext: bytes, write_id: UUID,
        *, like: bytes,
    ) -> Sealed | None:  # fmt: skip
        """As ``seal_as``, compressed, under the key that the value ``like`` is under; None where it
        does not pay.
        """
        smaller = compressed(plaintext)
        if smaller is None:
            return None
        place = (namespace_id, key, field)
        nonce = os.urandom(NONCE_BYTES)
        newest = self.newest(key_named(like[IDENTITY_BEGIN:IDENTITY_END])[0])
        under = self._sealing_under(newest, namespace_id)
        return self._seal(place, smaller, write_id.bytes, nonce, is_compressed=True, under=under)

    def seal_as(
        self, namespace_id: UUID, key: str, field: str, plaintext: bytes, write_id: UUID
    ) -> Sealed:
        """As ``seal``, under a write id that is given: for a value that comes from elsewhere with
        its revision.
        """
        place = (namespace_id, key, field)
        return self._seal(place, plaintext, write_id.bytes, os.urandom(NONCE_BYTES))

    def _seal(
        self,
        place: tuple[UUID, str, str],
        plaintext: bytes,
        write_id: bytes,
        nonce: bytes,
        *,
        is_compressed: bool = False,
        under: DataKey | None = None,
    ) -> Sealed:
        namespace_id, key, field = place
        data_key = under or self._sealing.get(namespace_id) or self._begin_sealing(namespace_id)
        counter = data_key.counter
        counter.counted += 1
        if counter.counted > counter.ceiling:
            raise KeysUnavailable("a data key has sealed all the messages it may")
        binding = data_key.binding(key, field, write_id, is_compressed=is_compressed)
        ciphertext = data_key.aead.encrypt(nonce, plaintext, binding)
        header = data_key.header
        if is_compressed:
            header = COMPRESSED_PREAMBLE + header[len(PREAMBLE) :]
        return Sealed(
            UUID(bytes=write_id), data_key.id, data_key.version, header + nonce + ciphertext
        )

    def open(self, namespace_id: UUID, key: str, field: str, write_id: UUID, data: bytes) -> bytes:
        """The plaintext. ``CannotOpen`` for anything but what ``seal`` gave for this place."""
        plaintext, is_compressed, _ = self._opened(namespace_id, key, field, write_id, data)
        return inflated(plaintext) if is_compressed else plaintext

    def reseal(
        self, namespace_id: UUID, key: str, field: str, write_id: UUID, data: bytes
    ) -> bytes | None:
        """The same value in the same form under the version that seals now of the very key it is
        under; None where it is under that already. As long as it was, to the byte.
        """
        plaintext, is_compressed, old = self._opened(namespace_id, key, field, write_id, data)
        newest = self._newest.get(old.id)
        if newest is None:
            raise KeysUnavailable("no version of the value's key seals any more")
        if newest.version == old.version:
            return None
        sealed = self._seal(
            (namespace_id, key, field),
            plaintext,
            write_id.bytes,
            os.urandom(NONCE_BYTES),
            is_compressed=is_compressed,
            under=self._sealing_under(newest, namespace_id),
        )
        return sealed.data

    def _opened(
        self, namespace_id: UUID, key: str, field: str, write_id: UUID, data: bytes
    ) -> tuple[bytes, bool, DataKey]:
        """What was sealed, whether it is compressed, and the key it was under."""
        if len(data) < OVERHEAD_BYTES:
            raise CannotOpen("truncated")
        preamble = data[: len(PREAMBLE)]
        is_compressed = preamble == COMPRESSED_PREAMBLE
        if preamble != PREAMBLE and not is_compressed:
            raise CannotOpen("unknown format")
        name = data[len(PREAMBLE) : IDENTITY_END]
        data_key = self._opening.get(name) or self._begin_opening(name)
        if data_key.namespace_id != namespace_id:
            raise CannotOpen("another namespace's key")
        binding = data_key.binding(key, field, write_id.bytes, is_compressed=is_compressed)
        nonce, ciphertext = data[IDENTITY_END:NONCE_END], data[NONCE_END:]
        try:
            return data_key.aead.decrypt(nonce, ciphertext, binding), is_compressed, data_key
        except InvalidTag:
            raise CannotOpen("altered, or moved from its place") from None

    def value_hash(self, plaintext: bytes) -> bytes:
        """HMAC-SHA256 under the tenant's hash key: 32 bytes, equal for equal values of a tenant."""
        keyed = (self._hash or self._begin_hashing()).copy()
        keyed.update(plaintext)
        return keyed.finalize()

    def commit(self, salt: bytes, text: str) -> str:
        """The salted commitment, in hex, that stands for a personal value in the audit record."""
        return commitment(salt, text)

    @property
    def is_complete(self) -> bool:
        """Whether the tenant has what every tenant has: a key to wrap with, and a hash key."""
        return self._wrapping_key is not None and None in self._active

    def active_version(self, namespace_id: UUID) -> StoredKey:
        """The key that new values of the namespace are sealed under."""
        stored = self._active.get(namespace_id)
        if stored is None:
            raise KeysUnavailable("the namespace has no active key")
        return stored

    def newest(self, key_id: UUID) -> StoredKey:
        """The version of this key that seals."""
        found = self._newest.get(key_id)
        if found is None:
            raise KeysUnavailable("no version of that key seals any more")
        return found

    def wrapper(self, tenant_key_id: UUID) -> Wrapper:
        """The unwrapped tenant key that wraps data keys."""
        found = self._tenant_keys.get(tenant_key_id)
        if found is None:
            raise KeysUnavailable("the tenant key of a data key is missing")
        return found

    @property
    def wrapping_key(self) -> UUID:
        """The id of the tenant key that new data keys are wrapped under."""
        if self._wrapping_key is None:
            raise KeysUnavailable("the tenant has no active key")
        return self._wrapping_key

    def _begin_sealing(self, namespace_id: UUID) -> DataKey:
        data_key = self._unwrapped(self.active_version(namespace_id), namespace_id)
        self._sealing[namespace_id] = data_key
        return data_key

    def _key_of_subject(self, namespace_id: UUID, subject: bytes) -> DataKey:
        stored = self._of_subjects.get((namespace_id, subject))
        if stored is None:
            raise KeysUnavailable("the subject's key was not looked up")
        if stored.state != "active":
            raise SubjectShredded
        return self._sealing_under(stored, namespace_id)

    def _sealing_under(self, stored: StoredKey, namespace_id: UUID) -> DataKey:
        found = self._sealing.get(stored.id)
        if found is None or found.version != stored.version:
            found = self._sealing[stored.id] = self._unwrapped(stored, namespace_id)
        return found

    def _begin_opening(self, name: bytes) -> DataKey:
        stored = self._stored.get(bytes(name))
        if stored is None or stored.namespace_id is None:
            raise CannotOpen("no such key")
        if stored.state == "destroyed":
            raise KeyDestroyed("its key was destroyed")
        return self._unwrapped(stored, stored.namespace_id)

    def _unwrapped(self, stored: StoredKey, namespace_id: UUID) -> DataKey:
        place = Place(self.tenant_id, namespace_id)
        data_key = DataKey(place, stored, self._key(stored), self._messages)
        self._opening[identity(stored.id, stored.version)] = data_key
        return data_key

    def _begin_hashing(self) -> HMAC:
        stored = self._active.get(None)
        if stored is None:
            raise KeysUnavailable("the tenant has no hash key")
        self._hash = HMAC(self._key(stored), SHA256())
        return self._hash

    def _key(self, stored: StoredKey) -> bytes:
        wrapper = self.wrapper(stored.tenant_key_id)
        return wrapper.unwrap(stored.wrapped, *stored.binding(self.tenant_id))

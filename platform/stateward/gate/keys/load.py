"""From the database's wrapped keys to a ring. Makes nothing: what is missing stays missing."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from stateward.gate.keys.data_key import StoredKey
from stateward.gate.keys.exceptions import RootKeyRefused
from stateward.gate.keys.ring import KeyRing
from stateward.gate.keys.root import Wrapper, root_key, root_keys
from stateward.kernel.flow import Flow, Row, Statement

LOAD = "SELECT * FROM stateward_keys(%s, %s::uuid)"
NAMED = "SELECT * FROM stateward_named_keys(%s, %s::uuid, %s::bytea, %s::uuid[])"


def load_keys(tenant_id: UUID) -> Flow[KeyRing]:
    """The tenant's ring, with no namespace's keys in it yet: ``load_namespace_keys`` adds those.

    One statement, in whatever transaction. Raises ``RootKeyRefused`` when the tenant's key is
    wrapped under another root key. The ring of a tenant without keys refuses to seal.
    """
    rows = yield Statement(LOAD, (tenant_id, None))
    tenants = [row[1:] for row in rows if row[0] == "tenant"]
    active = [row[0] for row in tenants if row[6] == "active"]
    return KeyRing(
        tenant_id,
        {row[0]: _tenant_key(tenant_id, row) for row in tenants},
        [_stored_key(row[1:]) for row in rows if row[0] == "data"],
        wrapping_key=active[0] if active else None,
    )


def load_namespace_keys(ring: KeyRing, namespace_id: UUID) -> Flow[None]:
    """Put a namespace's keys into the ring, unless they are there: the active one and the old ones.

    They are as new as this moment; what is changed later raises the epoch of keys, under which the
    ring is kept.
    """
    if ring.knows(namespace_id):
        return
    rows = yield Statement(LOAD, (ring.tenant_id, namespace_id))
    ring.add(namespace_id, [_stored_key(row[1:]) for row in rows if row[0] == "data"])
    if any(row[0] == "subjects" for row in rows):
        ring.expect_subjects(namespace_id)


def load_keys_of(ring: KeyRing, namespace_id: UUID, sealed: Iterable[bytes | None]) -> Flow[None]:
    """Look up the keys that these values of a namespace are under and the ring has not met: of
    subjects, or a version that another process has made a moment ago. Before they are opened; no
    statement where all are known.
    """
    missing = ring.unknown(sealed)
    if missing:
        yield from load_named_keys(ring, namespace_id, missing)


def load_named_keys(ring: KeyRing, namespace_id: UUID, key_ids: list[UUID]) -> Flow[None]:
    """Put all versions of these keys of a namespace into the ring."""
    rows = yield Statement(NAMED, (ring.tenant_id, namespace_id, None, key_ids))
    ring.add_named(namespace_id, [_stored_key(row[1:]) for row in rows])


def load_subject_key(ring: KeyRing, namespace_id: UUID, subject: bytes) -> Flow[None]:
    """Look up a subject's key in a namespace; ``subjects.py`` makes those that are missing."""
    rows = yield Statement(NAMED, (ring.tenant_id, namespace_id, subject, []))
    ring.add_named(namespace_id, [_stored_key(row[1:]) for row in rows])


def tenant_key_binding(tenant_id: UUID, key_id: UUID, fingerprint: str) -> tuple[bytes, ...]:
    """What a wrapped tenant key is bound to."""
    return (b"tenant key", tenant_id.bytes, key_id.bytes, fingerprint.encode())


def _tenant_key(tenant_id: UUID, row: Row) -> Wrapper:
    key_id, wrapped, fingerprint = row[0], bytes(row[1]), row[2]
    root = root_keys().get(fingerprint)
    if root is None:
        raise RootKeyRefused(root_key().fingerprint, (fingerprint,))
    return Wrapper(root.unwrap(wrapped, *tenant_key_binding(tenant_id, key_id, fingerprint)))


def _stored_key(row: Row) -> StoredKey:
    key_id, wrapped, _, version, namespace_id, purpose, state, tenant_key_id, messages = row[:9]
    subject = row[9]
    return StoredKey(
        id=key_id,
        version=version,
        namespace_id=namespace_id,
        purpose=purpose,
        state=state,
        tenant_key_id=tenant_key_id,
        wrapped=bytes(wrapped),
        messages=messages,
        subject=None if subject is None else bytes(subject),
    )

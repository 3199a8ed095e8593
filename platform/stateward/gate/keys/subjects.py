"""A data key for each person a namespace's values are about, so that one can be erased alone.

Who that is stands in the value, or in the key, where the namespace's setting says. The database
knows a subject only by HMAC-SHA256 under the tenant's hash key.
"""

from __future__ import annotations

from uuid import UUID

from stateward.gate.keys.load import load_subject_key
from stateward.gate.keys.ring import KeyRing
from stateward.gate.keys.services import add_subject_key
from stateward.kernel.flow import Flow


def ensure_subject_key(ring: KeyRing, namespace_id: UUID, subject: str) -> Flow[bytes]:
    """The subject's hash, for ``ring.seal``; its key is in the ring, made if there never was one.

    A key that is made stays, whatever becomes of the write: it seals nothing by itself.
    """
    name = ring.subject_hash(subject)
    if ring.knows_subject(namespace_id, name):
        return name
    yield from load_subject_key(ring, namespace_id, name)
    if not ring.knows_subject(namespace_id, name):
        yield from add_subject_key(ring, namespace_id, name)
        yield from load_subject_key(ring, namespace_id, name)
    ring.expect_subjects(namespace_id)
    return name

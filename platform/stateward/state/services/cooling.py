"""The cold tier: revisions as old as their namespace says are sealed anew, compressed.

A walk along the history in order of time, which looks at each revision once: in batches, each one
transaction that ends with the place the walk has come to. Nothing is lost on the way: the old bytes
are replaced only where they are still those that were read, the new ones are read back and opened
before the transaction ends, and a worker killed anywhere leaves the batch as it was. What the value
is does not change, nor does its hash, so proofs of the audit stay what they were.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID

import orjson

from stateward.gate.keys.exceptions import CannotOpen
from stateward.gate.keys.framing import PREAMBLE
from stateward.gate.keys.load import load_keys_of, load_namespace_keys
from stateward.gate.keys.ring import KeyRing
from stateward.kernel.flow import Flow, Statement
from stateward.state.bounds import Bounds
from stateward.state.configuration import load_configuration
from stateward.state.entries import FIELD

SMALLEST = 256  # bytes sealed: below it nothing is gained
BEGIN = (
    "INSERT INTO stateward_tier (tenant_id, namespace_id) VALUES (%s, %s) ON CONFLICT DO NOTHING"
)
LOCK = """
SELECT cold_at, cold_id FROM stateward_tier WHERE tenant_id = %s AND namespace_id = %s FOR UPDATE
"""
NEXT = """
SELECT at, id, key, CASE WHEN octet_length(value) >= %(smallest)s THEN value END, value_hash
FROM stateward_revision
WHERE tenant_id = %(tenant)s AND namespace_id = %(namespace)s AND (at, id) > (%(at)s, %(id)s)
  AND at < clock_timestamp() - make_interval(days => %(days)s)
ORDER BY at, id LIMIT %(limit)s
"""
RESEAL = "SELECT * FROM stateward_reseal(%s, %s::json, %s)"
READ_BACK = """
SELECT id, key, value, value_hash FROM stateward_revision
WHERE tenant_id = %s AND at = ANY (%s) AND id = ANY (%s)
"""
KEEP = """
UPDATE stateward_tier SET cold_at = %s, cold_id = %s, cold_revisions = cold_revisions + %s,
    cold_bytes_before = cold_bytes_before + %s, cold_bytes_after = cold_bytes_after + %s,
    looked_revisions = looked_revisions + %s, updated_at = clock_timestamp()
WHERE tenant_id = %s AND namespace_id = %s
"""


class Old(NamedTuple):
    """A revision that the walk comes by; no value where it is too small, or has none."""

    at: datetime
    id: UUID
    key: str
    value: bytes | None
    value_hash: bytes | None


@dataclass(frozen=True, slots=True)
class Cooled:
    """What one batch came to: revisions looked at and compressed, their sealed bytes."""

    looked: int = 0
    revisions: int = 0
    before: int = 0
    after: int = 0


class Lost(Exception):
    """A value read back is not the one that was put down: the batch is undone."""


def cool(tenant_id: UUID, namespace_id: UUID, limit: int) -> Flow[Cooled]:
    """The next ``limit`` revisions of the namespace that are old enough. In the tenant's scope, in
    a transaction of the caller's.
    """
    configuration = yield from load_configuration(tenant_id, max_age=0)
    bounds = configuration.bounds.get(namespace_id, Bounds())
    if bounds.compress_after_days is None:
        return Cooled()
    keys = configuration.keys
    yield from load_namespace_keys(keys, namespace_id)
    yield Statement(BEGIN, (tenant_id, namespace_id))
    (at, last), *_ = yield Statement(LOCK, (tenant_id, namespace_id))
    asked = {"tenant": tenant_id, "namespace": namespace_id, "at": at, "id": last}
    rows = yield Statement(
        NEXT, asked | {"days": bounds.compress_after_days, "smallest": SMALLEST, "limit": limit}
    )
    found = [Old(*row) for row in rows]
    if not found:
        return Cooled()
    done = yield from _replace(tenant_id, namespace_id, keys, found)
    counts = (done.revisions, done.before, done.after, done.looked)
    yield Statement(KEEP, (found[-1].at, found[-1].id, *counts, tenant_id, namespace_id))
    return done


def _replace(
    tenant_id: UUID, namespace_id: UUID, keys: KeyRing, found: Sequence[Old]
) -> Flow[Cooled]:
    yield from load_keys_of(keys, namespace_id, [old.value for old in found])
    items, blob, offset, sizes = [], [], 0, {}
    for old in found:
        smaller = _smaller(keys, namespace_id, old)
        if smaller is None or old.value is None:
            continue
        items.append(
            {
                "at": old.at,
                "id": old.id,
                "h": sha256(old.value).hexdigest(),
                "o": offset,
                "l": len(smaller),
            }
        )
        blob.append(smaller)
        offset += len(smaller)
        sizes[old.id] = (len(old.value), len(smaller))
    if not items:
        return Cooled(looked=len(found))
    rows = yield Statement(RESEAL, (tenant_id, orjson.dumps(items).decode(), b"".join(blob)))
    replaced = [row[0] for row in rows]
    times = [item["at"] for item in items]
    back = yield Statement(READ_BACK, (tenant_id, times, replaced))
    if len(back) != len(replaced):
        raise Lost
    for write_id, key, value, value_hash in back:
        _verify(keys, namespace_id, Old(found[0].at, write_id, key, bytes(value), value_hash))
    before, after = (sum(sizes[one][place] for one in replaced) for place in (0, 1))
    return Cooled(len(found), len(replaced), before, after)


def _smaller(keys: KeyRing, namespace_id: UUID, old: Old) -> bytes | None:
    """The value sealed anew, compressed; None where it is small, compressed already, or does not
    get smaller. What does not open is left as it is: the integrity scan tells of it.
    """
    if old.value is None or bytes(old.value[: len(PREAMBLE)]) != PREAMBLE:
        return None
    try:
        plaintext = keys.open(namespace_id, old.key, FIELD, old.id, bytes(old.value))
    except CannotOpen:
        return None
    sealed = keys.seal_smaller(namespace_id, old.key, FIELD, plaintext, old.id, like=old.value)
    return sealed.data if sealed is not None and len(sealed.data) < len(old.value) else None


def _verify(keys: KeyRing, namespace_id: UUID, put: Old) -> None:
    plaintext = keys.open(namespace_id, put.key, FIELD, put.id, put.value or b"")
    if put.value_hash is not None and keys.value_hash(plaintext) != bytes(put.value_hash):
        raise Lost

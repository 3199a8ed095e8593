"""Turning over the keys that wrap keys: a tenant's, and the root key. No value is touched.

In the tenant's scope and the caller's transaction. The old key goes on opening, for what was
wrapped under it at that very moment; it is retired when nothing is.
"""

from __future__ import annotations

import os
from typing import NamedTuple
from uuid import UUID

from stateward.gate.keys.data_key import StoredKey
from stateward.gate.keys.exceptions import KeysUnavailable
from stateward.gate.keys.load import tenant_key_binding
from stateward.gate.keys.root import KEY_BYTES, Wrapper, ensure_root_key, root_keys
from stateward.gate.keys.versions import raise_key_epoch
from stateward.kernel.flow import Flow, Row, Statement
from stateward.kernel.ids import uuid7

# Locked against whoever adds a data key, whose row refers to it.
TENANT_KEYS = """
SELECT id, wrapped, root_key, state FROM stateward_tenant_key
WHERE tenant_id = %s AND state IN ('active', 'decrypt_only') ORDER BY created_at FOR UPDATE
"""
DATA_KEYS = """
SELECT id, version, namespace_id, purpose, state, tenant_key_id, wrapped, subject
FROM stateward_data_key
WHERE tenant_id = %s AND tenant_key_id <> %s AND state <> 'destroyed' ORDER BY id, version
FOR NO KEY UPDATE
"""
PUT_ASIDE = """
UPDATE stateward_tenant_key SET state = 'decrypt_only', turned_at = clock_timestamp()
WHERE tenant_id = %s AND state = 'active'
"""
ADD = """
INSERT INTO stateward_tenant_key (tenant_id, id, root_key, wrapped) VALUES (%s, %s, %s, %s)
"""
REWRAP = """
UPDATE stateward_data_key d SET wrapped = n.wrapped, tenant_key_id = %s
FROM unnest(%s::uuid[], %s::integer[], %s::bytea[]) AS n (id, version, wrapped)
WHERE d.tenant_id = %s AND d.id = n.id AND d.version = n.version
"""
# A key that was put aside a day ago: whoever was about to wrap something under it has done so.
RETIRE = """
UPDATE stateward_tenant_key t SET state = 'retired', retired_at = clock_timestamp()
WHERE t.tenant_id = %s AND t.state = 'decrypt_only'
  AND t.turned_at < clock_timestamp() - interval '1 day'
  AND NOT EXISTS (
      SELECT FROM stateward_data_key d
      WHERE d.tenant_id = t.tenant_id AND d.tenant_key_id = t.id AND d.state <> 'destroyed')
RETURNING t.id
"""
REWRAP_TENANT = """
UPDATE stateward_tenant_key SET wrapped = %s, root_key = %s WHERE tenant_id = %s AND id = %s
"""


class Turned(NamedTuple):
    """The new tenant key, and how many data keys were wrapped under it."""

    id: UUID
    keys: int


def rotate_tenant_key(tenant_id: UUID) -> Flow[Turned]:
    """Wrap the tenant's data keys under a new tenant key."""
    yield from raise_key_epoch(tenant_id)
    wrappers = yield from _wrappers(tenant_id)
    root = yield from ensure_root_key()
    key_id, key = uuid7(), os.urandom(KEY_BYTES)
    yield Statement(PUT_ASIDE, (tenant_id,))
    wrapped = root.wrap(key, *tenant_key_binding(tenant_id, key_id, root.fingerprint))
    yield Statement(ADD, (tenant_id, key_id, root.fingerprint, wrapped))
    keys = yield from _rewrap(tenant_id, wrappers, key_id, Wrapper(key))
    return Turned(key_id, keys)


def finish_tenant_rotation(tenant_id: UUID) -> Flow[int]:
    """Bring what was wrapped under the former key at the very moment of the turn under the new one,
    and retire former keys that nothing is under; how many were retired.
    """
    rows = yield Statement(TENANT_KEYS, (tenant_id,))
    active = [row[0] for row in rows if row[3] == "active"]
    if not active or len(rows) == 1:
        return 0
    yield from raise_key_epoch(tenant_id)
    wrappers = yield from _wrappers(tenant_id)
    yield from _rewrap(tenant_id, wrappers, active[0], wrappers[active[0]])
    return len((yield Statement(RETIRE, (tenant_id,))))


def rewrap_tenant_keys(tenant_id: UUID) -> Flow[int]:
    """Wrap the tenant's own keys under the root key in force; how many were under another."""
    root = yield from ensure_root_key()
    rows = yield Statement(TENANT_KEYS, (tenant_id,))
    moved = 0
    for key_id, wrapped, fingerprint, _ in rows:
        if fingerprint == root.fingerprint:
            continue
        key = _unwrap(tenant_id, key_id, bytes(wrapped), fingerprint)
        fresh = root.wrap(key, *tenant_key_binding(tenant_id, key_id, root.fingerprint))
        yield Statement(REWRAP_TENANT, (fresh, root.fingerprint, tenant_id, key_id))
        moved += 1
    if moved:
        yield from raise_key_epoch(tenant_id)
    return moved


def _wrappers(tenant_id: UUID) -> Flow[dict[UUID, Wrapper]]:
    rows = yield Statement(TENANT_KEYS, (tenant_id,))
    return {row[0]: Wrapper(_unwrap(tenant_id, row[0], bytes(row[1]), row[2])) for row in rows}


def _unwrap(tenant_id: UUID, key_id: UUID, wrapped: bytes, fingerprint: str) -> bytes:
    root = root_keys().get(fingerprint)
    if root is None:
        raise KeysUnavailable(f"the root key {fingerprint} was not given")
    return root.unwrap(wrapped, *tenant_key_binding(tenant_id, key_id, fingerprint))


def _rewrap(
    tenant_id: UUID, wrappers: dict[UUID, Wrapper], key_id: UUID, under: Wrapper
) -> Flow[int]:
    rows = yield Statement(DATA_KEYS, (tenant_id, key_id))
    ids, versions, fresh = [], [], []
    for one in rows:
        old = _stored(one)
        key = wrappers[old.tenant_key_id].unwrap(old.wrapped, *old.binding(tenant_id))
        new = StoredKey(
            old.id, old.version, old.namespace_id, old.purpose, old.state, key_id, b"", 0,
            old.subject,
        )  # fmt: skip
        ids.append(old.id)
        versions.append(old.version)
        fresh.append(under.wrap(key, *new.binding(tenant_id)))
    yield Statement(REWRAP, (key_id, ids, versions, fresh, tenant_id))
    return len(rows)


def _stored(row: Row) -> StoredKey:
    key_id, version, namespace_id, purpose, state, tenant_key_id, wrapped, subject = row
    return StoredKey(
        key_id, version, namespace_id, purpose, state, tenant_key_id, bytes(wrapped), 0,
        None if subject is None else bytes(subject),
    )  # fmt: skip

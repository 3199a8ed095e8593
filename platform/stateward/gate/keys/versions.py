"""Key versions as the database holds them, and the steps of their life after the first.

In the tenant's scope and the caller's transaction. What a step rests on (that nothing is under a
version any more, that others agreed) whoever calls has made sure of.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from stateward.gate.keys.data_key import Purpose, State
from stateward.gate.keys.framing import identity
from stateward.kernel.flow import Flow, Statement
from stateward.tenancy.actors import Actor

COLUMNS = """
id, version, namespace_id, purpose, state, messages, subject, is_compromised, gathers, created_at,
turned_at, retired_at, destroyed_at
"""
OF_NAMESPACE = f"""
SELECT {COLUMNS} FROM stateward_data_key
WHERE tenant_id = %s AND namespace_id = %s AND purpose = 'value' AND subject IS NULL
ORDER BY created_at DESC, version DESC
"""
OLD = f"""
SELECT {COLUMNS} FROM stateward_data_key
WHERE tenant_id = %s AND namespace_id = %s AND purpose = 'value' AND state = 'decrypt_only'
ORDER BY created_at, version
"""
LOCKED = f"""
SELECT {COLUMNS} FROM stateward_data_key
WHERE tenant_id = %s AND id = %s AND version = %s FOR UPDATE
"""
TO_MOVE = """
SELECT DISTINCT namespace_id FROM stateward_data_key
WHERE tenant_id = %s AND purpose = 'value' AND state = 'decrypt_only' ORDER BY 1
"""
BUMP = "UPDATE stateward_epoch SET epoch = epoch + 1, keys = keys + 1 WHERE tenant_id = %s"
GATHER = """
UPDATE stateward_data_key SET gathers = true
WHERE tenant_id = %s AND namespace_id = %s AND purpose = 'value' AND state = 'active'
  AND NOT gathers
"""
RETIRE = """
UPDATE stateward_data_key SET state = 'retired', retired_at = clock_timestamp()
WHERE tenant_id = %s AND id = %s AND version = %s AND state = 'decrypt_only' RETURNING 1
"""
BRING_BACK = """
UPDATE stateward_data_key SET state = 'decrypt_only', retired_at = NULL
WHERE tenant_id = %s AND id = %s AND version = %s AND state = 'retired' RETURNING 1
"""
COMPROMISED = """
UPDATE stateward_data_key SET is_compromised = true
WHERE tenant_id = %s AND id = %s AND version = %s
"""
# The wrapped bytes are overwritten; nothing else of the row changes.
DESTROY = """
UPDATE stateward_data_key SET state = 'destroyed', wrapped = '', destroyed_at = clock_timestamp()
WHERE tenant_id = %s AND id = %s AND (%s::integer IS NULL OR version = %s) AND state <> 'destroyed'
RETURNING version
"""


class KeyVersion(NamedTuple):
    """One version of a data key, without the key."""

    id: UUID
    version: int
    namespace_id: UUID
    purpose: Purpose
    state: State
    messages: int
    subject: bytes | None
    is_compromised: bool
    gathers: bool  # older values were sealed anew under it
    created_at: datetime
    turned_at: datetime | None
    retired_at: datetime | None
    destroyed_at: datetime | None

    @property
    def name(self) -> bytes:
        """What the header of a value calls it."""
        return identity(self.id, self.version)


def namespace_versions(tenant_id: UUID, namespace_id: UUID) -> Flow[list[KeyVersion]]:
    """All versions of a namespace's own key, newest first."""
    rows = yield Statement(OF_NAMESPACE, (tenant_id, namespace_id))
    return [KeyVersion(*row) for row in rows]


def old_versions(tenant_id: UUID, namespace_id: UUID) -> Flow[list[KeyVersion]]:
    """Versions that only open, of the namespace's key and those of its subjects."""
    rows = yield Statement(OLD, (tenant_id, namespace_id))
    return [KeyVersion(*row) for row in rows]


def lock_version(tenant_id: UUID, key_id: UUID, version: int) -> Flow[KeyVersion | None]:
    rows = yield Statement(LOCKED, (tenant_id, key_id, version))
    return KeyVersion(*rows[0]) if rows else None


def namespaces_to_move(tenant_id: UUID) -> Flow[list[UUID]]:
    """Namespaces that have versions which only open."""
    rows = yield Statement(TO_MOVE, (tenant_id,))
    return [row[0] for row in rows]


def raise_key_epoch(tenant_id: UUID) -> Flow[None]:
    """Every process looks at the tenant's keys anew: writes at once, reads within a second."""
    yield Statement(BUMP, (tenant_id,))


def note_gathering(tenant_id: UUID, namespace_id: UUID) -> Flow[None]:
    """From now on values that are older than the active versions are under them too."""
    yield Statement(GATHER, (tenant_id, namespace_id))


def retire_version(tenant_id: UUID, key_id: UUID, version: int) -> Flow[bool]:
    """It opens nothing any more; False where it is not one that only opens."""
    rows = yield Statement(RETIRE, (tenant_id, key_id, version))
    return bool(rows)


def bring_back_version(tenant_id: UUID, key_id: UUID, version: int) -> Flow[bool]:
    """A retired version opens again, because something under it was found after all."""
    yield from raise_key_epoch(tenant_id)
    rows = yield Statement(BRING_BACK, (tenant_id, key_id, version))
    return bool(rows)


def flag_compromised(tenant_id: UUID, key_id: UUID, version: int) -> Flow[None]:
    yield Statement(COMPROMISED, (tenant_id, key_id, version))


def destroy_key(actor: Actor, key_id: UUID, version: int | None) -> Flow[list[int]]:
    """Overwrite the wrapped key, of one version or (None) of all; the versions that were.

    Every process forgets what it had of it: with its next write, and with reads within a second.
    """
    yield from raise_key_epoch(actor.tenant_id)
    rows = yield Statement(DESTROY, (actor.tenant_id, key_id, version, version))
    return sorted(row[0] for row in rows)

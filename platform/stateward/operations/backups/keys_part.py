"""The archive's part of keys: every key the archive needs, each wrapped under another.

The root key, which is in no archive, opens the archive's own key and the tenant's; that opens the
data keys, and they the values. Whoever has the archive alone has nothing.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from stateward.gate.keys.data_key import StoredKey
from stateward.gate.keys.exceptions import KeysUnavailable
from stateward.gate.keys.load import tenant_key_binding
from stateward.gate.keys.ring import KeyRing
from stateward.gate.keys.root import Wrapper, root_key, root_keys
from stateward.operations.backups.connecting import Connection
from stateward.operations.backups.exceptions import ArchiveRefused
from stateward.operations.backups.manifest import KEYS
from stateward.operations.backups.signing import unwrap_archive_key, wrap_archive_key

TENANT_KEYS = """
SELECT id, wrapped, root_key FROM stateward_tenant_key
WHERE tenant_id = %s AND state IN ('active', 'decrypt_only') ORDER BY created_at
"""
DATA_KEYS = """
SELECT id, version, namespace_id, purpose, state, tenant_key_id, wrapped, subject
FROM stateward_data_key
WHERE tenant_id = %s AND state IN ('active', 'decrypt_only') ORDER BY id, version
"""


@dataclass(frozen=True, slots=True)
class ArchiveKeys:
    """What the part opens to."""

    archive_key: bytes
    ring: KeyRing  # opens values as they were sealed, and hashes as the former tenant did


def wrapped_keys(
    connection: Connection, archive_key: bytes, archive: UUID, tenant_id: UUID
) -> bytes:
    """The part."""
    tenant_keys = connection.execute(TENANT_KEYS, (tenant_id,)).fetchall()
    data_keys = connection.execute(DATA_KEYS, (tenant_id,)).fetchall()
    body = {
        "root_key": root_key().fingerprint,
        "archive_key": _text(wrap_archive_key(archive_key, archive, tenant_id)),
        "tenant_keys": [
            {"id": str(key_id), "wrapped": _text(wrapped), "root_key": name}
            for key_id, wrapped, name in tenant_keys
        ],
        "data_keys": [
            {
                "id": str(key_id),
                "version": version,
                "namespace_id": str(namespace_id) if namespace_id else None,
                "purpose": purpose,
                "state": state,
                "tenant_key_id": str(tenant_key_id),
                "wrapped": _text(wrapped),
                "subject": subject.hex() if subject else None,
            }
            for (
                key_id,
                version,
                namespace_id,
                purpose,
                state,
                tenant_key_id,
                wrapped,
                subject,
            ) in data_keys
        ],
    }
    return orjson.dumps(body, option=orjson.OPT_SORT_KEYS)


def open_keys(data: bytes, archive: UUID, tenant_id: UUID) -> ArchiveKeys:
    """Open the part with this installation's root key; ArchiveRefused where that is another."""
    try:
        body = orjson.loads(data)
        archive_key = unwrap_archive_key(_bytes(body["archive_key"]), archive, tenant_id)
        return ArchiveKeys(archive_key, _ring(body, tenant_id))
    except KeysUnavailable:
        raise ArchiveRefused(KEYS, "its keys do not open with this root key") from None
    except (KeyError, TypeError, ValueError):
        raise ArchiveRefused(KEYS, "it does not hold the keys of an archive") from None


def _ring(body: dict[str, Any], tenant_id: UUID) -> KeyRing:
    roots = root_keys()
    wrappers = {}
    for one in body["tenant_keys"]:
        key_id, root = UUID(one["id"]), roots.get(one["root_key"])
        if root is None:
            raise KeysUnavailable("it is under another root key")
        binding = tenant_key_binding(tenant_id, key_id, one["root_key"])
        wrappers[key_id] = Wrapper(root.unwrap(_bytes(one["wrapped"]), *binding))
    stored = [
        StoredKey(
            id=UUID(one["id"]),
            version=one["version"],
            namespace_id=UUID(one["namespace_id"]) if one["namespace_id"] else None,
            purpose=one["purpose"],
            state=one["state"],
            tenant_key_id=UUID(one["tenant_key_id"]),
            wrapped=_bytes(one["wrapped"]),
            messages=0,
            subject=bytes.fromhex(one["subject"]) if one.get("subject") else None,
        )
        for one in body["data_keys"]
    ]
    ring = KeyRing(tenant_id, wrappers, [], wrapping_key=None)
    for namespace_id in {key.namespace_id for key in stored}:
        ring.add(namespace_id, [key for key in stored if key.namespace_id == namespace_id])
    return ring


def _text(data: bytes) -> str:
    return b64encode(data).decode()


def _bytes(text: str) -> bytes:
    return b64decode(text, validate=True)

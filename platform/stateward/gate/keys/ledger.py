"""The shred ledger: which keys were destroyed so that nothing under them is ever read again.

An entry is canonical JSON, signed with Ed25519 under a key that comes from the root key alone, so
that it can be believed where nothing else of the installation is left. Entries are never changed
or removed, and a copy lies outside the database: a backup from before brings back neither the
key nor the values.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from stateward.gate.audit.record import canonical
from stateward.gate.keys.root import root_secrets
from stateward.kernel.flow import Flow, Statement

SIGNING = b"stateward shred ledger signing v1"
CONTEXT = b"stateward shred ledger v1\n"

INSERT = """
INSERT INTO stateward_shred
    (tenant_id, id, at, key_id, version, namespace_id, subject, statement, signature, signer)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""
ALL = "SELECT statement, signature, signer FROM stateward_shred WHERE tenant_id = %s ORDER BY id"


class Signed(NamedTuple):
    """One entry as it is kept and exported."""

    statement: bytes
    signature: bytes
    signer: bytes

    def line(self) -> bytes:
        """One line of NDJSON."""
        return orjson.dumps(
            {
                "statement": self.statement.decode(),
                "signature": self.signature.hex(),
                "signer": self.signer.hex(),
            }
        )

    @property
    def sha256(self) -> str:
        """Of the statement, in hex."""
        return sha256(self.statement).hexdigest()

    @property
    def body(self) -> dict[str, Any]:
        found: dict[str, Any] = orjson.loads(self.statement)
        return found


@dataclass(frozen=True, slots=True)
class ShreddedKeys:
    """What a ledger forbids to open."""

    whole: frozenset[UUID] = frozenset()  # keys, in every version
    versions: frozenset[tuple[UUID, int]] = frozenset()

    def __contains__(self, key: tuple[UUID, int]) -> bool:
        return key[0] in self.whole or key in self.versions

    def __bool__(self) -> bool:
        return bool(self.whole or self.versions)


def signed(body: Mapping[str, Any]) -> Signed:
    """Sign an entry with the root key in force."""
    private = _private(root_secrets()[0])
    statement = canonical(body)
    return Signed(
        statement, private.sign(CONTEXT + statement), private.public_key().public_bytes_raw()
    )


def is_ours(entry: Signed) -> bool:
    """Whether a root key of this installation signed it, the present one or a former."""
    ours = {_private(one).public_key().public_bytes_raw() for one in root_secrets()}
    if entry.signer not in ours:
        return False
    try:
        public = Ed25519PublicKey.from_public_bytes(entry.signer)
        public.verify(entry.signature, CONTEXT + entry.statement)
    except InvalidSignature:
        return False
    return True


def parse_line(line: bytes) -> Signed:
    """What ``Signed.line`` wrote; ValueError for anything else."""
    try:
        body = orjson.loads(line)
        return Signed(
            body["statement"].encode(),
            bytes.fromhex(body["signature"]),
            bytes.fromhex(body["signer"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError("not a line of a shred ledger") from error


def read_ledger(tenant_id: UUID) -> Flow[list[Signed]]:
    """A tenant's entries, oldest first. In its scope."""
    rows = yield Statement(ALL, (tenant_id,))
    return [Signed(bytes(one), bytes(two), bytes(three)) for one, two, three in rows]


def add_to_ledger(entry: Signed) -> Flow[None]:
    """Keep an entry that is signed; one that is there already stays. In the tenant's scope."""
    body = entry.body
    subject = body["subject"]
    yield Statement(
        INSERT,
        (
            UUID(body["tenant"]),
            UUID(body["id"]),
            body["at"],
            UUID(body["key"]),
            body["version"],
            UUID(body["namespace_id"]),
            None if subject is None else bytes.fromhex(subject),
            *entry,
        ),
    )


def forbidden(entries: Iterable[Signed]) -> ShreddedKeys:
    """The keys that the entries name."""
    bodies = [one.body for one in entries]
    return ShreddedKeys(
        frozenset(UUID(one["key"]) for one in bodies if one["version"] is None),
        frozenset((UUID(one["key"]), one["version"]) for one in bodies if one["version"]),
    )


def _private(secret: bytes) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(hmac.digest(secret, SIGNING, sha256))

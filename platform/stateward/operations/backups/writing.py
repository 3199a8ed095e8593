"""Making an archive: one snapshot, one part after another, a few pieces in memory at a time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from importlib.metadata import version
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings
from psycopg import sql

from stateward.gate.audit.verify import encode64
from stateward.gate.keys.root import root_key
from stateward.operations.backups.chunks import PartWriter
from stateward.operations.backups.connecting import Connection, address_of, connected, show_tenant
from stateward.operations.backups.keys_part import wrapped_keys
from stateward.operations.backups.manifest import KEYS, PEOPLE, Manifest, Part
from stateward.operations.backups.stores import Store, Writing
from stateward.operations.backups.tables import Known, known_tables

GATHERED = 256 << 10  # bytes handed on at once; the server sends row by row

BEGIN = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
MOMENT = "SELECT statement_timestamp(), t.slug, t.name FROM stateward_tenant t WHERE t.id = %s"
# Entries of a deleted namespace are hidden with it, until they are purged.
LIVING = """
SELECT count(*) FROM stateward_entry e
JOIN stateward_namespace n ON n.tenant_id = e.tenant_id AND n.id = e.namespace_id
WHERE e.tenant_id = %s AND n.deleted_at IS NULL AND e.is_alive
  AND (e.expires_at IS NULL OR e.expires_at > statement_timestamp())
"""
CHECKPOINT = """
SELECT size, root, note FROM stateward_audit_checkpoint WHERE tenant_id = %s
ORDER BY size DESC LIMIT 1
"""
MEMBERS = """
SELECT p.id, p.email, p.name FROM stateward_member m JOIN stateward_person p ON p.id = m.person_id
WHERE m.tenant_id = %s ORDER BY p.id
"""

# Told after each part: how many parts are done, of how many, and which comes next.
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class Written:
    """A finished archive."""

    manifest: Manifest
    bytes: int
    sha256: str  # of the manifest's file


def write_archive(
    store: Store, name: str, archive: UUID, tenant_id: UUID, progress: Progress
) -> Written:
    """Write the tenant, as it is at one moment, to the store under this name.

    Whatever ends it early, the store has no such archive; what was written is removed, unless the
    process is killed: then the next one removes it.
    """
    writing = store.begin(name)
    try:
        with connected(address_of("default")) as connection:
            manifest = _parts(connection, writing, archive, tenant_id, progress)
        data = manifest.signed()
        writing.commit(data)
    except BaseException:
        writing.abort()
        raise
    return Written(manifest, manifest.size + len(data), sha256(data).hexdigest())


def _parts(
    connection: Connection, writing: Writing, archive: UUID, tenant_id: UUID, progress: Progress
) -> Manifest:
    connection.execute(BEGIN)
    show_tenant(connection, tenant_id)
    taken_at, slug, tenant_name = _only(connection.execute(MOMENT, (tenant_id,)).fetchone())
    entries = _only(connection.execute(LIVING, (tenant_id,)).fetchone())[0]
    archive_key = os.urandom(32)
    tables = known_tables(connection)
    steps = len(tables) + 2
    keys = wrapped_keys(connection, archive_key, archive, tenant_id)
    progress(0, steps, "keys")
    parts = [_keys_part(writing, keys)]
    progress(1, steps, "people")
    sealed = Sealing(writing, archive_key, archive)
    parts.append(sealed.people(_people(connection, tenant_id)))
    for number, known in enumerate(tables.values(), start=2):
        progress(number, steps, known.table.label)
        parts.append(sealed.table(connection, known, tenant_id))
    return Manifest(
        archive=archive,
        tenant_id=tenant_id,
        slug=slug,
        name=tenant_name,
        origin=settings.AUDIT_ORIGIN,
        taken_at=taken_at,
        version=version("stateward"),
        root_key=root_key().fingerprint,
        entries=entries,
        checkpoint=_checkpoint(connection, tenant_id),
        parts=tuple(parts),
    )


def _keys_part(writing: Writing, keys: bytes) -> Part:
    with writing.part(KEYS) as sink:
        sink.write(keys)
    return Part(KEYS, "keys", len(keys), sha256(keys).hexdigest())


@dataclass(frozen=True, slots=True)
class Sealing:
    """Parts under the archive's key."""

    writing: Writing
    archive_key: bytes
    archive: UUID

    def people(self, members: list[bytes]) -> Part:
        size, digest = self._put(PEOPLE, members)
        return Part(PEOPLE, "people", size, digest, rows=len(members))

    def table(self, connection: Connection, known: Known, tenant_id: UUID) -> Part:
        query = sql.SQL(
            "COPY (SELECT {columns} FROM {table} WHERE tenant_id = {tenant})"
            " TO STDOUT (FORMAT binary)"
        ).format(
            columns=known.selected(),
            table=sql.Identifier(known.table.name),
            tenant=sql.Literal(tenant_id),
        )
        name = f"{known.table.name}.part"
        with connection.cursor() as cursor:
            with cursor.copy(query) as copy:
                size, digest = self._put(name, _gathered(bytes(piece) for piece in copy))
            rows = cursor.rowcount
        return Part(
            name, "table", size, digest, rows=rows, table=known.table.name, columns=known.pairs
        )

    def _put(self, name: str, pieces: Iterable[bytes]) -> tuple[int, str]:
        with self.writing.part(name) as sink:
            part = PartWriter(sink, self.archive_key, self.archive, name)
            for piece in pieces:
                part.write(piece)
            digest = part.finish()
        return part.bytes, digest


def _people(connection: Connection, tenant_id: UUID) -> list[bytes]:
    found = connection.execute(MEMBERS, (tenant_id,)).fetchall()
    return [
        orjson.dumps({"id": str(person_id), "email": email, "name": name}) + b"\n"
        for person_id, email, name in found
    ]


def _checkpoint(connection: Connection, tenant_id: UUID) -> dict[str, Any] | None:
    row = connection.execute(CHECKPOINT, (tenant_id,)).fetchone()
    if row is None:
        return None
    size, root, note = row
    return {"size": size, "root": encode64(bytes(root)), "note": note}


def _gathered(pieces: Iterator[bytes]) -> Iterator[bytes]:
    waiting: list[bytes] = []
    size = 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= GATHERED:
            yield b"".join(waiting)
            waiting, size = [], 0
    yield b"".join(waiting)


def _only(row: tuple[Any, ...] | None) -> tuple[Any, ...]:
    if row is None:
        raise LookupError("the tenant is gone")
    return row


def archive_name(slug: str, archive: UUID, at: datetime) -> str:
    return f"{slug}-{at:%Y%m%dT%H%M%SZ}-{archive.hex[-8:]}"

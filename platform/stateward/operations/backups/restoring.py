"""Restoring an archive: one transaction, so the target appears whole or not at all.

A worker that is killed in the middle leaves nothing behind: the database undoes what it began.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from psycopg import sql

from stateward.gate.audit.record import append, compose
from stateward.gate.keys.framing import IDENTITY_BEGIN, IDENTITY_END, key_named
from stateward.gate.keys.ledger import ShreddedKeys, forbidden, read_ledger
from stateward.gate.keys.load import load_namespace_keys
from stateward.gate.keys.outside import outside_entries
from stateward.gate.keys.ring import KeyRing
from stateward.gate.keys.services import ensure_namespace_key, ensure_tenant_keys
from stateward.kernel.clock import rfc3339
from stateward.kernel.governed import ERASED_SINCE
from stateward.kernel.ids import uuid7
from stateward.operations.backups.connecting import Connection, run_on, show_tenant
from stateward.operations.backups.copying import Fields
from stateward.operations.backups.exceptions import ArchiveRefused
from stateward.operations.backups.inserting import Writer
from stateward.operations.backups.manifest import Part
from stateward.operations.backups.planning import check_slug, find_target, fitting_tables
from stateward.operations.backups.reading import Archive
from stateward.operations.backups.remap import Remap
from stateward.operations.backups.tables import Known
from stateward.operations.backups.translating import Resealer, Translator
from stateward.operations.backups.writing import LIVING
from stateward.state.services.purging import IDENTITY
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.models import PLATFORM

TOLD_EVERY = 2000  # rows
NAMESPACES = "stateward_namespace"

MAKE_TENANT = "INSERT INTO stateward_tenant (id, slug, name, status) VALUES (%s, %s, %s, 'active')"
MAKE_EPOCH = """
INSERT INTO stateward_epoch (tenant_id, epoch, principals, policies, namespaces, schemas, keys)
VALUES (%s, 1, 1, 1, 1, 1, 1)
"""
# Held to the end: whoever makes a namespace, or is decided about, waits for us or comes before.
BUMP = """
UPDATE stateward_epoch SET epoch = epoch + 1, principals = principals + 1, policies = policies + 1,
    namespaces = namespaces + 1, schemas = schemas + 1, keys = keys + 1
WHERE tenant_id = %s
"""
# A slug or a person that somebody else makes at this moment is waited for.
PERSON = """
INSERT INTO stateward_person (id, password, email, name, is_active, is_operator)
VALUES (%s, '!', %s, %s, true, false) ON CONFLICT (email) DO UPDATE SET email = excluded.email
RETURNING id
"""
FIND_PERSON = "SELECT id FROM stateward_person WHERE email = %s"

Progress = Callable[[int, int, str], None]


@dataclass(slots=True)
class Report:
    """What was done. Its ``rows`` are counted by the database, table by table."""

    tenant_id: UUID
    slug: str
    is_new: bool
    entries: int = 0
    bytes: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    kept: dict[str, int] = field(default_factory=dict)  # was there already, and stayed
    left_out: dict[str, int] = field(default_factory=dict)  # is not brought into a tenant that is
    shredded: dict[str, int] = field(default_factory=dict)  # its key was destroyed, here, since
    erased: dict[str, int] = field(default_factory=dict)  # was erased after the backup was made

    def as_json(self) -> dict[str, Any]:
        return {
            "tenant": self.slug,
            "tenant_id": str(self.tenant_id),
            "is_new": self.is_new,
            "entries": self.entries,
            "bytes": self.bytes,
            "rows": self.rows,
            "kept": self.kept,
            "left_out": self.left_out,
            "shredded": self.shredded,
            "erased": self.erased,
        }


def restore(
    connection: Connection,
    archive: Archive,
    slug: str,
    progress: Progress,
    *,
    by: str,
    own: UUID | None = None,
) -> Report:
    """Write the archive into the tenant of this slug, which is made if there is none.

    In the connection's transaction, which the caller commits. The archive was checked. ``by`` says
    on record who asked.
    """
    check_slug(slug)
    target_id = find_target(connection, slug, own=own)
    restoring = Restoring(connection, archive, progress, target_id or uuid7())
    report = Report(restoring.target_id, slug, is_new=target_id is None, bytes=archive.size)
    restoring.begin(slug, is_new=report.is_new)
    if not report.is_new:
        find_target(connection, slug)  # once more: nobody can add to it from here on
    restoring.tables(report)
    restoring.record(report, by)
    return report


class Restoring:
    """One restore under way."""

    def __init__(
        self, connection: Connection, archive: Archive, progress: Progress, target_id: UUID
    ) -> None:
        self.connection = connection
        self.archive = archive
        self.progress = progress
        self.target_id = target_id
        self.remap = Remap(archive.manifest.tenant_id, target_id)
        self.stayed: set[bytes | None] = set()  # old ids of what gave way to what is there
        self.erased: dict[bytes, int] = {}  # keyed identities, up to which version
        self.shredded = ShreddedKeys()  # what the ledger forbids to open
        self.done = 0
        self.total = sum(part.rows for part in archive.manifest.parts if part.kind == "table")

    def begin(self, slug: str, *, is_new: bool) -> None:
        """Make the tenant if there is none; take hold of it."""
        if is_new:
            name = self.archive.manifest.name
            self.connection.execute(MAKE_TENANT, (self.target_id, slug, name))
            self.connection.execute(MAKE_EPOCH, (self.target_id,))
        self._erased_since()
        self._shredded_since()
        show_tenant(self.connection, self.target_id)
        self.connection.execute(BUMP, (self.target_id,))
        new_ring = run_on(self.connection, ensure_tenant_keys(self.target_id))
        self.resealer = Resealer(self.archive.keys.ring, new_ring, self._load)

    def tables(self, report: Report) -> None:
        """All that is written, what others refer to first."""
        people = self._people(is_new=report.is_new)
        for name, known in fitting_tables(self.connection, self.archive).items():
            if known.table.is_evidence:
                continue
            self.progress(self.done, self.total, known.table.label)
            self._table(known, self.archive.manifest.tables[name], people, report)
        row = self.connection.execute(LIVING, (self.target_id,)).fetchone()
        report.entries = row[0] if row else 0

    def record(self, report: Report, by: str) -> None:
        """In the tenant's tree that it was restored, from what; and in the platform's, if made."""
        manifest = self.archive.manifest
        details: dict[str, Any] = {
            "event": "tenant.restored",
            "archive": str(manifest.archive),
            "source_tenant": str(manifest.tenant_id),
            "taken_at": rfc3339(manifest.taken_at),
            "rows": report.rows,
            "shredded": report.shredded,
            "erased": report.erased,
            "asked_by": by,
        }
        if manifest.checkpoint:
            details["source_checkpoint"] = {
                name: manifest.checkpoint[name] for name in ("size", "root")
            }
        for tenant_id in (self.target_id, PLATFORM) if report.is_new else (self.target_id,):
            actor = Actor(
                "system", PLATFORM, "restore", tenant_id, report.slug, (), auth_method="system"
            )
            draft = compose(
                actor=actor,
                call=Call(request_id=str(uuid7())),
                action="backup.restore",
                resource_type="tenant",
                resource_id=report.slug,
                extra=details,
            )
            run_on(self.connection, append(draft))

    def _erased_since(self) -> None:
        """What was erased of the source here, whenever: it does not come back with a backup."""
        source = self.archive.manifest.tenant_id
        show_tenant(self.connection, source)
        for ask in ERASED_SINCE:
            for identity, version in run_on(self.connection, ask(source)).items():
                self.erased[identity] = max(version, self.erased.get(identity, 0))

    def _shredded_since(self) -> None:
        """Keys of the source that the ledger names, in the database or in its copy outside."""
        source = self.archive.manifest.tenant_id
        show_tenant(self.connection, source)
        inside = run_on(self.connection, read_ledger(source))
        try:
            self.shredded = forbidden([*inside, *outside_entries(source)])
        except ValueError as error:
            raise ArchiveRefused("the shred ledger", str(error)) from None

    def _people(self, *, is_new: bool) -> dict[bytes, bytes]:
        """Persons here by their ids in the archive; a new tenant's that are not here are made."""
        found = {}
        for person in self.archive.people():
            if is_new:
                asked = self.connection.execute(PERSON, (uuid7(), person.email, person.name))
            else:
                asked = self.connection.execute(FIND_PERSON, (person.email,))
            row = asked.fetchone()
            if row is not None:
                found[person.id.bytes] = row[0].bytes
        return found

    def _table(self, known: Known, part: Part, people: dict[bytes, bytes], report: Report) -> None:
        table = known.table
        translator = Translator(known, part, self.remap, people, self._numbers(known))
        rows = self._counted(self.archive.rows(part), table.label)
        if not report.is_new:
            rows = self._wanted(rows, known, translator, report)
        if table.sealed is not None:
            if self.shredded:
                rows = self._unshredded(rows, known, translator, report)
            if self.erased:
                rows = self._unerased(rows, known, translator, report)
            rows = self.resealer.rows(rows, table.sealed, translator, part)
        else:
            rows = translated(rows, translator)
        report.rows[table.label] = Writer(self.connection, known, part).write(rows)
        if table.name == NAMESPACES:
            self._namespace_keys()

    def _numbers(self, known: Known) -> dict[str, dict[bytes, bytes]]:
        """What is looked up by name, as numbers of this database in COPY's bytes."""
        found = {}
        for lookup in known.table.lookups:
            width = 8 if known.type_of(lookup.column) == "bigint" else 4
            rows = self.connection.execute(lookup.numbers).fetchall()
            found[lookup.column] = {
                name.encode(): number.to_bytes(width, "big") for name, number in rows
            }
        return found

    def _wanted(
        self, rows: Iterator[Fields], known: Known, translator: Translator, report: Report
    ) -> Iterator[Fields]:
        """What the tenant does not have yet. The rest gives way to what it has, and so does all
        that belongs to it.
        """
        table = known.table
        there = self._there(known) if table.match else {}
        for fields in rows:
            own = fields[translator.place("id")] if translator.has("id") else None
            found = there.get(translator.likeness(fields, table.match)) if there else None
            parent = fields[translator.place(table.follows)] if table.follows else None
            if found is not None or parent in self.stayed:
                if own is not None and found is not None:
                    self.remap.fixed[own] = found
                    self.stayed.add(own)
                report.kept[table.label] = report.kept.get(table.label, 0) + 1
            elif not table.joins:
                self.remap.gone.add(own or b"")
                report.left_out[table.label] = report.left_out.get(table.label, 0) + 1
            else:
                yield fields

    def _unshredded(
        self, rows: Iterator[Fields], known: Known, translator: Translator, report: Report
    ) -> Iterator[Fields]:
        """All but what is under a key that was destroyed since: nothing of it is opened."""
        sealed, label = known.table.sealed, known.table.label
        assert sealed is not None  # noqa: S101  # asked before
        place = translator.place(sealed.value)
        for fields in rows:
            value = fields[place]
            if value and key_named(value[IDENTITY_BEGIN:IDENTITY_END]) in self.shredded:
                report.shredded[label] = report.shredded.get(label, 0) + 1
            else:
                yield fields

    def _unerased(
        self, rows: Iterator[Fields], known: Known, translator: Translator, report: Report
    ) -> Iterator[Fields]:
        """All but what was erased; of what has no version, everything about such an entry."""
        sealed, label = known.table.sealed, known.table.label
        assert sealed is not None  # noqa: S101  # asked before
        space, key = translator.place(sealed.namespace), translator.place(sealed.key)
        at = translator.place("version")
        hashed = self.archive.keys.ring.value_hash
        for fields in rows:
            identity = hashed(IDENTITY + (fields[space] or b"") + (fields[key] or b""))
            version = int.from_bytes(fields[at] or b"", "big")
            if version <= self.erased.get(identity, -1):
                report.erased[label] = report.erased.get(label, 0) + 1
            else:
                yield fields

    def _there(self, known: Known) -> dict[tuple[bytes | None, ...], bytes]:
        """Ids of what the tenant has, by what it is known by."""
        has_id = any(column.name == "id" for column in known.columns)
        query = sql.SQL("SELECT {own}, {match} FROM {table} WHERE tenant_id = {tenant}").format(
            own=sql.Identifier("id" if has_id else "tenant_id"),
            match=sql.SQL(", ").join(map(sql.Identifier, known.table.match)),
            table=sql.Identifier(known.table.name),
            tenant=sql.Literal(self.target_id),
        )
        found = self.connection.execute(query).fetchall()
        return {tuple(_bytes(value) for value in match): own.bytes for own, *match in found}

    def _namespace_keys(self) -> None:
        """A data key for each namespace, deleted ones too: their revisions are sealed as well."""
        found = self.connection.execute(
            "SELECT id FROM stateward_namespace n WHERE tenant_id = %s AND NOT EXISTS ("
            " SELECT FROM stateward_data_key d WHERE d.tenant_id = n.tenant_id"
            " AND d.namespace_id = n.id)",
            (self.target_id,),
        ).fetchall()
        for (namespace_id,) in found:
            run_on(self.connection, ensure_namespace_key(self.target_id, namespace_id))

    def _load(self, ring: KeyRing, namespace_id: UUID) -> None:
        run_on(self.connection, load_namespace_keys(ring, namespace_id))

    def _counted(self, rows: Iterator[Fields], label: str) -> Iterator[Fields]:
        for fields in rows:
            self.done += 1
            if self.done % TOLD_EVERY == 0:
                self.progress(self.done, self.total, label)
            yield fields


def translated(rows: Iterator[Fields], translator: Translator) -> Iterator[Fields]:
    for fields in rows:
        translator.translate(fields)
        yield fields


def _bytes(value: object) -> bytes:
    return value.bytes if isinstance(value, UUID) else str(value).encode()

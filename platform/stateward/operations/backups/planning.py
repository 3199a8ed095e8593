"""What a restore would write, keep and refuse: asked before anything is written, and again while
it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from stateward.kernel.clock import rfc3339
from stateward.kernel.governed import LEFT_OUT
from stateward.operations.backups.connecting import Connection, show_tenant
from stateward.operations.backups.exceptions import ArchiveRefused, BadTarget, NotEmpty, SlugIsTaken
from stateward.operations.backups.reading import Archive
from stateward.operations.backups.tables import Known, known_tables

_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
TARGET = "SELECT id, status FROM stateward_tenant WHERE slug = %s"
NAMESPACES = """
SELECT count(*) FROM stateward_namespace WHERE tenant_id = %s AND deleted_at IS NULL
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """A restore that may begin."""

    archive: str
    source: str
    taken_at: str
    target: str
    target_id: UUID | None  # None: it will be made
    entries: int
    bytes: int
    writes: tuple[tuple[str, int], ...]  # label and rows, in the order they are written
    keeps: tuple[str, ...] = field(default=())  # what of the archive is not written, and why

    def as_json(self) -> dict[str, Any]:
        return {
            "archive": self.archive,
            "source": self.source,
            "taken_at": self.taken_at,
            "target": self.target,
            "is_new": self.target_id is None,
            "entries": self.entries,
            "bytes": self.bytes,
            "writes": {label: rows for label, rows in self.writes},
            "leaves_out": list(self.keeps),
        }


def check_slug(slug: str) -> None:
    if not _SLUG.fullmatch(slug):
        raise BadTarget(f"{slug[:64]!r} is not a slug: lower-case letters, digits and hyphens.")


def find_target(connection: Connection, slug: str, *, own: UUID | None = None) -> UUID | None:
    """The tenant of this slug, if it may be restored into; NotEmpty (409) if it may not.

    ``own``: whoever asks may know of this tenant alone. Any other is taken, and no more is said.
    """
    check_slug(slug)
    row = connection.execute(TARGET, (slug,)).fetchone()
    if row is None:
        return None
    target_id: UUID = row[0]
    if own is not None and target_id != own:
        raise SlugIsTaken(f"There is a tenant {slug} already. Choose another slug.")
    if row[1] != "active":
        raise NotEmpty(f"The tenant {slug} is closed. Reopen it, or name a new one.")
    show_tenant(connection, target_id)
    found = connection.execute(NAMESPACES, (target_id,)).fetchone()
    if found and found[0]:
        raise NotEmpty(
            f"The tenant {slug} is not empty (namespaces: {found[0]}). A backup is restored into a"
            " new tenant, or over one that has none."
        )
    return target_id


def plan_restore(
    connection: Connection,
    archive: Archive,
    slug: str,
    *,
    own: UUID | None = None,
    is_thorough: bool = False,
) -> Plan:
    """Check the archive and the target; what is to be written. Writes nothing.

    ``is_thorough``: every byte of the archive is read, which takes its time.
    """
    target_id = find_target(connection, slug, own=own)
    archive.check(is_thorough=is_thorough)
    tables = fitting_tables(connection, archive)
    manifest = archive.manifest
    return Plan(
        archive=archive.name,
        source=manifest.slug,
        taken_at=rfc3339(manifest.taken_at),
        target=slug,
        target_id=target_id,
        entries=manifest.entries,
        bytes=archive.size,
        writes=tuple(
            (known.table.label, manifest.tables[name].rows)
            for name, known in tables.items()
            if not known.table.is_evidence
        ),
        keeps=tuple(_kept(tables, target_id)),
    )


def fitting_tables(connection: Connection, archive: Archive) -> dict[str, Known]:
    """The archive's tables as they are here. ArchiveRefused where a part does not fit this schema.

    A column that came after the archive was made must do without a value from it.
    """
    here = known_tables(connection)
    for name, part in archive.manifest.tables.items():
        known = here.get(name)
        if known is None:
            raise ArchiveRefused(part.name, "this version of Stateward has no such table")
        types = dict(known.pairs)
        for column, kind in part.columns:
            if _base(types.get(column, "")) != _base(kind):
                raise ArchiveRefused(part.name, f"its column {column} ({kind}) is not so here")
        given = {column for column, _ in part.columns}
        missing = [one.name for one in known.columns if one.is_needed and one.name not in given]
        if missing:
            raise ArchiveRefused(part.name, f"it lacks the column {missing[0]}")
    return {name: known for name, known in here.items() if name in archive.manifest.tables}


def _base(kind: str) -> str:
    """A type without its length, which may have grown."""
    return kind.partition("(")[0]


def _kept(tables: dict[str, Known], target_id: UUID | None) -> list[str]:
    evidence = [known.table.label for known in tables.values() if known.table.is_evidence]
    said = [
        f"{', '.join(evidence)}: they prove the former tenant and stay in the archive",
        f"credentials: {LEFT_OUT['stateward_credential']}",
    ]
    if target_id is not None:
        said.append("members: who may come in is decided by the tenant that is there")
    return said

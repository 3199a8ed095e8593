"""Opening an archive. All of it is looked at before anything is believed, let alone written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from uuid import UUID

import orjson

from stateward.operations.backups.chunks import lines, read_part
from stateward.operations.backups.copying import Fields, parse_rows
from stateward.operations.backups.exceptions import ArchiveRefused
from stateward.operations.backups.keys_part import ArchiveKeys, open_keys
from stateward.operations.backups.manifest import (
    KEYS,
    MANIFEST,
    MOST_BYTES,
    PEOPLE,
    Manifest,
    Part,
    check_names,
    read_manifest,
)
from stateward.operations.backups.stores import Store, Stored

PIECE = 1 << 20
MOST_KEYS_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class PersonThere:
    """Somebody who was a member."""

    id: UUID
    email: str
    name: str


@dataclass
class Archive:
    """An archive whose manifest is ours. Its parts are proved by ``check``."""

    name: str
    manifest: Manifest
    stored: Stored
    size: int  # bytes of all its files

    def check(self, *, is_thorough: bool = True) -> None:
        """ArchiveRefused names the first part that is missing, too much, or not as written.

        ``is_thorough``: their content too, not only which there are, and the keys.
        """
        wanted = {MANIFEST, *(part.name for part in self.manifest.parts)}
        there = self.stored.files()
        for name in sorted(wanted - there):
            raise ArchiveRefused(name, "it is missing")
        for name in sorted(there - wanted):
            raise ArchiveRefused(name[:90], "it is in the archive, but not in its manifest")
        for part in self.manifest.parts:
            if is_thorough or part.name == KEYS:
                self._check_part(part)
        _ = self.keys  # opens them: another root key is found out here

    @cached_property
    def keys(self) -> ArchiveKeys:
        data = self._whole(KEYS, MOST_KEYS_BYTES)
        return open_keys(data, self.manifest.archive, self.manifest.tenant_id)

    def rows(self, part: Part) -> Iterator[Fields]:
        """A table's rows, field by field."""
        with self.pieces(part.name) as pieces:
            yield from parse_rows(pieces, len(part.columns), part.name)

    def people(self) -> Iterator[PersonThere]:
        with self.pieces(PEOPLE) as pieces:
            for line in lines(pieces):
                body = orjson.loads(line)
                yield PersonThere(UUID(body["id"]), body["email"], body["name"])

    @contextmanager
    def pieces(self, name: str) -> Iterator[Iterator[bytes]]:
        """What a part holds, unsealed and unpacked."""
        with self.stored.part(name) as source:
            yield read_part(source, self.keys.archive_key, self.manifest.archive, name)

    def _check_part(self, part: Part) -> None:
        digest, size = sha256(), 0
        with self.stored.part(part.name) as source:
            while piece := source.read(PIECE):
                digest.update(piece)
                size += len(piece)
        if size != part.bytes:
            raise ArchiveRefused(part.name, f"it has {size} bytes instead of {part.bytes}")
        if digest.hexdigest() != part.sha256:
            raise ArchiveRefused(part.name, "its SHA-256 is not the one in the manifest")

    def _whole(self, name: str, most: int) -> bytes:
        return _read(self.stored, name, most)


def open_archive(store: Store, name: str) -> Archive:
    """Read the manifest alone; ArchiveRefused unless this installation signed it."""
    stored = store.open(name)
    stored.files()
    data = _read(stored, MANIFEST, MOST_BYTES)
    manifest = read_manifest(data)
    check_names(manifest)
    return Archive(name, manifest, stored, manifest.size + len(data))


def _read(stored: Stored, name: str, most: int) -> bytes:
    with stored.part(name) as source:
        data = b""
        while piece := source.read(PIECE):
            data += piece
            if len(data) > most:
                raise ArchiveRefused(name, "it is longer than any that is written here")
    return data

"""Where archives lie: a folder, or a bucket of anything that speaks S3.

An archive is a folder of parts and a manifest. Until all of it is written it has another name, or
no manifest: what was left half-written is never taken for an archive.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from stateward.operations.backups.chunks import Sink, Source


class Writing(Protocol):
    """An archive in the making."""

    def part(self, name: str) -> AbstractContextManager[Sink]: ...

    def commit(self, manifest: bytes) -> None:
        """All parts are there: from now on it is an archive."""

    def abort(self) -> None:
        """Remove what was written."""


class Stored(Protocol):
    """An archive as it lies there."""

    def files(self) -> set[str]:
        """What is in it. Raises ArchiveRefused for what no archive holds: links, devices."""

    def part(self, name: str) -> AbstractContextManager[Source]: ...


class Store(Protocol):
    @property
    def address(self) -> str: ...

    def begin(self, name: str) -> Writing:
        """Start anew; what an earlier attempt of this name left is removed."""

    def open(self, name: str) -> Stored: ...

    def remove(self, name: str) -> None:
        """Remove the archive, or what there is of it."""

    def where(self, name: str) -> str:
        """How a command names the archive."""


def open_store(address: str) -> Store:
    """The store of an address: ``s3://bucket/prefix``, or a folder."""
    if address.startswith("s3://"):
        from stateward.operations.backups.stores.s3 import BucketStore  # noqa: PLC0415  # boto3 is slow to import

        return BucketStore.at(address)
    from stateward.operations.backups.stores.folder import FolderStore  # noqa: PLC0415

    return FolderStore(Path(address))


def locate(archive: str) -> tuple[Store, str]:
    """The store and the name of an archive that a command was given."""
    address, _, name = archive.rstrip("/").rpartition("/")
    if not archive.startswith("s3://"):
        path = Path(archive).absolute()
        address, name = str(path.parent), path.name
    return open_store(address), name

"""Archives in a folder: each a folder of its own, readable by its owner alone.

Nothing is followed on the way in: a part is a regular file of the archive's own folder, or it is
refused, so an archive that somebody prepared leads nowhere.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from stateward.operations.backups.exceptions import ArchiveRefused, StoreUnavailable
from stateward.operations.backups.manifest import MANIFEST


class FolderStore:
    def __init__(self, path: Path) -> None:
        self._path = path.absolute()

    @property
    def address(self) -> str:
        return str(self._path)

    def where(self, name: str) -> str:
        return str(self._path / name)

    def begin(self, name: str) -> FolderWriting:
        with _said(self._path):
            self._path.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.remove(name)
            unfinished = self._unfinished(name)
            unfinished.mkdir(mode=0o700)
        return FolderWriting(unfinished, self._path / name)

    def open(self, name: str) -> FolderArchive:
        return FolderArchive(self._path / name)

    def remove(self, name: str) -> None:
        for path in (self._path / name, self._unfinished(name)):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)

    def _unfinished(self, name: str) -> Path:
        return self._path / f".{name}.unfinished"


class FolderWriting:
    def __init__(self, unfinished: Path, final: Path) -> None:
        self._unfinished = unfinished
        self._final = final

    @contextmanager
    def part(self, name: str) -> Iterator[BinaryIO]:
        with _said(self._final):
            descriptor = os.open(
                self._unfinished / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600
            )
            with open(descriptor, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())

    def commit(self, manifest: bytes) -> None:
        with self.part(MANIFEST) as file:
            file.write(manifest)
        with _said(self._final):
            _sync(self._unfinished)
            self._unfinished.rename(self._final)
            _sync(self._final.parent)

    def abort(self) -> None:
        shutil.rmtree(self._unfinished, ignore_errors=True)


class FolderArchive:
    def __init__(self, path: Path) -> None:
        self._path = path

    def files(self) -> set[str]:
        try:
            with os.scandir(self._path) as found:
                entries = list(found)
        except OSError:
            raise ArchiveRefused(self._path.name, "there is no such archive") from None
        for entry in entries:
            if not entry.is_file(follow_symlinks=False):
                raise ArchiveRefused(entry.name, "it is not a file: a link, a folder or a device")
        return {entry.name for entry in entries}

    @contextmanager
    def part(self, name: str) -> Iterator[BinaryIO]:
        # Never waits for a pipe's other end, and never follows a link put there meanwhile.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
        try:
            descriptor = os.open(self._path / name, flags)
        except OSError:
            raise ArchiveRefused(name, "it is missing, or not a file") from None
        with open(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ArchiveRefused(name, "it is not a file: a link, a folder or a device")
            yield file


@contextmanager
def _said(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreUnavailable(f"{path} cannot be written: {error.strerror}.") from error


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""A file of counts that outlives the process which keeps it.

Append-only lines of JSON: what is counted (once), each count, and that it was written. The keeper
holds a lock on the file as long as it lives; a file that can be locked belongs to nobody any more.
A line goes to the system with each count, so a killed process loses none; a last line cut in half
by a failing disk is passed over.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stateward.kernel.ids import uuid7


@dataclass(slots=True)
class Counted:
    """What a spool held of one thing."""

    content: dict[str, Any]
    count: int = 0
    first: str = ""
    last: str = ""

    def add(self, at: str) -> None:
        self.count += 1
        self.first = self.first or at
        self.last = at


class Spool:
    """The file of this process, in ``folder``. A forked child makes its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file: int | None = None
        self._pid = 0

    def begin(self, slot: int, content: dict[str, Any]) -> None:
        self._write({"slot": slot, "content": content})

    def count(self, slot: int, at: str) -> None:
        self._write([slot, at])

    def finish(self, slot: int) -> None:
        self._write({"done": slot})

    def clear(self) -> None:
        """Nothing is open any more: begin anew."""
        if self._file is not None and self._pid == os.getpid():
            os.ftruncate(self._file, 0)

    def _write(self, line: Any) -> None:
        os.write(self._own(), json.dumps(line).encode() + b"\n")

    def _own(self) -> int:
        if self._file is None or self._pid != os.getpid():
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            path = self.folder / f"{uuid7()}.jsonl"
            while not (opened := _lock(path, os.O_CREAT | os.O_APPEND)):
                path = self.folder / f"{uuid7()}.jsonl"
            self._file, self._pid = opened, os.getpid()
        return self._file


def abandoned(folder: Path) -> Iterator[tuple[Path, list[Counted]]]:
    """What dead processes left behind, each with its file, which the caller removes when done.

    The file stays locked until then, so that no other process takes it up as well.
    """
    for path in sorted(folder.glob("*.jsonl")):
        opened = _lock(path, 0)
        if not opened:
            continue
        try:
            yield path, list(_read(path))
        finally:
            os.close(opened)


def _lock(path: Path, flags: int) -> int | None:
    """The file, opened and locked; None where another has it or has just removed it."""
    try:
        opened = os.open(path, os.O_RDWR | os.O_CLOEXEC | flags, 0o600)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(opened)
        return None
    if os.fstat(opened).st_nlink == 0:
        os.close(opened)
        return None
    return opened


def _read(path: Path) -> Iterator[Counted]:
    """What was begun and not finished."""
    open_slots: dict[int, Counted] = {}
    for text in path.read_bytes().split(b"\n"):
        try:
            line = json.loads(text)
        except ValueError:
            continue
        if isinstance(line, list):
            open_slots[line[0]].add(line[1])
        elif "slot" in line:
            open_slots[line["slot"]] = Counted(line["content"])
        else:
            open_slots.pop(line["done"], None)
    return (counted for counted in open_slots.values() if counted.count)

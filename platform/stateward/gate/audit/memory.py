"""What this host has signed, kept outside the database: a journal, and the newest of each log.

A checkpoint is written here before the transaction that stores it commits. So the host never signs
what contradicts something it signed before, whatever happened to the database in between; and the
files are evidence of their own. One journal a day, one JSON line a checkpoint; each begins with the
newest checkpoint of every log, so that the newest journal says all.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from stateward.gate.audit.verify import Invalid, parse_checkpoint

KEPT_DAYS = 400


@dataclass(frozen=True, slots=True)
class Known:
    """The newest checkpoint this host signed for a log."""

    size: int
    root: bytes
    note: str


class Memory:
    """The journals in ``folder``. One process at a time writes them: the one with the lease."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.known: dict[UUID, Known] = {}
        self._day = ""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        journals = sorted(folder.glob("*.jsonl"))
        if journals:
            self._read(journals[-1])

    def _read(self, journal: Path) -> None:
        lines = journal.read_bytes().split(b"\n")
        for line in lines[:-1]:  # what follows the last line break was never whole
            content = json.loads(line)
            self._learn(UUID(content["tenant_id"]), content["note"])

    def _learn(self, tenant_id: UUID, note: str) -> None:
        self.known[tenant_id] = known_from(note)

    def keep(self, notes: Mapping[UUID, str], at: datetime) -> None:
        """Write these checkpoints down, on the disk when this returns."""
        if not notes:
            return
        journal = self.folder / f"{at:%Y-%m-%d}.jsonl"
        if self._day != journal.name:
            self._begin(journal, at)
        for tenant_id, note in notes.items():
            self._learn(tenant_id, note)
        with journal.open("ab") as file:
            file.write(_lines(notes))
            file.flush()
            os.fsync(file.fileno())

    def _begin(self, journal: Path, at: datetime) -> None:
        """A day's journal starts whole or not at all. A line torn at its end is taken out."""
        notes = {tenant_id: known.note for tenant_id, known in self.known.items()}
        before = journal.read_bytes() if journal.exists() else b""
        draft = journal.with_suffix(".new")
        with draft.open("wb") as file:
            file.write(before[: before.rfind(b"\n") + 1] + _lines(notes))
            file.flush()
            os.fsync(file.fileno())
        draft.rename(journal)
        self._day = journal.name
        oldest = f"{at - timedelta(days=KEPT_DAYS):%Y-%m-%d}"
        for path in self.folder.glob("*.jsonl"):
            if path.stem < oldest:
                path.unlink()

    def publish(self, notes: Mapping[UUID, str]) -> None:
        """One file a log with its newest checkpoint, to keep elsewhere."""
        latest = self.folder / "latest"
        latest.mkdir(exist_ok=True, mode=0o700)
        for tenant_id, note in notes.items():
            draft = latest / f"{tenant_id}.new"
            draft.write_text(note, "utf-8")
            draft.rename(latest / f"{tenant_id}.txt")


def _lines(notes: Mapping[UUID, str]) -> bytes:
    return b"".join(
        json.dumps({"tenant_id": str(tenant_id), "note": note}).encode() + b"\n"
        for tenant_id, note in notes.items()
    )


def known_from(note: str) -> Known:
    """What a note of our own says. Raises Invalid when it is none."""
    text, separator, _ = note.rpartition("\n\n")
    if not separator:
        raise Invalid("this is no signed note")
    checkpoint = parse_checkpoint(text + "\n")
    return Known(checkpoint.size, checkpoint.root, note)

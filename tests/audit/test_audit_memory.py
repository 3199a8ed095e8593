"""What the host remembers of its signatures: whole or not at all, and not for ever."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stateward.gate.audit.memory import Memory, known_from
from stateward.gate.audit.notes import Signer, origin_of
from stateward.gate.audit.verify import Invalid

SIGNER = Signer(uuid4(), Ed25519PrivateKey.generate())
DAY = datetime(2026, 11, 21, 12, tzinfo=UTC)


def note(tenant_id: UUID, size: int) -> str:
    return SIGNER.checkpoint(origin_of(tenant_id), size, bytes(32), DAY)


def sizes(memory: Memory) -> dict[UUID, int]:
    return {tenant_id: known.size for tenant_id, known in memory.known.items()}


def test_it_is_read_again_as_it_was_written(tmp_path: Path) -> None:
    ours, theirs = uuid4(), uuid4()
    memory = Memory(tmp_path)
    memory.keep({}, DAY)
    memory.keep({ours: note(ours, 3), theirs: note(theirs, 5)}, DAY)
    memory.keep({ours: note(ours, 4)}, DAY)

    assert sizes(Memory(tmp_path)) == sizes(memory) == {ours: 4, theirs: 5}


def test_each_day_journal_says_all(tmp_path: Path) -> None:
    ours, theirs = uuid4(), uuid4()
    Memory(tmp_path).keep({ours: note(ours, 3), theirs: note(theirs, 5)}, DAY)

    Memory(tmp_path).keep({ours: note(ours, 4)}, DAY.replace(day=22))

    (tmp_path / "2026-11-21.jsonl").unlink()
    assert sizes(Memory(tmp_path)) == {ours: 4, theirs: 5}


def test_a_line_torn_by_a_crash_is_taken_out(tmp_path: Path) -> None:
    ours = uuid4()
    Memory(tmp_path).keep({ours: note(ours, 3)}, DAY)
    with (tmp_path / "2026-11-21.jsonl").open("ab") as file:
        file.write(b'{"tenant_id": "')

    Memory(tmp_path).keep({ours: note(ours, 4)}, DAY)

    assert sizes(Memory(tmp_path)) == {ours: 4}


def test_journals_of_long_ago_are_removed(tmp_path: Path) -> None:
    ours = uuid4()
    Memory(tmp_path).keep({ours: note(ours, 3)}, DAY.replace(year=2024))

    Memory(tmp_path).keep({ours: note(ours, 4)}, DAY)

    assert [path.name for path in tmp_path.glob("*.jsonl")] == ["2026-11-21.jsonl"]


def test_the_newest_checkpoint_of_a_log_is_a_file(tmp_path: Path) -> None:
    ours = uuid4()

    Memory(tmp_path).publish({ours: note(ours, 3)})

    assert (tmp_path / "latest" / f"{ours}.txt").read_text("utf-8") == note(ours, 3)


def test_what_is_no_note_is_not_remembered() -> None:
    with pytest.raises(Invalid, match="no signed note"):
        known_from("text")

"""A part comes back as it was written, or is refused by name."""

from __future__ import annotations

import random
from io import BytesIO
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stateward.kernel.ids import uuid7
from stateward.operations.backups import chunks
from stateward.operations.backups.chunks import LENGTH, MAGIC, PartWriter, lines, read_part
from stateward.operations.backups.copying import (
    HEADER,
    TRAILER,
    format_row,
    month_of,
    parse_rows,
)
from stateward.operations.backups.exceptions import ArchiveRefused
from stateward.operations.backups.remap import Remap

KEY, ARCHIVE = bytes(range(32)), UUID(int=7)


def written(*pieces: bytes, name: str = "a.part") -> bytes:
    sink = BytesIO()
    part = PartWriter(sink, KEY, ARCHIVE, name)
    for piece in pieces:
        part.write(piece)
    part.finish()
    assert part.bytes == len(sink.getvalue())
    return sink.getvalue()


def read(data: bytes, *, name: str = "a.part", archive: UUID = ARCHIVE) -> bytes:
    return b"".join(read_part(BytesIO(data), KEY, archive, name))


def in_chunks(data: bytes) -> list[bytes]:
    """A part's chunks, each with its length."""
    at, found = len(MAGIC), []
    while at < len(data):
        size = LENGTH.unpack_from(data, at)[0]
        found.append(data[at : at + LENGTH.size + size])
        at += LENGTH.size + size
    return found


@pytest.fixture
def several(monkeypatch: pytest.MonkeyPatch) -> tuple[bytes, list[bytes]]:
    """A text that takes several chunks, and the part's chunks."""
    monkeypatch.setattr(chunks, "CHUNK_BYTES", 1000)
    text = random.Random(1).randbytes(3500)
    return text, in_chunks(written(text))


@given(st.lists(st.binary(max_size=400), max_size=8))
def test_what_was_written_is_read(pieces: list[bytes]) -> None:
    assert read(written(*pieces)) == b"".join(pieces)


def test_it_takes_several_chunks(several: tuple[bytes, list[bytes]]) -> None:
    text, found = several

    assert len(found) == 4
    assert read(MAGIC + b"".join(found)) == text


@given(st.integers(min_value=0), st.integers(1, 255))
def test_any_changed_byte_is_refused(at: int, by: int) -> None:
    data = bytearray(written(b"a text of some length " * 3))
    data[at % len(data)] ^= by

    with pytest.raises(ArchiveRefused, match=r"a\.part"):
        read(bytes(data))


@pytest.mark.parametrize("order", [(1, 0, 2, 3), (0, 2, 1, 3), (0, 1, 3, 2), (0, 0, 2, 3)])
def test_moved_chunks_are_refused(
    several: tuple[bytes, list[bytes]], order: tuple[int, ...]
) -> None:
    found = several[1]

    with pytest.raises(ArchiveRefused, match=r"a\.part: its chunk"):
        read(MAGIC + b"".join(found[place] for place in order))


@pytest.mark.parametrize("kept", [0, 1, 3])
def test_a_part_cut_between_chunks_is_refused(
    several: tuple[bytes, list[bytes]], kept: int
) -> None:
    with pytest.raises(ArchiveRefused, match=r"a\.part"):
        read(MAGIC + b"".join(several[1][:kept]))


@given(st.integers(min_value=1))
def test_a_part_cut_anywhere_is_refused(by: int) -> None:
    data = written(b"some text")

    with pytest.raises(ArchiveRefused):
        read(data[: len(data) - (by % len(data) or 1)])


def test_another_parts_bytes_are_refused() -> None:
    with pytest.raises(ArchiveRefused):
        read(written(b"x", name="b.part"))
    with pytest.raises(ArchiveRefused):
        read(written(b"x"), archive=UUID(int=8))


def test_lines_come_whole() -> None:
    assert list(lines([b"a\nb", b"c\n", b"d"])) == [b"a", b"bc", b"d"]


FIELDS = st.lists(st.one_of(st.none(), st.binary(max_size=40)), min_size=3, max_size=3)


@given(st.lists(FIELDS, max_size=6), st.integers(1, 50))
def test_rows_come_back_however_they_are_cut(rows: list[list[bytes | None]], size: int) -> None:
    data = HEADER + b"".join(map(format_row, rows)) + TRAILER
    pieces = [data[at : at + size] for at in range(0, len(data), size)]

    assert list(parse_rows(pieces, 3, "t.part")) == rows


@given(st.lists(FIELDS, min_size=1, max_size=4), st.integers(min_value=1))
def test_rows_that_end_early_are_refused(rows: list[list[bytes | None]], by: int) -> None:
    data = HEADER + b"".join(map(format_row, rows)) + TRAILER

    with pytest.raises(ArchiveRefused):
        list(parse_rows([data[: -(by % len(data) or 1)]], 3, "t.part"))


@pytest.mark.parametrize("columns", [2, 4])
def test_rows_of_other_columns_are_refused(columns: int) -> None:
    data = HEADER + format_row([b"a", b"b", b"c"]) + TRAILER

    with pytest.raises(ArchiveRefused):
        list(parse_rows([data], columns, "t.part"))


def test_a_moment_is_of_its_month() -> None:
    assert str(month_of((0).to_bytes(8, "big"))) == "2000-01-01"
    assert str(month_of((-1).to_bytes(8, "big", signed=True))) == "1999-12-01"


def test_new_ids_are_computed_and_keep_their_time() -> None:
    source, target, old = uuid7(), uuid7(), uuid7()
    remap, again = Remap(source, target), Remap(source, target)

    new = remap.uuid(old)

    assert new == again.uuid(old) != old
    assert new.version == 7
    assert new.bytes[:6] == old.bytes[:6]
    assert remap.uuid(source) == target
    assert remap.uuid(UUID(int=0)) == UUID(int=0)
    assert Remap(source, uuid7()).uuid(old) != new
    text = f'{{"a":"{old}","b":"{UUID(int=0)}"}}'.encode()
    assert remap.inside(text) == f'{{"a":"{new}","b":"{UUID(int=0)}"}}'.encode()

"""PostgreSQL's binary COPY format, as far as rows are taken apart and put together.

Tables travel in it rather than as NDJSON: sealed values stay bytes instead of doubling as hex,
times and numbers keep every digit without a parser, ids are sixteen bytes that are translated in
place, and the server reads and writes it with the least work. The manifest says what the columns
are; a field that is not translated is passed on as it is.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta

from stateward.operations.backups.exceptions import ArchiveRefused

SIGNATURE = b"PGCOPY\n\xff\r\n\0"
HEADER = SIGNATURE + struct.pack(">II", 0, 0)
TRAILER = b"\xff\xff"
COUNT = struct.Struct(">h")
SIZE = struct.Struct(">i")

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)

Fields = list[bytes | None]


def parse_rows(pieces: Iterable[bytes], columns: int, part: str) -> Iterator[Fields]:
    """The rows of one COPY. ArchiveRefused for anything else than rows of so many columns."""
    stream = iter(pieces)
    data, at = b"", 0
    while len(data) < len(HEADER):
        piece = next(stream, None)
        if piece is None:
            raise ArchiveRefused(part, "it holds no rows of a table")
        data += piece
    if not data.startswith(SIGNATURE):
        raise ArchiveRefused(part, "it holds no rows of a table")
    at = len(HEADER)
    while True:
        row = _row_at(data, at, columns)
        if row is not None:
            fields, at = row
            if fields is None:
                return
            yield fields
            continue
        piece = next(stream, None)
        if piece is None:
            raise ArchiveRefused(part, "its rows end in the middle")
        data, at = data[at:] + piece, 0
        if data[:2] not in (TRAILER, COUNT.pack(columns)) and len(data) >= 2:
            raise ArchiveRefused(part, "its rows have other columns than the manifest says")


def _row_at(data: bytes, at: int, columns: int) -> tuple[Fields | None, int] | None:
    """The row at this place and where the next begins; (None, …) at the end; None: not all here."""
    size = len(data)
    if at + 2 > size:
        return None
    if COUNT.unpack_from(data, at)[0] < 0:
        return None, at + 2
    at += 2
    fields: Fields = []
    unpack = SIZE.unpack_from
    for _ in range(columns):
        if at + 4 > size:
            return None
        length = unpack(data, at)[0]
        at += 4
        if length < 0:
            fields.append(None)
            continue
        if at + length > size:
            return None
        fields.append(data[at : at + length])
        at += length
    return fields, at


def format_row(fields: Sequence[bytes | None]) -> bytes:
    pieces = [COUNT.pack(len(fields))]
    for field in fields:
        if field is None:
            pieces.append(b"\xff\xff\xff\xff")
        else:
            pieces.append(SIZE.pack(len(field)))
            pieces.append(field)
    return b"".join(pieces)


def month_of(moment: bytes) -> date:
    """The first day of the month (UTC) of a timestamptz: microseconds since 2000."""
    at = EPOCH + timedelta(microseconds=int.from_bytes(moment, "big", signed=True))
    return at.date().replace(day=1)

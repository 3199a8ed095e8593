"""Putting rows into a tenant's table.

They go into a temporary table by COPY and from there into the tenant's table, because the database
takes no COPY where row-level security stands, and that is never set aside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date

from psycopg import sql

from stateward.operations.backups.connecting import Connection
from stateward.operations.backups.copying import HEADER, TRAILER, Fields, format_row, month_of
from stateward.operations.backups.manifest import Part
from stateward.operations.backups.tables import Known, names

BATCH_BYTES = 16 << 20
STAGE = sql.Identifier("stateward_restoring")


class Writer:
    """Puts rows into one table, some thousands at a time."""

    def __init__(self, connection: Connection, known: Known, part: Part) -> None:
        self._connection = connection
        self._known = known
        self._columns = names(part.columns)
        by = known.table.partitioned_by
        self._by = None if by is None else [name for name, _ in part.columns].index(by)
        self._months: set[date] = set()

    def write(self, rows: Iterator[Fields]) -> int:
        """How many were written."""
        run = self._connection.execute
        there = sql.Identifier(self._known.table.name)
        run(
            sql.SQL(
                "CREATE TEMPORARY TABLE {} ON COMMIT DROP AS SELECT {} FROM {} WHERE false"
            ).format(STAGE, self._columns, there)
        )
        onward = sql.SQL("INSERT INTO {} ({}) SELECT {} FROM {}").format(
            there, self._columns, self._columns, STAGE
        )
        written = 0
        for batch in batches(rows, self._note):
            with (
                self._connection.cursor() as cursor,
                cursor.copy(sql.SQL("COPY {} FROM STDIN (FORMAT binary)").format(STAGE)) as copy,
            ):
                copy.write(batch)
            self._add_months()
            written += run(onward).rowcount
            run(sql.SQL("TRUNCATE {}").format(STAGE))
        run(sql.SQL("DROP TABLE {}").format(STAGE))
        return written

    def _note(self, fields: Fields) -> None:
        at = fields[self._by] if self._by is not None else None
        if at is not None:
            self._months.add(month_of(at))

    def _add_months(self) -> None:
        if self._months:
            self._connection.execute(
                "SELECT stateward_add_months(%s, %s)", (self._known.table.name, list(self._months))
            )
            self._months.clear()


def batches(rows: Iterator[Fields], note: Callable[[Fields], None]) -> Iterator[bytes]:
    """COPY's format again, in pieces of a size that memory does not notice."""
    waiting, size = [HEADER], 0
    for fields in rows:
        note(fields)
        row = format_row(fields)
        waiting.append(row)
        size += len(row)
        if size >= BATCH_BYTES:
            yield b"".join((*waiting, TRAILER))
            waiting, size = [HEADER], 0
    if size:
        yield b"".join((*waiting, TRAILER))

"""The registered tables as this database has them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from psycopg import sql

from stateward.kernel.governed import TABLES, TenantTable
from stateward.operations.backups.connecting import Connection

# What is computed by the database is not copied.
COLUMNS = """
SELECT c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod),
    a.attnotnull, a.attnotnull AND NOT a.atthasdef AND a.attidentity = ''
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = 'public'::regnamespace AND c.relname = ANY (%s)
  AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
ORDER BY c.relname, a.attnum
"""


REFERENCES = """
SELECT DISTINCT a.relname::text, b.relname::text
FROM pg_constraint c JOIN pg_class a ON a.oid = c.conrelid JOIN pg_class b ON b.oid = c.confrelid
WHERE c.contype = 'f' AND a.relname = ANY (%s) AND b.relname = ANY (%s)
"""


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    type: str
    is_filled: bool  # never null
    is_needed: bool  # never null, and nothing stands in for it


@dataclass(frozen=True, slots=True)
class Known:
    """A registered table, with its columns here."""

    table: TenantTable
    columns: tuple[Column, ...]

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Names and types as they stand in an archive: what is looked up is a name there."""
        looked_up = {lookup.column for lookup in self.table.lookups}
        return tuple(
            (column.name, "text" if column.name in looked_up else column.type)
            for column in self.columns
        )

    def type_of(self, name: str) -> str:
        return next(column.type for column in self.columns if column.name == name)

    def selected(self) -> sql.Composed:
        """The columns of an archive, as they are selected here."""
        names_of = {lookup.column: lookup.name for lookup in self.table.lookups}
        return sql.SQL(", ").join(
            sql.SQL(names_of[column.name]).format(sql.Identifier(column.name))
            if column.name in names_of
            else sql.Identifier(column.name)
            for column in self.columns
        )


def known_tables(connection: Connection) -> dict[str, Known]:
    """In the order in which they are written: what others are matched against comes first."""
    found: dict[str, list[Column]] = {}
    for table, *about in connection.execute(COLUMNS, (list(TABLES),)):
        found.setdefault(table, []).append(Column(*about))
    order = _in_order(found, connection.execute(REFERENCES, (list(found), list(found))).fetchall())
    return {name: Known(TABLES[name], tuple(found[name])) for name in order}


def _in_order(tables: Iterable[str], references: Iterable[tuple[str, str]]) -> list[str]:
    """What others refer to before them; among the rest what others give way to, and last what
    needs the namespaces' keys.
    """
    waits: dict[str, set[str]] = {name: set() for name in tables}
    for table, on in references:
        if table != on:
            waits[table].add(on)
    ordered: list[str] = []
    while waits:
        ready = [name for name, on in waits.items() if not on] or list(waits)
        following = min(ready, key=_rank)
        ordered.append(following)
        del waits[following]
        for others in waits.values():
            others.discard(following)
    return ordered


def _rank(name: str) -> tuple[bool, bool, bool, str]:
    table = TABLES[name]
    return (table.sealed is not None, table.joins, not table.match, name)


def names(columns: tuple[tuple[str, str], ...]) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(name) for name, _ in columns)

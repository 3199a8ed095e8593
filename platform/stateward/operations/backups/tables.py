"""The registered tables as this database has them."""

from __future__ import annotations

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
        return tuple((column.name, column.type) for column in self.columns)


def known_tables(connection: Connection) -> dict[str, Known]:
    """In the order in which they are written: what others are matched against comes first."""
    found: dict[str, list[Column]] = {}
    for table, *about in connection.execute(COLUMNS, (list(TABLES),)):
        found.setdefault(table, []).append(Column(*about))
    return {name: Known(TABLES[name], tuple(found[name])) for name in sorted(found, key=_rank)}


def _rank(name: str) -> tuple[bool, bool, bool, str]:
    """What others give way to and refer to first; what needs the namespaces' keys last."""
    table = TABLES[name]
    return (table.sealed is not None, table.joins, not table.match, name)


def names(columns: tuple[tuple[str, str], ...]) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(name) for name, _ in columns)

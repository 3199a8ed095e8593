"""Connections of the data plane's driver: how they read rows, and where their server stands."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.types.string import TextLoader

from stateward.kernel.flow import Row, Rows
from stateward.state.statements import READ, RECORD, WRITE

TRAVELLING = frozenset((WRITE, READ, RECORD))
TIMELINE = "SELECT ltrim(substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8), '0')"


class Line(psycopg.AsyncConnection[Row]):
    """A connection to the primary. As long as it lasts the server's timeline is the same; None
    where it led to a standby when it was made.
    """

    timeline: str | None = None


async def configure(connection: psycopg.AsyncConnection[Any]) -> None:
    # JSON stays text, as on Django's connection: the flows parse what they need.
    connection.adapters.register_loader("jsonb", TextLoader)
    if isinstance(connection, Line):
        try:
            connection.timeline = (await fetch(connection, TIMELINE, ()))[0][0]
        except psycopg.errors.ObjectNotInPrerequisiteState:  # in recovery: nothing is written here
            connection.timeline = None


async def fetch(connection: psycopg.AsyncConnection[Row], sql: str, parameters: Any) -> Rows:
    # In binary: values would come as twice as many hexadecimal digits.
    cursor = await connection.execute(sql, parameters, binary=sql in TRAVELLING)
    return await cursor.fetchall() if cursor.description else []

"""Connections of a backup's own: a snapshot is held for long, and progress is written meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg
from django.conf import settings

from stateward.kernel.flow import Executable, Flow, Rows, T, run

Connection = psycopg.Connection[tuple[Any, ...]]


def address_of(alias: str, *, name: str | None = None) -> str:
    """Where a database of the settings is; with ``name``, another database of its server.

    ``scratch`` is the role that makes drills' databases.
    """
    known = settings.SCRATCH_DATABASE if alias == "scratch" else settings.DATABASES[alias]
    return psycopg.conninfo.make_conninfo(
        host=known["HOST"],
        port=known["PORT"] or None,
        user=known["USER"],
        password=known["PASSWORD"],
        dbname=name or known["NAME"],
        application_name="stateward backup",
        **{
            key: value
            for key, value in known["OPTIONS"].items()
            if key in {"sslmode", "sslrootcert"}
        },
    )


@contextmanager
def connected(address: str, *, autocommit: bool = False) -> Iterator[Connection]:
    """Ends with the block, and with the server's patience once this process is gone."""
    with psycopg.connect(address, autocommit=autocommit) as connection:
        yield connection


def show_tenant(connection: Connection, tenant_id: UUID) -> None:
    """Show that tenant's rows for the rest of the transaction."""
    connection.execute("SELECT set_config('stateward.tenant', %s, true)", (str(tenant_id),))


def run_on(connection: Connection, flow: Flow[T]) -> T:
    """Drive a flow on a connection of ours."""

    def execute(statement: Executable) -> Rows:
        found = connection.execute(statement.sql, statement.parameters or None)
        return found.fetchall() if found.description else []

    return run(flow, execute)

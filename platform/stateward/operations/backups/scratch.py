"""A scratch database: made on the same server for one drill, migrated, and dropped.

A role makes it that has no right in the real one; the application's role then works in it behind
the same walls. What a killed drill left is dropped by the next.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from uuid import UUID

from django.conf import settings
from django.core.management import call_command
from django.db import connections
from psycopg import sql
from psycopg.errors import InsufficientPrivilege, ObjectInUse

from stateward.operations.backups.connecting import Connection, address_of, connected
from stateward.operations.backups.exceptions import DrillImpossible
from stateward.operations.embedded.postgres import DATABASE
from stateward.tenancy.rows import OWNER

log = logging.getLogger("stateward.backups")

PREFIX = "stateward_scratch_"
ALIAS = "scratch"
# Nobody is in it, and the drill whose run it is named after is over.
LEFT = """
SELECT datname::text FROM pg_database d
WHERE datname LIKE %s AND pg_get_userbyid(datdba) = current_user
  AND NOT EXISTS (SELECT FROM pg_stat_activity a WHERE a.datname = d.datname)
"""


@contextmanager
def scratch_database(run_id: UUID, open_runs: set[str]) -> Iterator[str]:
    """The name of a migrated, empty database. ``open_runs``: runs whose databases are in use."""
    name = PREFIX + run_id.hex
    with connected(address_of("scratch"), autocommit=True) as owner:
        _drop_left(owner, open_runs)
        _drop(owner, name)
        try:
            owner.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name))
            )
        except InsufficientPrivilege:
            raise DrillImpossible(
                "The drill makes a scratch database, and its role may not. Name one that may in"
                " STATEWARD_SCRATCH_DATABASE_URL, for the worker and for prepare_database."
            ) from None
        try:
            _migrate(name)
            yield name
        finally:
            _drop(owner, name)


def _migrate(name: str) -> None:
    with connected(address_of("scratch", name=name)) as owner:
        owner.execute(DATABASE.replace(OWNER, settings.SCRATCH_DATABASE["USER"]))
    known = deepcopy(settings.SCRATCH_DATABASE) | {"NAME": name}
    known["OPTIONS"] = {key: value for key, value in known["OPTIONS"].items() if key != "pool"}
    connections.databases[ALIAS] = connections.configure_settings(
        {"default": settings.DATABASES["default"], ALIAS: known}
    )[ALIAS]
    try:
        call_command("migrate", database=ALIAS, verbosity=0, interactive=False, skip_checks=True)
    finally:
        connections[ALIAS].close()
        del connections[ALIAS]
        del connections.databases[ALIAS]


def _drop_left(owner: Connection, open_runs: set[str]) -> None:
    for (name,) in owner.execute(LEFT, (f"{PREFIX}%",)).fetchall():
        if name.removeprefix(PREFIX) not in open_runs:
            _drop(owner, name)


def _drop(owner: Connection, name: str) -> None:
    """Sessions of a worker that was just killed have a moment to end: the server waits for them
    itself. Where one does not, the next drill drops the database.
    """
    try:
        owner.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))
    except ObjectInUse:
        log.warning("drill.database_in_use", extra={"database": name})

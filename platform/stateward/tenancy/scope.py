"""Where synchronous code (console, control plane, jobs) touches a tenant's rows: inside
``tenant_scope``, or it finds none.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from django.db import OperationalError, connection, transaction

from stateward.kernel.flow import Executable, Flow, Rows, T, run

log = logging.getLogger("stateward.tenancy")


@contextmanager
def tenant_scope(tenant_id: UUID) -> Iterator[None]:
    """One transaction in which the database shows ``tenant_id``'s rows. Nested scopes are
    savepoints; after one of another tenant, the outer tenant's rows are shown again.
    """
    with _setting("stateward.tenant", str(tenant_id)):
        yield


@contextmanager
def person_scope(person_id: UUID) -> Iterator[None]:
    """One transaction in which a person's memberships, of whatever tenant, can be read."""
    with _setting("stateward.person", str(person_id)):
        yield


SET = """
WITH before AS MATERIALIZED (SELECT coalesce(current_setting(%s, true), '') AS value)
SELECT before.value, set_config(%s, %s, true) FROM before
"""
IN_THE_WAY = ("40001", "40P01")  # a serialization failure, a deadlock: nothing of it remains
PUT_BACK = "SELECT set_config(%s, %s, true)"


@contextmanager
def _setting(name: str, value: str) -> Iterator[None]:
    """The setting for this block. A rollback puts it back by itself, a savepoint's release does
    not.
    """
    is_nested = connection.in_atomic_block
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(SET, (name, name, value))
        before = cursor.fetchone()[0]
        yield
        if is_nested and before != value:
            cursor.execute(PUT_BACK, (name, before))


def execute(statement: Executable) -> Rows:
    """Run one statement of a flow on Django's connection. One that says it may have several
    ``tries`` runs in a savepoint, and again where another session was in its way.
    """
    for left in range(getattr(statement, "tries", 1) - 1, 0, -1):
        try:
            with transaction.atomic():
                return _fetch(statement)
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", None) not in IN_THE_WAY:
                raise
            log.info("statement.again", extra={"left": left})
    return _fetch(statement)


def _fetch(statement: Executable) -> Rows:
    with connection.cursor() as cursor:
        cursor.execute(statement.sql, statement.parameters)
        return cursor.fetchall() if cursor.description else []


def run_flow(flow: Flow[T]) -> T:
    """Drive a flow from synchronous code, on Django's connection and within its transaction if one
    is open.
    """
    return run(flow, execute)

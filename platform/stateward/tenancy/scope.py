"""Where synchronous code (console, control plane, jobs) touches a tenant's rows: inside
``tenant_scope``, or it finds none.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from django.db import connection, transaction

from stateward.kernel.flow import Executable, Flow, Rows, T, run


@contextmanager
def tenant_scope(tenant_id: UUID) -> Iterator[None]:
    """One transaction in which the database shows ``tenant_id``'s rows. Nested scopes of one tenant
    are savepoints.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('stateward.tenant', %s, true)", (str(tenant_id),))
        yield


@contextmanager
def person_scope(person_id: UUID) -> Iterator[None]:
    """One transaction in which a person's memberships, of whatever tenant, can be read."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('stateward.person', %s, true)", (str(person_id),))
        yield


def execute(statement: Executable) -> Rows:
    """Run one statement of a flow on Django's connection."""
    with connection.cursor() as cursor:
        cursor.execute(statement.sql, statement.parameters)
        return cursor.fetchall() if cursor.description else []


def run_flow(flow: Flow[T]) -> T:
    """Drive a flow from synchronous code, on Django's connection and within its transaction if one
    is open.
    """
    return run(flow, execute)

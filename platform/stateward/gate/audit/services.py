"""Audit writes for synchronous code: what must stand although the caller's transaction will not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper

from stateward.gate.audit.denials import deny, flush_denials
from stateward.gate.audit.reads import flush_reads
from stateward.gate.audit.record import Draft, append
from stateward.kernel.flow import Executable, Flow, Rows, T, run


def deny_apart(**denial: Any) -> None:
    """Record a denial in a transaction of its own: the refusal rolls the caller's back.

    Takes what ``denials.deny`` takes.
    """
    run_apart(deny(**denial))


def record_apart(draft: Draft) -> None:
    """Write one record in a transaction of its own: it stands, whatever the caller's does."""
    run_apart(append(draft))


def flush(*, everything: bool = False) -> None:
    """Write what this process counted: denials whose minute is over, reads."""
    run_apart(flush_denials(everything=everything))
    run_apart(flush_reads())


def run_apart(flow: Flow[T]) -> T:
    """Drive a flow on another connection than Django's own, each statement for itself."""
    with second_connection() as apart:

        def execute(statement: Executable) -> Rows:
            with apart.cursor() as cursor:
                cursor.execute(statement.sql, statement.parameters)
                return cursor.fetchall() if cursor.description else []

        return run(flow, execute)


@contextmanager
def second_connection() -> Iterator[BaseDatabaseWrapper]:
    """From the pool where there is one; opened when the first statement asks for it."""
    apart = connection.copy()
    try:
        yield apart
    finally:
        apart.close()

"""Database sessions of a test's own, and flows driven on them."""

from __future__ import annotations

from typing import Any

import psycopg

from stateward.kernel.flow import Executable, Flow, Rows, T, run

Session = psycopg.Connection[Any]


def run_on(session: Session, flow: Flow[T]) -> T:
    """Drive a flow on a session of the test's."""

    def execute(statement: Executable) -> Rows:
        cursor = session.execute(statement.sql, statement.parameters)
        return cursor.fetchall() if cursor.description else []

    return run(flow, execute)

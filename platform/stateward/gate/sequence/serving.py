"""Work that one process at a time does under a lease: connected, waited for, and begun again."""

from __future__ import annotations

import logging
import os
import platform
import threading
from collections.abc import Callable
from typing import Any

import psycopg

from stateward.gate.sequence.exceptions import LeaseLost
from stateward.gate.sequence.lease import acquire, holder_of, is_dead
from stateward.kernel.flow import Executable, Flow, Rows, T, run

log = logging.getLogger("stateward.sequence")

LEASE_SECONDS = 4.0
RENEW_SECONDS = 1.0
# A server that stops answering must not hang the work; who is paused must not hold the lease.
SESSION = (
    "-c statement_timeout=300s -c lock_timeout=10s -c idle_in_transaction_session_timeout=30s"
    " -c application_name=stateward-{name}"
)
LOST = (psycopg.OperationalError, psycopg.InterfaceError)

Connection = psycopg.Connection[tuple[Any, ...]]


def serve(
    name: str,
    url: str,
    lease: str,
    work: Callable[[Connection, int], None],
    *,
    stop: threading.Event,
    retry_seconds: float,
) -> None:
    """Do ``work`` with a connection and the lease's token, again and again until ``stop`` is set; a
    lost lease or database is waited for. What else ``work`` raises ends it.
    """
    while not stop.is_set():
        try:
            options = SESSION.format(name=name)
            with psycopg.connect(url, autocommit=True, options=options) as connection:
                token = _acquire(connection, lease, stop, retry_seconds)
                if token is not None:
                    work(connection, token)
        except LOST as problem:
            said = str(problem).strip().split("\n", 1)[0]
            log.warning(f"{name}.waits", extra={"reason": said[:200]})
        except LeaseLost:
            log.warning(f"{name}.lease_lost")
        stop.wait(retry_seconds)


def drive(connection: Connection, flow: Flow[T]) -> T:
    """Run a flow on such a connection."""

    def execute(statement: Executable) -> Rows:
        cursor = connection.execute(statement.sql, statement.parameters, prepare=True)
        return cursor.fetchall() if cursor.description else []

    return run(flow, execute)


def _acquire(
    connection: Connection, lease: str, stop: threading.Event, retry_seconds: float
) -> int | None:
    own = f"{platform.node()}:{os.getpid()}"
    while not stop.is_set():
        last = drive(connection, holder_of(lease)) or ""
        dead = last if is_dead(last) else ""
        token = drive(connection, acquire(lease, own, LEASE_SECONDS, instead_of=dead))
        if token is not None:
            return token
        stop.wait(retry_seconds)
    return None

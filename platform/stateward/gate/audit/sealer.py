"""The sequencer and sealer: one process of its own, one at a time.

It numbers what has been committed (passes) and seals what was numbered, under one lease, with a
database role that reads outbox and audit of all tenants and writes nothing but its own tables.
"""

from __future__ import annotations

import logging
import os
import platform
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg

from stateward.gate.audit.memory import Memory
from stateward.gate.audit.sealing import RECORDS, Sealed, Sealer
from stateward.gate.audit.sealing_key import sealing_key
from stateward.gate.sequence.exceptions import LeaseLost
from stateward.gate.sequence.lease import acquire, hold, holder_of, is_dead, release, renew
from stateward.gate.sequence.passes import take_pass
from stateward.kernel.flow import Executable, Flow, Rows, T, run

log = logging.getLogger("stateward.audit")

LEASE = "sequencer"
LEASE_SECONDS = 4.0
RENEW_SECONDS = 1.0
TICK_SECONDS = 0.1
SEAL_SECONDS = 0.8  # a record is sealed within about a second...
SEAL_RECORDS = 1000  # ...or as soon as so many wait
HEARTBEAT_SECONDS = 60.0
RETRY_SECONDS = 0.5
# A server that stops answering must not hang the sealer; a paused sealer must not hold the lease.
SESSION = (
    "-c statement_timeout=300s -c lock_timeout=10s -c idle_in_transaction_session_timeout=30s"
    " -c application_name=stateward-sealer"
)
LOST = (psycopg.OperationalError, psycopg.InterfaceError)

Connection = psycopg.Connection[tuple[Any, ...]]


class SealerProcess:
    """Runs until ``stop`` is set; a lost lease or database is waited for."""

    def __init__(self, url: str, home: Path, stop: threading.Event) -> None:
        self.url = url
        self.folder = home / "seals"
        self.stop = stop

    def run(self) -> None:
        while not self.stop.is_set():
            try:
                with psycopg.connect(self.url, autocommit=True, options=SESSION) as connection:
                    self._serve(connection)
            except LOST as problem:
                log.warning("sealer.waits", extra={"reason": _first_line(problem)})
            except LeaseLost:
                log.warning("sealer.lease_lost")
            self.stop.wait(RETRY_SECONDS)

    def _serve(self, connection: Connection) -> None:
        token = self._acquire(connection)
        if token is None:
            return
        log.info("sealer.began", extra={"token": token})
        with connection.transaction():
            drive(connection, hold(LEASE, token))
            signer = drive(connection, sealing_key(may_create=True))
        watch = Watch(connection, token, Memory(self.folder), signer)
        while not self.stop.is_set():
            watch.tick()
            self.stop.wait(TICK_SECONDS)
        watch.seal()
        drive(connection, release(LEASE, token))
        log.info("sealer.ended", extra={"token": token})

    def _acquire(self, connection: Connection) -> int | None:
        own = f"{platform.node()}:{os.getpid()}"
        while not self.stop.is_set():
            last = drive(connection, holder_of(LEASE)) or ""
            dead = last if is_dead(last) else ""
            token = drive(connection, acquire(LEASE, own, LEASE_SECONDS, instead_of=dead))
            if token is not None:
                return token
            self.stop.wait(RETRY_SECONDS)
        return None


class Watch:
    """The time one lease is held."""

    def __init__(self, connection: Connection, token: int, memory: Memory, signer: Any) -> None:
        self.connection = connection
        self.token = token
        self.memory = memory
        self.sealer = Sealer(signer, memory.known)
        self.is_behind = True  # whoever held the lease before may have left something
        self.sealed_at = self.renewed_at = 0.0
        self.beaten_at = time.monotonic() - HEARTBEAT_SECONDS
        self.drawn = 0

    def tick(self) -> None:
        """Number what is new; seal it when it is time; keep the lease."""
        if drive(self.connection, take_pass(RECORDS, lease=LEASE, token=self.token)):
            self.is_behind = True
        moment = time.monotonic()
        if self.is_behind and self._is_due(moment):
            self.seal()
        elif not self.is_behind and moment - self.beaten_at >= HEARTBEAT_SECONDS:
            self._round(self.sealer.heartbeat)
            self.beaten_at = moment
        elif moment - self.renewed_at >= RENEW_SECONDS:
            if self.is_behind:
                drive(self.connection, renew(LEASE, self.token, LEASE_SECONDS))
                self.renewed_at = moment
            else:
                self.seal()  # nothing to seal, and that is noted: so far everything is

    def _is_due(self, moment: float) -> bool:
        if moment - self.sealed_at >= SEAL_SECONDS:
            return True
        rows = self.connection.execute("SELECT last_value FROM stateward_order").fetchall()
        return int(rows[0][0]) - self.drawn >= SEAL_RECORDS

    def seal(self) -> None:
        """Until nothing is left."""
        rows = self.connection.execute("SELECT last_value FROM stateward_order").fetchall()
        self.drawn = int(rows[0][0])
        while not self._round(self.sealer.seal).is_caught_up:
            pass
        self.is_behind = False
        self.sealed_at = time.monotonic()

    def _round(self, step: Callable[[], Flow[Sealed]]) -> Sealed:
        """One transaction under the lease. What was signed is on the disk here before it ends."""
        with self.connection.transaction():
            drive(self.connection, hold(LEASE, self.token))
            sealed = drive(self.connection, step())
            self.memory.keep(sealed.notes, sealed.at)
            drive(self.connection, renew(LEASE, self.token, LEASE_SECONDS))
        self.renewed_at = time.monotonic()
        self.memory.publish(sealed.notes)
        for tenant_id, why in sealed.alarms.items():
            log.critical("audit.fork", extra={"tenant_id": str(tenant_id), "reason": why})
        return sealed


def drive(connection: Connection, flow: Flow[T]) -> T:
    """Run a flow on the sealer's connection."""

    def execute(statement: Executable) -> Rows:
        cursor = connection.execute(statement.sql, statement.parameters, prepare=True)
        return cursor.fetchall() if cursor.description else []

    return run(flow, execute)


def _first_line(problem: Exception) -> str:
    return str(problem).strip().split("\n", 1)[0]

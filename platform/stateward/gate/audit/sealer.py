"""The sequencer and sealer: one process of its own, one at a time.

It numbers what has been committed (passes) and seals what was numbered, under one lease, with a
database role that reads outbox and audit of all tenants and writes nothing but its own tables.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stateward.gate.audit.memory import Memory
from stateward.gate.audit.sealing import RECORDS, Sealed, Sealer
from stateward.gate.audit.sealing_key import sealing_key
from stateward.gate.sequence.lease import hold, release, renew
from stateward.gate.sequence.passes import take_pass
from stateward.gate.sequence.serving import (
    LEASE_SECONDS,
    RENEW_SECONDS,
    Connection,
    drive,
    serve,
)
from stateward.kernel.flow import Flow

log = logging.getLogger("stateward.audit")

LEASE = "sequencer"
TICK_SECONDS = 0.1
SEAL_SECONDS = 0.8  # a record is sealed within about a second...
SEAL_RECORDS = 1000  # ...or as soon as so many wait
HEARTBEAT_SECONDS = 60.0
RETRY_SECONDS = 0.5


class SealerProcess:
    """Runs until ``stop`` is set; a lost lease or database is waited for."""

    def __init__(self, url: str, home: Path, stop: threading.Event) -> None:
        self.url = url
        self.folder = home / "seals"
        self.stop = stop

    def run(self) -> None:
        serve("sealer", self.url, LEASE, self._serve, stop=self.stop, retry_seconds=RETRY_SECONDS)

    def _serve(self, connection: Connection, token: int) -> None:
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

"""The feed's passes, taken as soon as something is committed and somebody waits for it.

A thread beside the sealer's, with a connection and a lease of its own: sealing takes its time, and
nobody who follows should wait for that. Writers ring after their commit (``bell.py``); with nobody
following, and where a ring is lost, it looks by itself ten times a second. After each pass it rests
for some multiple of the time that the pass took, so that a database at its limit is asked less
often.
"""

from __future__ import annotations

import logging
import os
import platform
import threading
import time
from pathlib import Path
from typing import Any

import psycopg

from stateward.gate.sequence.bell import PATTERN, SEQUENCER, Ears, Hand
from stateward.gate.sequence.exceptions import LeaseLost
from stateward.gate.sequence.lease import acquire, holder_of, is_dead, release, renew
from stateward.gate.sequence.passes import take_feed_pass
from stateward.kernel.flow import Executable, Flow, Rows, T, run

log = logging.getLogger("stateward.feed")

LEASE = "feed"
LEASE_SECONDS = 4.0
RENEW_SECONDS = 1.0
LOOK_SECONDS = 0.1  # without a ring
RETRY_SECONDS = 0.3
REST = 3.0  # times what the last pass took
LONGEST_REST = 0.02
SESSION = (
    "-c statement_timeout=300s -c lock_timeout=10s -c idle_in_transaction_session_timeout=30s"
    " -c application_name=stateward-numberer"
)
LOST = (psycopg.OperationalError, psycopg.InterfaceError)

Connection = psycopg.Connection[tuple[Any, ...]]


class Numberer:
    """Runs until ``stop`` is set; a lost lease or database is waited for."""

    def __init__(self, url: str, folder: Path, stop: threading.Event) -> None:
        self.url = url
        self.folder = folder
        self.stop = stop

    def run(self) -> None:
        while not self.stop.is_set():
            try:
                with psycopg.connect(self.url, autocommit=True, options=SESSION) as connection:
                    self._serve(connection)
            except LOST as problem:
                log.warning("numberer.waits", extra={"reason": str(problem).strip()[:200]})
            except LeaseLost:
                log.warning("numberer.lease_lost")
            except Exception:  # the thread's edge: sealing goes on beside it, and so must this
                log.exception("numberer.failed")
            self.stop.wait(RETRY_SECONDS)

    def _serve(self, connection: Connection) -> None:
        token = self._acquire(connection)
        if token is None:
            return
        ears, hand = self._listen(), Hand(self.folder, PATTERN)
        try:
            renewed_at = time.monotonic()
            while not self.stop.is_set():
                began = time.monotonic()
                taken = _drive(connection, take_feed_pass(lease=LEASE, token=token))
                if taken is not None:
                    hand.ring(_message(*taken))
                ended = time.monotonic()
                if ended - renewed_at >= RENEW_SECONDS:
                    _drive(connection, renew(LEASE, token, LEASE_SECONDS))
                    renewed_at = ended
                self._wait(ears, hand, min(REST * (ended - began), LONGEST_REST))
            _drive(connection, release(LEASE, token))
        finally:
            hand.close()
            if ears is not None:
                ears.close()

    def _wait(self, ears: Ears | None, hand: Hand, rest: float) -> None:
        """Until it is time for the next pass."""
        if ears is None or not hand.listeners():
            # With nobody following a pass is in no hurry, but whoever asks for a page may be.
            until = time.monotonic() + LOOK_SECONDS
            while not self.stop.is_set() and (left := until - time.monotonic()) > 0:
                if ears is None:
                    self.stop.wait(left)
                elif ears.wait(left):
                    if ears.was_urgent:
                        hand.look_again()  # maybe by one who has just begun to listen
                    if hand.listeners() or ears.was_urgent:
                        break
                    self.stop.wait(rest)
            return
        self.stop.wait(rest)
        if ears.wait(LOOK_SECONDS) and ears.was_urgent:
            hand.look_again()

    def _listen(self) -> Ears | None:
        try:
            return Ears(self.folder, SEQUENCER)
        except OSError as problem:
            log.warning("numberer.no_bell", extra={"reason": str(problem)})
            return None

    def _acquire(self, connection: Connection) -> int | None:
        own = f"{platform.node()}:{os.getpid()}"
        while not self.stop.is_set():
            last = _drive(connection, holder_of(LEASE)) or ""
            dead = last if is_dead(last) else ""
            token = _drive(connection, acquire(LEASE, own, LEASE_SECONDS, instead_of=dead))
            if token is not None:
                return token
            self.stop.wait(RETRY_SECONDS)
        return None


def _message(number: int, tenants: list[Any] | None) -> bytes:
    """The pass, and of whom it has something: what is said is a hint, and true or not, no harm."""
    if tenants is None or len(tenants) > 50:
        return b"%d *" % number
    return b" ".join([b"%d" % number, *(str(tenant).encode() for tenant in tenants)])


def _drive(connection: Connection, flow: Flow[T]) -> T:
    def execute(statement: Executable) -> Rows:
        cursor = connection.execute(statement.sql, statement.parameters, prepare=True)
        return cursor.fetchall() if cursor.description else []

    return run(flow, execute)

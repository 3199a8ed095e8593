"""The feed's passes, taken as soon as something is committed and somebody waits for it.

A thread beside the sealer's, with a connection and a lease of its own: sealing takes its time, and
nobody who follows should wait for that. Writers ring after their commit (``bell.py``); with nobody
following, and where a ring is lost, it looks by itself ten times a second. After each pass it rests
for some multiple of the time that the pass took, so that a database at its limit is asked less
often.
"""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path
from typing import Any

from stateward.gate.sequence.bell import PATTERN, SEQUENCER, Ears, Hand
from stateward.gate.sequence.lease import release, renew
from stateward.gate.sequence.passes import take_feed_pass
from stateward.gate.sequence.serving import (
    LEASE_SECONDS,
    RENEW_SECONDS,
    Connection,
    drive,
    serve,
)

log = logging.getLogger("stateward.feed")

LEASE = "feed"
LOOK_SECONDS = 0.1  # without a ring
RETRY_SECONDS = 0.3
REST = 3.0  # times what the last pass took
LONGEST_REST = 0.02


class Numberer:
    """Runs until ``stop`` is set; a lost lease or database is waited for."""

    def __init__(self, url: str, folder: Path, stop: threading.Event) -> None:
        self.url = url
        self.folder = folder
        self.stop = stop

    def run(self) -> None:
        while not self.stop.is_set():
            try:
                serve(
                    "numberer", self.url, LEASE, self._serve,
                    stop=self.stop, retry_seconds=RETRY_SECONDS,
                )  # fmt: skip
            except Exception:  # the thread's edge: sealing goes on beside it, and so must this
                log.exception("numberer.failed")
                self.stop.wait(RETRY_SECONDS)

    def _serve(self, connection: Connection, token: int) -> None:
        ears, hand = self._listen(), Hand(self.folder, PATTERN)
        try:
            renewed_at = time.monotonic()
            while not self.stop.is_set():
                began = time.monotonic()
                taken = drive(connection, take_feed_pass(lease=LEASE, token=token))
                if taken is not None:
                    hand.ring(_message(*taken))
                ended = time.monotonic()
                if ended - renewed_at >= RENEW_SECONDS:
                    drive(connection, renew(LEASE, token, LEASE_SECONDS))
                    renewed_at = ended
                self._wait(ears, hand, min(REST * (ended - began), LONGEST_REST))
            drive(connection, release(LEASE, token))
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


def _message(number: int, tenants: list[Any] | None) -> bytes:
    """The pass, and of whom it has something: what is said is a hint, and true or not, no harm."""
    if tenants is None or len(tenants) > 50:
        return b"%d *" % number
    return b" ".join([b"%d" % number, *(str(tenant).encode() for tenant in tenants)])

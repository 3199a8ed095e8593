"""While the stack runs: say what died and came back, and never let the supervisor give up."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPException
from typing import TYPE_CHECKING

from stateward.operations.exceptions import CannotStart
from stateward.operations.stack import programs
from stateward.operations.stack.supervision import GONE_FOR_GOOD, Status, tail

if TYPE_CHECKING:
    from stateward.operations.stack.assembly import Stack

EVERY_SECONDS = 0.5
RETRY_SECONDS = 5.0
ENDS_BY_ITSELF = "demo"


class Watch:
    """Looks twice a second, forgets nothing between two looks but what it has said."""

    def __init__(self, stack: Stack, say: Callable[[str], None]) -> None:
        self._stack = stack
        self._say = say
        self._pids: dict[str, int] = {}
        self._given_up: dict[str, float] = {}
        self._strangers: set[int] = set()

    def run(self) -> None:
        """Until interrupted."""
        while True:
            time.sleep(EVERY_SECONDS)
            self.look()

    def look(self) -> None:
        """Compare what runs with what ran at the last look."""
        if not self._stack.supervision.alive:
            self._revive_supervisor()
            return
        try:
            statuses = self._stack.supervision.statuses()
        except (OSError, HTTPException):  # it is just ending; the next look sees it
            return
        for status in statuses:
            self._compare(status)
        self._end_orphans({status.pid for status in statuses})

    def _end_orphans(self, known: set[int]) -> None:
        """End what a killed program left below the supervisor: it would keep its port or socket.

        Seen in two looks, so that a program that is just being started is not taken for one.
        """
        strangers = self._stack.supervision.children() - known
        for pid in strangers & self._strangers:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._strangers = strangers

    def _compare(self, status: Status) -> None:
        if status.name == ENDS_BY_ITSELF:
            self._tell_demo(status)
            return
        before = self._pids.get(status.name)
        if status.pid and before and status.pid != before:
            self._say(f"{status.name} had died and was started again (process {status.pid}).")
        if status.pid:
            self._pids[status.name] = status.pid
        if status.state == GONE_FOR_GOOD:
            self._retry(status)

    def _tell_demo(self, status: Status) -> None:
        before = self._pids.get(status.name)
        self._pids[status.name] = status.pid
        if before and not status.pid:
            log = self._stack.home.logs / f"{status.name}.log"
            self._say("The demo agents have finished." if status.exit_status == 0 else tail(log, 5))

    def _retry(self, status: Status) -> None:
        """The supervisor has given up on a program that cannot start; we have not."""
        now = time.monotonic()
        last = self._given_up.get(status.name)
        if last is None:
            log = self._stack.home.logs / f"{status.name}.log"
            self._say(
                f"{status.name} does not start; trying again every {RETRY_SECONDS:.0f} s. "
                f"The end of {log}:\n{tail(log, 6)}"
            )
        if last is None or now - last > RETRY_SECONDS:
            self._given_up[status.name] = now
            self._stack.supervision.start_program(status.group, status.name)

    def _revive_supervisor(self) -> None:
        """Its programs ended with it; everything starts again, in order."""
        self._say("The supervisor had died and is started again, with everything below it.")
        self._pids.clear()
        try:
            self._stack.start_supervisor()
        except CannotStart as error:
            self._say(str(error))
            return
        replicas = [programs.REPLICAS] if self._stack.standby is not None else []
        for group in (programs.SERVERS, *replicas, programs.WEB):
            self._stack.supervision.start_group(group)
        for name in programs.BACKGROUND:
            self._stack.supervision.start_program(programs.JOBS, name)

"""The one supervisor: started as our child, asked over its socket, told to stop in order."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault, ServerProxy

from supervisor.xmlrpc import SupervisorTransport

from stateward.operations.exceptions import CannotStart
from stateward.operations.stack import follow
from stateward.operations.stack.home import Home, write_private

START_SECONDS = 10.0
STOP_SECONDS = 60.0
GONE_FOR_GOOD = "FATAL"


@dataclass(frozen=True)
class Status:
    """One program as the supervisor sees it now."""

    name: str
    group: str
    state: str  # STOPPED STARTING RUNNING BACKOFF STOPPING EXITED FATAL UNKNOWN
    pid: int
    exit_status: int


class Supervision:
    """A running supervisor and what it runs."""

    def __init__(self, home: Home, password: str) -> None:
        self.home = home
        self.socket = home.run / "supervisor.sock"
        self._password = password
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, configuration: str, environment: Mapping[str, str]) -> None:
        """Start it in a process group of its own: Ctrl-C reaches us alone, and we stop in order."""
        path = self.home.path / "supervisor.conf"
        write_private(path, configuration.encode())
        self.socket.unlink(missing_ok=True)
        wrapper = [sys.executable, "-I", "-S", follow.__file__, "TERM", follow.NOBODY_ELSE]
        wrapper.append(follow.ADOPT)
        with open(self.home.logs / "supervisor.out", "ab") as output:
            self._process = subprocess.Popen(
                [*wrapper, sys.executable, "-m", "supervisor.supervisord", "-c", str(path)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=dict(environment),
                process_group=0,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise CannotStart(
                    "The supervisor did not start.", f"{self.home.logs}/supervisor.out says why."
                )
            time.sleep(0.05)

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def children(self) -> set[int]:
        """What hangs below the supervisor, orphans of killed programs too; Linux alone tells."""
        if self._process is None:
            return set()
        pid = self._process.pid
        try:
            return {
                int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            }
        except OSError:
            return set()

    def start_group(self, group: str) -> None:
        self._ask("startProcessGroup", group, False)

    def start_program(self, group: str, name: str) -> None:
        try:
            self._ask("startProcess", f"{group}:{name}", False)
        except Fault as fault:
            if "ALREADY_STARTED" not in fault.faultString:
                raise

    def statuses(self) -> list[Status]:
        return [
            Status(
                name=info["name"],
                group=info["group"],
                state=info["statename"],
                pid=info["pid"],
                exit_status=info["exitstatus"],
            )
            for info in self._ask("getAllProcessInfo")
        ]

    def stop(self) -> bool:
        """Stop every program in order, then the supervisor; whether it ended by itself."""
        if self._process is None:
            return True
        if self.alive:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            return False
        return True

    def _answers(self) -> bool:
        try:
            self._ask("getState")
        except (OSError, HTTPException):
            return False
        return True

    def _ask(self, method: str, *arguments: Any) -> Any:
        # One connection a question: the supervisor may have been replaced since the last one.
        transport = SupervisorTransport("stack", self._password, f"unix://{self.socket}")
        with ServerProxy("http://127.0.0.1", transport=transport) as proxy:
            return getattr(proxy.supervisor, method)(*arguments)


def tail(path: Path, lines: int = 15) -> str:
    """The end of a log, for a message."""
    try:
        text = path.read_bytes()[-8192:].decode(errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-lines:])

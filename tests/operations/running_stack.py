"""A stack started the way ``make up`` starts it, and what tests ask of it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx

from stateward.operations.embedded.ports import any_free
from tests.patience import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
READY = re.compile(r"Stateward is ready after ([0-9.]+) s: (\S+)")
START_SECONDS = 240.0

T = TypeVar("T")


def eventually(question: Callable[[], T], seconds: float = PATIENCE) -> T:
    """The first true answer; the last one fails the test."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            answer = question()
        except (httpx.HTTPError, OSError) as error:
            answer, said = None, error  # type: ignore[assignment]
        else:
            said = answer
        if answer:
            return answer
        assert time.monotonic() < deadline, f"not within {seconds} s; the last answer: {said!r}"
        time.sleep(0.1)


@dataclass(frozen=True)
class Process:
    pid: int
    parent: int
    command: str


def processes() -> dict[int, Process]:
    """Everything that runs on this machine now, but for what has ended and waits to be reaped."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "stat").read_text().rpartition(")")[2].split()
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
        except OSError:
            continue
        if words[0] != "Z":
            found[int(folder.name)] = Process(int(folder.name), int(words[1]), command)
    return found


class RunningStack:
    """One home, started and stopped as often as a test likes."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.output = home.with_name(f"{home.name}.out")
        self.seconds = 0.0
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, **environment: str) -> None:
        """As ``make up`` does after the installation; returns when it says that it is ready."""
        clean = {name: value for name, value in os.environ.items() if "STATEWARD" not in name}
        clean.pop("DJANGO_SETTINGS_MODULE", None)
        self._take_ports_of_its_own()
        source = os.pathsep.join((str(ROOT / "platform"), str(ROOT)))
        with open(self.output, "wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "stateward.operations.stack", "up", "--follow-parent"],
                cwd=ROOT,
                env=clean | {"STATEWARD_HOME": str(self.home), "PYTHONPATH": source} | environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )
        self.seconds = float(self._await_ready()[1])

    def _take_ports_of_its_own(self) -> None:
        """As if found by an earlier start. Beside another worker's stack the usual ports would not
        do: while a killed server is away, the other stack could take its port.
        """
        if self.home.exists():
            return
        self.home.mkdir(parents=True)
        self.home.chmod(0o711)
        ports = {name: any_free() for name in ("web", "postgres", "redis")}
        (self.home / "ports.json").write_text(json.dumps(ports))

    def _await_ready(self) -> re.Match[str]:
        deadline = time.monotonic() + START_SECONDS
        while (ready := READY.search(self.said)) is None:
            ended = self.process.poll() is not None
            assert not ended and time.monotonic() < deadline, self.said  # noqa: PT018
            time.sleep(0.1)
        return ready

    @property
    def said(self) -> str:
        return self.output.read_text()

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        return self._process

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    @property
    def quickstart(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.home / "quickstart.json").read_bytes())
        return content

    @property
    def url(self) -> str:
        return str(self.quickstart["url"])

    def client(self, agent: int = 0) -> httpx.Client:
        """What one of the first start's agents calls with."""
        key = self.quickstart["agents"][agent]["api_key"]
        headers = {"Authorization": f"Bearer {key}"}
        return httpx.Client(base_url=f"{self.url}/api/v1", headers=headers, timeout=PATIENCE)

    def tree(self) -> list[Process]:
        """Everything below the process that was started, and itself."""
        everything = processes()

        def below(pid: int) -> Iterator[Process]:
            if pid in everything:
                yield everything[pid]
            for process in everything.values():
                if process.parent == pid:
                    yield from below(process.pid)

        return list(below(self.process.pid))

    def pid_of(self, *words: str) -> int:
        """The topmost process of the tree whose command holds all of ``words``."""
        found = [p for p in self.tree() if all(word in p.command for word in words)]
        return found[0].pid if found else 0

    def leftovers(self) -> list[Process]:
        """What still runs and belongs to this home, wherever it hangs."""
        return [p for p in processes().values() if str(self.home) in p.command]

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        clean = {name: value for name, value in os.environ.items() if "STATEWARD" not in name}
        clean.pop("DJANGO_SETTINGS_MODULE", None)
        return subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), *arguments],
            cwd=ROOT,
            env=clean | {"STATEWARD_HOME": str(self.home)},
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )

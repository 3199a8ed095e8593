"""Celery processes of ours, with what they say, ended with the test whatever happens."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.patience import PATIENCE

ROOT = Path(__file__).resolve().parents[2]


class CeleryProcess:
    """``celery -A stateward.celery …`` in a process group of its own."""

    def __init__(self, *arguments: str, log: Path, **environment: str) -> None:
        self._log = log
        with log.open("wb") as output:
            self.popen = subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", "stateward.celery", *arguments],
                cwd=ROOT,
                env=os.environ
                | {
                    "DJANGO_SETTINGS_MODULE": "stateward.settings.test",
                    "PYTHONPATH": os.pathsep.join([str(ROOT / "platform"), str(ROOT)]),
                }
                | environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        return self._log.read_text(errors="replace")

    def children(self) -> list[int]:
        """The pool's processes."""
        path = Path(f"/proc/{self.popen.pid}/task/{self.popen.pid}/children")
        return [int(pid) for pid in path.read_text().split()]

    def kill(self) -> None:
        """kill -9 of the process and all its children."""
        os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait()

    def end(self) -> None:
        if self.popen.poll() is None:
            self.kill()


def until(
    is_so: Callable[[], object],
    what: str,
    *processes: CeleryProcess,
    seconds: float = PATIENCE,
) -> None:
    """Wait for something other processes do; fail with what they said."""
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            said = "\n".join(process.output for process in processes)
            pytest.fail(f"waited {seconds} s in vain for {what}\n{said}")
        time.sleep(0.03)


@contextmanager
def celery(*arguments: str, log: Path, **environment: str) -> Generator[CeleryProcess, None, None]:
    process = CeleryProcess(*arguments, log=log, **environment)
    try:
        yield process
    finally:
        process.end()


@contextmanager
def worker(folder: Path, name: str, **environment: str) -> Generator[CeleryProcess, None, None]:
    """A worker with one child. It may not be ready yet; messages wait for it."""
    arguments = ("worker", "--concurrency", "1", "--loglevel", "INFO", "--without-mingle")
    log = folder / f"{name}.log"
    with celery(*arguments, "-n", f"{name}@test", log=log, **environment) as process:
        yield process


@contextmanager
def beat(
    folder: Path, name: str, *more: str, **environment: str
) -> Generator[CeleryProcess, None, None]:
    arguments = ("beat", *more, "--pidfile=", "--loglevel", "INFO")
    schedule = ("--schedule", str(folder / f"{name}.db"))
    log = folder / f"{name}.log"
    with celery(*arguments, *schedule, log=log, **environment) as process:
        yield process

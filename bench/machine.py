"""What a benchmark runs on: a PostgreSQL of its own with its default durability, the targets'
processes, and their CPU time.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from stateward.operations.embedded.ports import any_free
from stateward.operations.embedded.postgres import DATABASE, ROLES, Cluster, wheel_binaries

ROOT = Path(__file__).resolve().parents[1]
PASSWORD = "bench"
TICKS = os.sysconf("SC_CLK_TCK")
# Only capacity is changed: fsync, synchronous_commit and full_page_writes keep their defaults.
CAPACITY = {"max_connections": "300", "shared_buffers": "1GB", "max_wal_size": "8GB"}
SETTLE_SECONDS = 0.15  # until what a run's last answers set off has been done, and counted


class Sample(NamedTuple):
    """One measured run. CPU is milliseconds an operation: the application's, the database's."""

    rate: float  # operations a second
    p50: float  # milliseconds
    p99: float
    app: float
    database: float

    @property
    def cpu(self) -> float:
        return self.app + self.database


def median(samples: Iterable[Sample]) -> Sample:
    """Member by member."""
    return Sample(*(statistics.median(values) for values in zip(*samples, strict=True)))


class Database:
    """The run's PostgreSQL."""

    def __init__(self, folder: Path) -> None:
        self.cluster = Cluster(folder / "postgres", any_free(), wheel_binaries())
        self.cluster.initialise(PASSWORD)
        self.cluster.start(**CAPACITY)
        roles = ROLES.format(owner=PASSWORD, app=PASSWORD, sequencer=PASSWORD)
        self.cluster.psql(roles, PASSWORD)
        for name in ("stateward", "bench"):
            self.cluster.psql(f"CREATE DATABASE {name} OWNER stateward_owner", PASSWORD)
        self.cluster.psql(DATABASE, PASSWORD, "stateward")
        pid = (self.cluster.data / "postmaster.pid").read_text(encoding="utf-8")
        self.pid = int(pid.split("\n")[0])

    def url(self, role: str, name: str = "stateward") -> str:
        return f"postgresql://{role}:{PASSWORD}@127.0.0.1:{self.cluster.port}/{name}"

    def cpu(self) -> float:
        """CPU seconds of the server so far, those of backends that have ended included."""
        return cpu_seconds([self.pid, *children(self.pid)]) + cpu_seconds([self.pid], of_dead=True)

    def pgbench(
        self, script: str, connections: int, seconds: float, *, value: str, keys: int
    ) -> Sample:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "script.sql"
            file.write_text(script, encoding="utf-8")
            before = self.cpu()
            out = subprocess.run(
                [
                    str(self.cluster.binaries / "pgbench"), "-h", "127.0.0.1",
                    "-p", str(self.cluster.port), "-U", "stateward_owner", "-n", "-M", "prepared",
                    "-c", str(connections), "-j", "1", "-T", str(max(1, round(seconds))),
                    "-D", f"keys={keys}", "-D", f"value={value}", "-f", str(file),
                    "-l", "--log-prefix", str(Path(folder) / "log"), "bench",
                ],
                capture_output=True, text=True, check=True,
                env=os.environ | {"PGPASSWORD": PASSWORD},
            ).stdout  # fmt: skip
            time.sleep(SETTLE_SECONDS)
            spent = self.cpu() - before
            latencies = [
                int(line.split(" ", 3)[2]) / 1000
                for log in Path(folder).glob("log.*")
                for line in log.read_text(encoding="utf-8").splitlines()
            ]
        if not latencies:
            raise RuntimeError("the machine is too busy: pgbench got nothing done")
        rate = float(next(line for line in out.splitlines() if line.startswith("tps")).split()[2])
        return Sample(rate, *percentiles(latencies), 0.0, spent / len(latencies) * 1000)


@dataclass
class Target:
    """A server that is measured."""

    name: str
    port: int
    path: str  # with {key}
    headers: str  # lines, each ending with CR LF
    process: subprocess.Popen[bytes]

    def cpu(self) -> float:
        return cpu_seconds([self.process.pid, *children(self.process.pid)])

    def stop(self) -> None:
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(10)
        self.process.kill()
        self.process.wait()


class Work(NamedTuple):
    """What is asked of a target."""

    method: str
    body: str = ""
    headers: str = ""
    connections: int = 32


def python(
    *arguments: str, environment: dict[str, str], interpreter: str = sys.executable, **how: Any
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [interpreter, *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": f"{ROOT / 'platform'}:{ROOT}"} | environment,
        **how,
    )


def start(
    name: str,
    arguments: list[str],
    environment: dict[str, str],
    *,
    path: str,
    headers: str,
    log: Path,
    interpreter: str = sys.executable,
) -> Target:
    """Start a server on a free port, which is put in place of ``{port}``; wait until it is open."""
    port = any_free()
    with log.open("wb") as output:
        process = python(
            *(word.format(port=port) for word in arguments),
            environment=environment, interpreter=interpreter, stdout=output, stderr=output,
        )  # fmt: skip
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=0.2):
            return Target(name, port, path, headers, process)
        time.sleep(0.05)
    process.kill()
    raise RuntimeError(f"{name} did not open its port:\n{log.read_text(errors='replace')[-2000:]}")


def measure(target: Target, work: Work, database: Database, *, seconds: float, keys: int) -> Sample:
    """One run of ``work``. RuntimeError if anything but success was answered."""
    before = target.cpu(), database.cpu()
    rate, p50, p99, count = (_wrk if shutil.which("wrk") else _ours)(target, work, seconds, keys)
    time.sleep(SETTLE_SECONDS)
    app, base = target.cpu() - before[0], database.cpu() - before[1]
    return Sample(rate, p50, p99, app / count * 1000, base / count * 1000)


def _wrk(target: Target, work: Work, seconds: float, keys: int) -> tuple[float, float, float, int]:
    out = subprocess.run(
        [
            "wrk", "-t", "1", "-c", str(work.connections), "-d", str(max(1, round(seconds))),
            "--timeout", "30s", "-s", str(ROOT / "bench/wrk.lua"),
            f"http://127.0.0.1:{target.port}", "--",
            work.method, target.path, str(keys), target.headers + work.headers, work.body,
        ],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    found = json.loads(out.split("RESULT ", 1)[1])
    if found["refused"] or found["broken"] or not found["requests"]:
        raise RuntimeError(f"{target.name} refused {work.method}: {found}")
    count = found["requests"]
    return count / found["us"] * 1e6, found["p50"], found["p99"], count


def _ours(target: Target, work: Work, seconds: float, keys: int) -> tuple[float, float, float, int]:
    found = load(target, work, seconds=seconds, keys=keys)
    latencies = [1000 * latency for latency in found["latencies"]]
    return len(latencies) / found["seconds"], *percentiles(latencies), len(latencies)


def load(
    target: Target, work: Work, *, seconds: float = 0, keys: int = 0, **how: float
) -> dict[str, Any]:
    """Run the generator of our own; ``fill`` and ``rate`` as it says."""
    plan = {
        "method": work.method, "port": target.port, "path": target.path, "body": work.body,
        "headers": target.headers + work.headers, "connections": work.connections,
        "seconds": seconds, "keys": keys, **how,
    }  # fmt: skip
    process = python(
        "-m", "bench.load", environment={}, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    found: dict[str, Any] = json.loads(process.communicate(json.dumps(plan).encode())[0])
    strange = found["statuses"].keys() - {"200", "201", "304"}
    if strange or not found["latencies"]:
        raise RuntimeError(f"{target.name} answered {found['statuses']} to {work.method}")
    return found


def percentiles(values: list[float]) -> tuple[float, float]:
    ordered = sorted(values)
    return ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100]


def children(pid: int) -> list[int]:
    with suppress(FileNotFoundError, ProcessLookupError):
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
        direct = [int(word) for word in text.split()]
        return direct + [grandchild for child in direct for grandchild in children(child)]
    return []


def cpu_seconds(pids: Iterable[int], *, of_dead: bool = False) -> float:
    first = 13 if of_dead else 11
    total = 0
    for pid in pids:
        with suppress(FileNotFoundError, ProcessLookupError):
            text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
            fields = text.rsplit(")", 1)[1].split()
            total += int(fields[first]) + int(fields[first + 1])
    return total / TICKS


def facts() -> list[str]:
    """The machine, in lines."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    model = next((line.split(": ", 1)[1] for line in lines if line.startswith("model name")), "?")
    memory = Path("/proc/meminfo").read_text(encoding="utf-8").split()[1]
    return [
        f"{os.cpu_count()} cores ({model.strip()}), {int(memory) // 2**20} GiB,"
        f" Linux {os.uname().release}, Python {sys.version.split()[0]}",
        f"load average at the start {os.getloadavg()[0]:.1f}; HTTP load by"
        f" {'wrk' if shutil.which('wrk') else 'a generator of our own'}",
    ]

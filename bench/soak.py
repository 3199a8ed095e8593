"""``python -m bench soak``: ten minutes at 70 % of what the product can do, with the sealer beside.

What must hold: no answer but success, memory that stays flat, and every acknowledged write in the
database, no more and no less. Exits with 1 where one of them does not.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from bench.machine import Target, Work, children, facts, load, percentiles, python
from bench.runs import BODY, JSON, Product, database_of

SLICE_SECONDS = 10
MEASURE_SECONDS = 10
GROWTH = 1.10  # of memory between the second fifth of the time and the last
COUNT = """
SELECT (SELECT count(*) FROM stateward_revision r WHERE r.namespace_id = n.id),
    (SELECT sum(version) FROM stateward_entry e WHERE e.namespace_id = n.id)
FROM stateward_namespace n WHERE n.name = 'bench'
"""


@dataclass
class Soaked:
    """One slice after the other."""

    limit: float = 0.0  # writes a second, closed loop
    written: int = 0  # acknowledged
    rates: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)  # KiB, the data plane's
    revisions: int = 0
    versions: int = 0
    errors: list[str] = field(default_factory=list)

    @property
    def growth(self) -> float:
        """The last fifth's memory in units of the second fifth's: the first still warms up."""
        part = max(1, len(self.memory) // 5)
        early, late = self.memory[part : 2 * part] or self.memory[:1], self.memory[-part:]
        return statistics.median(late) / statistics.median(early)

    def faults(self) -> list[str]:
        found = [*self.errors]
        if self.revisions != self.written or self.versions != self.written:
            found.append(
                f"{self.written} writes were acknowledged, {self.revisions} revisions and"
                f" {self.versions} versions are there"
            )
        if self.growth > GROWTH:
            found.append(f"memory grew to {self.growth:.2f} of what it was")
        return found


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench soak")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--share", type=float, default=0.7, help="of the measured limit")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--keys", type=int, default=20_000)
    given = parser.parse_args(arguments)
    soaked = run(
        minutes=given.minutes, share=given.share, connections=given.connections, keys=given.keys
    )
    for line in report(soaked, given.share):
        sys.stdout.write(line + "\n")
    sys.exit(1 if soaked.faults() else 0)


def run(*, minutes: float, share: float, connections: int, keys: int) -> Soaked:
    soaked = Soaked()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stateward-soak-")))
        folder.chmod(0o755)
        database = stack.enter_context(database_of(folder))
        product = Product(database, folder)
        target = stack.enter_context(product.serving("bench"))
        sealer = python(
            "manage.py", "sealer", environment=product.environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        stack.callback(sealer.wait)
        stack.callback(sealer.terminate)
        work = Work("PUT", BODY, JSON, connections)
        found = load(target, work, seconds=min(MEASURE_SECONDS, minutes * 60), keys=keys)
        soaked.limit = len(found["latencies"]) / found["seconds"]
        soaked.written += len(found["latencies"])
        ends_at = time.monotonic() + minutes * 60
        while (left := ends_at - time.monotonic()) > 0:
            _slice(soaked, target, work, min(SLICE_SECONDS, left), keys, share * soaked.limit)
        with psycopg.connect(database.url("postgres")) as connection:
            row = connection.execute(COUNT).fetchone()
            assert row is not None
            soaked.revisions, soaked.versions = int(row[0]), int(row[1])
    return soaked


def _slice(
    soaked: Soaked, target: Target, work: Work, seconds: float, keys: int, rate: float
) -> None:
    try:
        found = load(target, work, seconds=seconds, keys=keys, rate=rate)
    except RuntimeError as error:
        soaked.errors.append(str(error))
        return
    latencies = found["latencies"]
    soaked.written += len(latencies)
    soaked.rates.append(len(latencies) / found["seconds"])
    soaked.p99.append(1000 * percentiles(latencies)[1])
    soaked.memory.append(sum(_resident(pid) for pid in _tree(target)))


def _tree(target: Target) -> list[int]:
    return [target.process.pid, *children(target.process.pid)]


def _resident(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


def report(soaked: Soaked, share: float) -> list[str]:
    lines = [*facts(), f"limit {soaked.limit:,.0f} writes/s; asked for {share:.0%} of it"]
    if soaked.rates:
        lines += [
            f"{soaked.written:,} writes acknowledged, {statistics.median(soaked.rates):,.0f}/s,"
            f" p99 {statistics.median(soaked.p99):.1f} ms, worst slice {max(soaked.p99):.1f} ms",
            f"memory {soaked.memory[0] // 1024} MiB after the first slice,"
            f" {soaked.memory[-1] // 1024} MiB after the last,"
            f" {soaked.growth:.2f} of the second fifth's",
        ]
    lines += [f"FAULT: {fault}" for fault in soaked.faults()] or [
        "no error, no lost write, flat memory"
    ]
    return lines

"""``python -m bench growth``: what it costs to have many entries, and a key with a long history.

At each size, reads and writes of random keys beside pgbench on tables that do not grow: what the
machine did meanwhile is in both. The figures are ratios to those at the first size, of the rate and
of the CPU an operation takes, which a busy machine disturbs least. A key with a
long history is asked for its newest revisions, for its first and its last version, and for a diff.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from bench import sql
from bench.machine import Database, Sample, Target, Work, facts, load, measure, median, python
from bench.runs import BODY, JSON, VALUE, Product, database_of

LIMIT_KEYS = 20_000
SMALL = 500  # versions at which the history is measured first, and that are made by writes
DEEP = "deep"
BUDGET = 0.80


@dataclass(frozen=True)
class Plan:
    sizes: tuple[int, ...]
    rounds: int
    seconds: float
    connections: int


@dataclass
class Size:
    """What was found at one size, a sample a round each."""

    entries: int
    filled: float  # seconds
    samples: dict[str, list[Sample]]


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench growth")
    parser.add_argument("--sizes", default="10000,100000,1000000", help="to 10000000 if you like")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--connections", type=int, default=32)
    given = parser.parse_args(arguments)
    sizes = tuple(sorted(int(word) for word in given.sizes.split(",")))
    plan = Plan(sizes, given.rounds, given.seconds, given.connections)
    for line in report(plan, run(plan)):
        sys.stdout.write(line + "\n")


def run(plan: Plan) -> list[Size]:
    found: list[Size] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stateward-growth-")))
        folder.chmod(0o755)
        database = stack.enter_context(database_of(folder))
        product = Product(database, folder)
        target = stack.enter_context(product.serving("bench"))
        with psycopg.connect(database.url("stateward_owner", "bench")) as connection:
            connection.execute(sql.FILL, {"value": VALUE, "keys": LIMIT_KEYS})
        deep = _one_key(target, DEEP)
        load(deep, Work("PUT", BODY, JSON, 1), fill=SMALL)
        there = 0
        for entries in plan.sizes:
            filled = _fill(product, database, there + 1, entries)
            there = entries
            size = Size(entries, filled, {})
            for _ in range(plan.rounds):
                for name, sample in _round(database, target, plan, entries):
                    size.samples.setdefault(name, []).append(sample)
            found.append(size)
    return found


def _fill(product: Product, database: Database, first: int, last: int) -> float:
    began = time.monotonic()
    address = {"BENCH_SUPERUSER_URL": database.url("postgres")}
    process = python(
        "-m", "bench.filling", "bench", str(first), str(last),
        environment=product.environment | address,
    )  # fmt: skip
    if process.wait():
        raise RuntimeError("filling failed")
    with psycopg.connect(database.url("postgres"), autocommit=True) as connection:
        connection.execute("ANALYZE")
        connection.execute("CHECKPOINT")
    return time.monotonic() - began


def _round(
    database: Database, target: Target, plan: Plan, entries: int
) -> Iterator[tuple[str, Sample]]:
    count, seconds = plan.connections, plan.seconds

    def limit(script: str) -> Sample:
        return database.pgbench(script, count, seconds, value=VALUE, keys=LIMIT_KEYS)

    def ours(place: Target, work: Work) -> Sample:
        return measure(place, work, database, seconds=seconds, keys=entries)

    yield "limit write", limit(sql.WRITE_SCRIPT)
    yield "governed write", ours(target, Work("PUT", BODY, JSON, count))
    yield "limit read", limit(sql.READ_SCRIPT)
    yield "governed read", ours(target, Work("GET", connections=count))
    for name, rest in (
        ("history, newest 100", "/revisions?limit=100"),
        ("version 1", "?version=1"),
        (f"version {SMALL}", f"?version={SMALL}"),
        (f"diff 1 to {SMALL}", f"/diff?from=1&to={SMALL}"),
    ):
        yield name, ours(_one_key(target, DEEP + rest), Work("GET", connections=1))


def _one_key(target: Target, rest: str) -> Target:
    return replace(target, path=target.path.replace("{key}", rest))


def report(plan: Plan, found: list[Size]) -> Iterator[str]:
    yield (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {plan.rounds} rounds of {plan.seconds:g} s,"
        f" {plan.connections} connections; history with 1"
    )
    yield from facts()
    yield ""
    yield (
        "| entries | filled in s | operation | per second | p50 ms | CPU ms, application | database"
        " | of limit | of first size | its CPU |"
    )
    yield "|--:|--:|---|--:|--:|--:|--:|--:|--:|--:|"
    first = found[0]
    for size in found:
        for name, samples in size.samples.items():
            share, before = _share(size, name), _share(first, name)
            sample = median(samples)
            more = sample.cpu / max(median(first.samples[name]).cpu, 1e-9)
            yield (
                f"| {size.entries:,} | {size.filled:.0f} | {name} | {sample.rate:,.0f} |"
                f" {sample.p50:.2f} | {sample.app:.3f} | {sample.database:.3f} |"
                f" {share:.3f} | {share / before:.2f} | {more:.2f} |"
            )
    yield ""
    yield "| budget | measured | |"
    yield "|---|--:|---|"
    last = found[-1]
    for name in first.samples:
        if name.startswith("limit"):
            continue
        ratio = _share(last, name) / _share(first, name)
        what = f"{name}: {first.entries:,} to {last.entries:,} entries ≥ {BUDGET}"
        yield f"| {what} | {ratio:.2f} | {'met' if ratio >= BUDGET else '**missed**'} |"


def _share(size: Size, name: str) -> float:
    """Its rate in units of what pgbench did in the same rounds, so that a busy machine cancels."""
    limit = "limit write" if "write" in name else "limit read"
    return median(size.samples[name]).rate / median(size.samples[limit]).rate

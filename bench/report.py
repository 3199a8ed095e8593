"""What was found, as a table, and each budget with what it came to."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime

from bench import peers
from bench.machine import Sample, median
from bench.runs import Findings, Options

PEERS = {  # whom a governed write at 32 is compared with, and how many times its rate
    "AsyncPostgresSaver": ("write ≥ 4× LangGraph's Postgres saver", 4.0),
    peers.ETCD: ("write ≥ 1.0× etcd over gRPC", 1.0),
    peers.VALKEY: ("write ≥ 1.0× Valkey with every write synced", 1.0),
}
NUMBERS = (
    "decisions: {cached:,.0f}/s cached; uncached {uncached_10:,.0f}/s under 10 policies,"
    " {uncached_10000:,.0f}/s under 10,000",
    "sealing: {sealed:,.0f} records/s of backlog; at {half_load:,.0f} writes/s a record waits"
    " p50 {lag_p50:.2f} s, p99 {lag_p99:.2f} s",
    "feed: {feed_missed:.0f} changes missed",
)
# Of each number: the budget's text; how it is told, as it is, times 1,000 or times 100; the least
# and the most that meet it.
OF_NUMBERS = {
    "cached": ("cached decision ≥ 500,000/s", "{0:,.0f}", 5e5, math.inf),
    "lag_p99": ("sealing lag p99 ≤ 2 s at half load", "{0:.2f} s", 0, 2),
    "feed_p50": ("change to one follower: p50 ≤ 5 ms", "{1:.1f} ms", 0, 0.005),
    "feed_p99": ("change to one follower: p99 ≤ 25 ms", "{1:.1f} ms", 0, 0.025),
    "crowd_p50": ("change to the last of 1,000: p50 ≤ 40 ms", "{1:.1f} ms", 0, 0.04),
    "feed_loss": ("write rate lost to the feed ≤ 8 %", "{2:.1f} %", -math.inf, 0.08),
    "verified": ("verifier ≥ 20,000 records/s", "{0:,.0f}", 2e4, math.inf),
    "replay": ("replay of history ≥ 20,000 decisions/s", "{0:,.0f}", 2e4, math.inf),
}


def report(findings: Findings, options: Options) -> str:
    made = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {options.rounds} rounds"
    made += f" of {options.seconds:g} s, {options.keys:,} keys, value 1 KiB"
    lines = [made, *findings.machine, ""]
    lines += [*_table(findings), "", *_numbers(findings), "", *_budgets(findings)]
    return "\n".join(lines) + "\n"


def _table(findings: Findings) -> Iterator[str]:
    yield (
        "| operation, connections | per second | p50 ms | p99 ms | CPU ms, application |"
        " database | rate of limit | CPU of limit |"
    )
    yield "|---|--:|--:|--:|--:|--:|--:|--:|"
    for name, samples in findings.samples.items():
        found = median(samples)
        limit = findings.samples.get(_limit_of(name))
        rate = cpu = "-"
        if limit is not None:
            rate = f"{_ratio(samples, limit, 'rate'):.2f}"
            cpu = f"{_ratio(samples, limit, 'cpu'):.2f}"
        yield (
            f"| {name} | {found.rate:,.0f} | {found.p50:.2f} | {found.p99:.2f} |"
            f" {found.app:.3f} | {found.database:.3f} | {rate} | {cpu} |"
        )


def _limit_of(name: str) -> str:
    kind = "write" if " write" in name else "read"
    return f"limit {kind} {name.rsplit(' ', 1)[1]}"


def _ratio(ours: list[Sample], others: list[Sample], member: str) -> float:
    """The median of the rounds' ratios."""
    pairs = zip(ours, others, strict=False)  # a cut run has a round less of some
    return statistics.median(
        getattr(mine, member) / max(getattr(other, member), 1e-9) for mine, other in pairs
    )


def _numbers(findings: Findings) -> Iterator[str]:
    for name, why in findings.absent.items():
        yield f"{name}: absent, {why}"
    for line in NUMBERS:
        with suppress(KeyError):  # not measured
            yield line.format_map(findings.numbers)


def _budgets(findings: Findings) -> Iterator[str]:
    yield "| budget | measured | |"
    yield "|---|--:|---|"
    for text, value, is_met in (*_of_load(findings), *_of_numbers(findings)):
        yield f"| {text} | {value} | {'met' if is_met else '**missed**'} |"
    for peer, (text, _) in PEERS.items():
        if f"{peer} write 32" not in findings.samples:
            yield f"| {text} | - | absent: {findings.absent.get(peer, 'not asked for')} |"


Budget = tuple[str, str, bool]


def _of_load(findings: Findings) -> Iterator[Budget]:
    def compared(text: str, ours: str, other: str, member: str, least: float) -> Iterator[Budget]:
        mine, others = findings.samples.get(ours), findings.samples.get(other)
        if mine is not None and others is not None:
            ratio = _ratio(mine, others, member)
            is_met = ratio <= least if member == "cpu" else ratio >= least
            yield text, f"{ratio:.2f}", is_met

    for count, rate, cpu in ((32, 0.90, 1.0), (8, 0.65, 1.5)):
        ours, limit = f"governed write {count}", f"limit write {count}"
        yield from compared(f"write at {count}: rate ≥ {rate} L", ours, limit, "rate", rate)
        yield from compared(f"write at {count}: CPU ≤ {cpu} L", ours, limit, "cpu", cpu)
    ours, limit = "governed write 1", "limit write 1"
    if ours in findings.samples and limit in findings.samples:
        pairs = zip(findings.samples[ours], findings.samples[limit], strict=False)
        more = statistics.median(mine.p50 - other.p50 for mine, other in pairs)
        yield "write at 1: p50 ≤ L + 0.45 ms", f"+{more:.2f} ms", more <= 0.45
    write, read, bare_read = "governed write 32", "governed read 32", "limit read 32"
    secret, unchanged = "governed read, confidential 32", "governed read, 304 32"
    together, limit = "governed write, 100 together 32", "limit write 32"
    yield from compared("transaction of 100: ≥ 3.5 L operations", together, limit, "rate", 3.5)
    yield from compared("transaction of 100: CPU ≤ 0.25 L each", together, limit, "cpu", 0.25)
    yield from compared("write ≥ 12× DRF + ORM", write, "DRF + ORM write 32", "rate", 12)
    for peer, (text, least) in PEERS.items():
        yield from compared(text, write, f"{peer} write 32", "rate", least)
    yield from compared("read at 32: rate ≥ 0.40 R", read, bare_read, "rate", 0.40)
    yield from compared("read at 32: CPU ≤ 2.2 R", read, bare_read, "cpu", 2.2)
    yield from compared("304 at 32: rate ≥ 0.42 R", unchanged, bare_read, "rate", 0.42)
    yield from compared("confidential read ≥ 0.9× governed write", secret, write, "rate", 0.9)


def _of_numbers(findings: Findings) -> Iterator[Budget]:
    numbers = findings.numbers
    if {"uncached_10", "uncached_10000"} <= numbers.keys():
        few, many = numbers["uncached_10"], numbers["uncached_10000"]
        yield "uncached decision ≥ 25,000/s", f"{min(few, many):,.0f}", min(few, many) >= 25e3
        spread = max(few / many, many / few)
        yield "from 10 to 10,000 policies within 1.3×", f"{spread:.2f}×", spread <= 1.3
    for name, (text, value, least, most) in OF_NUMBERS.items():
        if name in numbers:
            found = numbers[name]
            yield text, value.format(found, 1000 * found, 100 * found), least <= found <= most

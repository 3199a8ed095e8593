"""What a process measures of its requests: how many, how long, by tenant and series.

Kept in memory, written down every few seconds by ``add_metrics`` in one statement a tenant: no row
is touched by the request itself. For Prometheus the same cells are added up over all tenants; no
series of ours names a tenant or a key.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

import orjson
from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from stateward.kernel.flow import Flow, Statement

Series = Literal["writes", "reads", "denials", "refusals", "errors"]

# Upper bounds in seconds, each √2 times the last: a percentile read from them is at most 20 % off.
BOUNDS = tuple(0.000_25 * 2 ** (step / 2) for step in range(33))
BUCKETS = len(BOUNDS) + 1  # the last holds what took longer than 16 s
READING = frozenset(("GET", "HEAD", "OPTIONS"))

ADD = "SELECT stateward_add_metrics(%s, %s::jsonb)"


class Cell:
    """One series of one tenant: how many, how long together, and how many in each bucket."""

    __slots__ = ("count", "histogram", "seconds")

    def __init__(self) -> None:
        self.count = 0
        self.seconds = 0.0
        self.histogram = [0] * BUCKETS

    def add(self, other: Cell) -> None:
        self.count += other.count
        self.seconds += other.seconds
        self.histogram = [
            mine + theirs for mine, theirs in zip(self.histogram, other.histogram, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class MetricRow:
    """A cell on its way to the database. ``label`` tells apart within a series; mostly empty."""

    tenant_id: UUID | None
    series: str
    label: str
    cell: Cell


Cells = dict[tuple[UUID | None, str, str], Cell]


class Recorder(Collector):
    """One process's measurements. Threads may share it: a rare lost count is accepted for speed."""

    def __init__(self) -> None:
        self._cells: Cells = {}
        self._totals: Cells = {}  # of what was drained, over all tenants
        self._lock = threading.Lock()

    def note(self, tenant_id: UUID | None, series: Series, seconds: float, label: str = "") -> None:
        """One event of ``series`` that took ``seconds``."""
        name = (tenant_id, series, label)
        cell = self._cells.get(name)
        if cell is None:
            cell = self._cells.setdefault(name, Cell())
        cell.count += 1
        cell.seconds += seconds
        cell.histogram[bisect_left(BOUNDS, seconds)] += 1

    def drain(self) -> list[MetricRow]:
        """What is to be written, taken as written; ``put_back`` what could not be."""
        with self._lock:
            cells, self._cells = self._cells, {}
            _add_up(self._totals, cells)
        return [MetricRow(*name, cell) for name, cell in cells.items() if name[0] is not None]

    def put_back(self, rows: Iterable[MetricRow]) -> None:
        """Keep rows for the next time; they are no longer part of the totals, but will be again."""
        with self._lock:
            for row in rows:
                name = (row.tenant_id, row.series, row.label)
                self._cells.setdefault(name, Cell()).add(row.cell)
                self._totals[None, row.series, row.label].add(_negative(row.cell))

    def collect(self) -> Iterator[Metric]:
        """Prometheus' view of it."""
        with self._lock:
            totals: Cells = {}
            _add_up(totals, self._totals)
            _add_up(totals, dict(self._cells))
        family = HistogramMetricFamily(
            "stateward_dataplane_request_seconds",
            "Requests by what became of them, and how long they took.",
            labels=["series", "label"],
        )
        for (_, series, label), cell in sorted(totals.items(), key=lambda item: item[0][1:]):
            family.add_metric([series, label], _cumulated(cell), sum_value=cell.seconds)
        yield family


def _add_up(totals: Cells, cells: Cells) -> None:
    for (_, series, label), cell in cells.items():
        totals.setdefault((None, series, label), Cell()).add(cell)


def _negative(cell: Cell) -> Cell:
    opposite = Cell()
    opposite.count, opposite.seconds = -cell.count, -cell.seconds
    opposite.histogram = [-number for number in cell.histogram]
    return opposite


def _cumulated(cell: Cell) -> list[tuple[str, float]]:
    """Prometheus' buckets: each holds those before it. Every other bound will do there."""
    buckets: list[tuple[str, float]] = []
    running = 0
    for index, number in enumerate(cell.histogram):
        running += number
        if index == len(BOUNDS):
            buckets.append(("+Inf", running))
        elif index % 2 == 0:
            buckets.append((f"{BOUNDS[index]:g}", running))
    return buckets


METRICS = Recorder()
REGISTRY = CollectorRegistry()
REGISTRY.register(METRICS)
for _collector in (ProcessCollector, PlatformCollector, GCCollector):
    _collector(registry=REGISTRY)


def observe(tenant_id: UUID | None, *, method: str, status: int, seconds: float) -> None:
    """One request of the data plane, filed by what became of it. ``tenant_id`` None: unknown."""
    METRICS.note(tenant_id, _series_of(method, status), seconds)


def _series_of(method: str, status: int) -> Series:
    if status < 400:
        return "reads" if method in READING else "writes"
    if status in {401, 403}:
        return "denials"
    return "errors" if status >= 500 else "refusals"


def exposition() -> bytes:
    """This process's metrics as Prometheus reads them: ``text/plain; version=0.0.4``."""
    return generate_latest(REGISTRY)


def add_metrics(recorder: Recorder = METRICS) -> Flow[None]:
    """Write down what this process measured: one statement a tenant, which sets the tenant itself.

    What cannot be written is kept for the next time. The minute is the database's.
    """
    waiting = recorder.drain()
    while waiting:
        tenant_id = waiting[0].tenant_id
        own = [row for row in waiting if row.tenant_id == tenant_id]
        try:
            yield Statement(ADD, (tenant_id, _as_json(own)))
        except BaseException:  # also when the caller was cancelled
            recorder.put_back(waiting)
            raise
        waiting = [row for row in waiting if row.tenant_id != tenant_id]


def _as_json(rows: Iterable[MetricRow]) -> str:
    # In one order, so that two processes that write at the same time cannot deadlock.
    ordered = sorted(rows, key=lambda row: (row.series, row.label))
    return orjson.dumps(
        [
            {
                "series": row.series,
                "label": row.label,
                "count": row.cell.count,
                "seconds": row.cell.seconds,
                "histogram": row.cell.histogram,
            }
            for row in ordered
        ]
    ).decode()

"""The tenant's traffic: six figures of the day, and two pictures of the chosen range."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from dashboards import figures
from dashboards.evidence import Evidence
from dashboards.figures import Figure
from dashboards.health import SEALING_LATE
from dashboards.plotting import FigureView, Line, line_figure
from stateward.operations.metrics.queries import MetricSeries

SERIES = ("writes", "reads", "denials", "refusals", "errors")
HOUR = timedelta(hours=1)
MUCH_DENIED = 3.0  # times the day before


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure of the strip: a number, its day, and what it compares with."""

    label: str
    value: Figure
    spark: Sequence[float | None]
    compare: str
    tone: str = ""
    place: str = ""  # the name of a console page it leads to


Series = dict[str, MetricSeries]


def rates(series: MetricSeries, until: datetime) -> list[float]:
    """Events a second, step by step. The last step may still go on: it is as long as it has been,
    or it would look like a fall.
    """
    whole = series.step.total_seconds()
    return [
        point.count / min(max((until - point.at).total_seconds(), whole / 10), whole)
        for point in series.points
    ]


def strip(day: Series, before: Series, proof: Evidence) -> list[Measure]:
    """What the day was like."""
    now = proof.now
    return [
        _counted("Governed writes", day["writes"], before["writes"], now),
        _counted("Reads", day["reads"], before["reads"], now),
        _denied(day, before, now),
        _latency("Write latency, p99", day["writes"]),
        _latency("Read latency, p99", day["reads"]),
        Measure(
            "Sealed records",
            figures.count(proof.size),
            (),
            f"oldest waits {figures.span(proof.lag)}" if proof.lag else "none waits for its seal",
            "warn" if proof.lag > SEALING_LATE else "",
            place="audit",
        ),
    ]


def is_young(day: Series, now: datetime) -> bool:
    """Whether all of the day's traffic is of its last hour, as after an installation."""
    older = (point.count for one in day.values() for point in one.points if now - point.at > HOUR)
    return not any(older) and any(one.total for one in day.values())


def thin(values: Sequence[float | None], most: int = 96) -> list[float | None]:
    """At most so many, each the largest of those it stands for."""
    step = -(-len(values) // most)
    return [
        max((value for value in values[index : index + step] if value is not None), default=None)
        for index in range(0, len(values), step)
    ]


def _counted(label: str, day: MetricSeries, before: MetricSeries, now: datetime) -> Measure:
    compare, _ = figures.ratio(day.total, before.total)
    spark = thin(rates(day, now))
    return Measure(label, figures.count(day.total), spark, compare, place="audit")


def _denied(day: Series, before: Series, now: datetime) -> Measure:
    denied, then = day["denials"].total, before["denials"].total
    share = 100 * denied / max(_decided(day), 1)
    compare, _ = figures.ratio(denied, then)
    tone = "warn" if then and denied / then >= MUCH_DENIED else ""
    spark = thin(rates(day["denials"], now))
    value = Figure(figures.digits(share), "%")
    return Measure("Denied", value, spark, compare, tone, place="audit")


def _decided(series: Series) -> int:
    return sum(series[name].total for name in ("writes", "reads", "denials"))


def _latency(label: str, day: MetricSeries) -> Measure:
    known = [point.p99 * 1000 for point in day.points if point.p99 is not None]
    if not known:
        return Measure(label, Figure("–"), (), "nothing measured in 24 h")
    usual = median(known)
    compare = f"usually {figures.digits(usual)}{figures.GAP}ms"
    tone = "warn" if known[-1] > 4 * usual and known[-1] > 50 else ""
    spark = thin([point.p99 and point.p99 * 1000 for point in day.points])
    return Measure(label, Figure(figures.digits(known[-1]), "ms"), spark, compare, tone)


def throughput(series: Series, until: datetime, says: str) -> FigureView:
    """Writes, reads and denials over time."""
    moments = [point.at for point in series["writes"].points]
    paces = {name: rates(one, until) for name, one in series.items()}
    seconds, unit = _unit(max(max(pace, default=0.0) for pace in paces.values()))

    def line(name: str, key: str, colour: str, dash: str) -> Line:
        values = [pace * seconds for pace in paces[key]]
        return Line(name, colour, dash, values, f"{figures.count(series[key].total)}")

    decided = _decided(series)
    denied = series["denials"].total
    share = f"{figures.digits(100 * denied / decided)} % of them denied" if decided else ""
    return line_figure(
        "traffic",
        title="Writes, reads and denials",
        says=f"{figures.count(decided)} decided in {says}; {share}."
        if decided
        else f"Nothing was asked in {says}.",
        moments=moments,
        lines=[
            line("writes", "writes", "series-1", "solid"),
            line("reads", "reads", "series-2", "dash"),
            line("denied", "denials", "bad-mark", "dot"),
        ],
        unit=unit,
    )


def latency(series: Series, says: str) -> FigureView:
    """The median and the slowest hundredth of writes and reads."""
    writes, reads = series["writes"], series["reads"]

    def line(name: str, of: MetricSeries, which: str, colour: str, dash: str) -> Line:
        values = [_milliseconds(getattr(point, which)) for point in of.points]
        known = [value for value in values if value is not None]
        latest = f"{figures.digits(known[-1])}{figures.GAP}ms" if known else "–"
        return Line(name, colour, dash, values, latest)

    p99 = line("writes p99", writes, "p99", "series-1", "dot")
    known = [value for value in p99.values if value is not None]
    slowest = max(known, default=None)
    return line_figure(
        "latency",
        title="Latency",
        says=f"The slowest spell of writes had a p99 of {figures.digits(slowest)}{figures.GAP}ms;"
        f" usual is {figures.digits(median(known))}{figures.GAP}ms."
        if slowest is not None
        else f"No write was measured in {says}.",
        moments=[point.at for point in writes.points],
        lines=[
            line("writes p50", writes, "p50", "series-1", "solid"),
            p99,
            line("reads p50", reads, "p50", "series-2", "solid"),
            line("reads p99", reads, "p99", "series-2", "dot"),
        ],
        unit="ms",
    )


def table(series: Series) -> list[tuple[datetime, int, int, int, float | None, float | None]]:
    """What the CSV has: each step with its counts, and the writes' p50 and p99 in milliseconds."""
    return [
        (
            write.at,
            write.count,
            read.count,
            denied.count,
            _milliseconds(write.p50),
            _milliseconds(write.p99),
        )
        for write, read, denied in zip(
            series["writes"].points, series["reads"].points, series["denials"].points, strict=True
        )
    ]


def _unit(most: float) -> tuple[int, str]:
    """(seconds, unit) in which the largest of the rates is at least one."""
    return next(
        ((seconds, unit) for seconds, unit in ((1, "/s"), (60, "/min")) if most * seconds >= 1),
        (3600, "/h"),
    )


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)

"""Operations: how much is asked, how fast it is answered, and whether the background keeps up."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from dashboards import figures
from dashboards.drawing import Line
from dashboards.metrics.building import Build, Kind, Panel, counted_figure, peak, total
from dashboards.metrics.frame import Frame
from dashboards.plotting import FigureView, line_figure
from dashboards.traffic import rates, throughput
from stateward.kernel.flow import Statement
from stateward.operations.metrics.counts import Count
from stateward.operations.metrics.gauges import SEALING_LAG
from stateward.operations.metrics.queries import ORIGIN, MetricSeries, metric_series
from stateward.tenancy.scope import execute, run_flow

LIMIT_SECONDS = 2.0
PLOTTED = ("writes", "reads", "denials")
FAULTS = ("errors", "refusals")
STATES = {
    "done": Kind("done", "series-1"),
    "failed": Kind("failed", "bad-mark"),
    "cancelled": Kind("cancelled", "series-6"),
}
# The tenant's own runs and the platform's; those of the timetable are kept for three days.
RUNS = """
WITH sample AS (
    SELECT state, queued_at FROM stateward_job_run WHERE queued_at >= %s AND queued_at < %s
    ORDER BY queued_at DESC LIMIT 50000
)
SELECT state, date_bin(%s, queued_at, %s), count(*) FROM sample GROUP BY 1, 2
"""


def requests(frame: Frame) -> Panel:
    shown = {name: frame.metrics[name] for name in PLOTTED}
    return throughput(shown, frame.range.until, frame.range.says)


def write_latency(frame: Frame) -> Panel:
    return _latency(frame, "writes", "write-latency", "Write latency")


def read_latency(frame: Frame) -> Panel:
    return _latency(frame, "reads", "read-latency", "Read latency")


def _latency(frame: Frame, name: str, id: str, title: str) -> FigureView:
    series = frame.metrics[name]
    styles = (("p99", "series-4", "dot"), ("p95", "series-2", "dash"), ("p50", "series-1", "solid"))
    lines = [
        _durations(series, which, colour, dash, factor=1000, unit="ms")
        for which, colour, dash in styles
    ]
    slow = [value for value in lines[0].values if value is not None]
    says = (
        f"Median {lines[2].latest} now; the slowest spell had a p99 of"
        f" {figures.digits(max(slow))}{figures.GAP}ms, usual is"
        f" {figures.digits(median(slow))}{figures.GAP}ms."
        if slow
        else f"No {name.removesuffix('s')} was measured in {frame.range.says}."
    )
    return _lines(id, title, says, lines, series=series, unit="ms")


def _durations(
    series: MetricSeries, which: str, colour: str, dash: str, *, factor: int, unit: str
) -> Line:
    values = [
        None if (value := getattr(point, which)) is None else value * factor
        for point in series.points
    ]
    known = [value for value in values if value is not None]
    latest = f"{figures.digits(known[-1])}{figures.GAP}{unit}" if known else "–"
    return Line(which, colour, dash, values, latest)


def _lines(
    id: str, title: str, says: str, lines: Sequence[Line], *, series: MetricSeries, unit: str
) -> FigureView:
    moments = [point.at for point in series.points]
    return line_figure(id, title=title, says=says, moments=moments, lines=lines, unit=unit)


def faults(frame: Frame) -> Panel:
    """Requests that failed through us, and those that were refused as they were asked."""
    flow = metric_series(
        frame.tenant_id,
        frame.range.since,
        frame.range.until,
        now=frame.now,
        series=FAULTS,
        points=len(frame.steps.moments) + 1,
    )
    found = run_flow(flow)
    counts = [_binned(frame, found[name]) for name in FAULTS if found[name].total]
    failed = sum(one.total for one in counts if one.name == "errors")
    refused = sum(one.total for one in counts if one.name == "refusals")
    return counted_figure(
        frame,
        "faults",
        title="Errors and refusals",
        says=f"{figures.whole(failed)} requests failed through us, {figures.whole(refused)} were"
        f" refused as asked; {peak(counts, frame)}."
        if counts
        else f"No request failed or was refused in {frame.range.says}.",
        counts=counts,
        kinds={
            "errors": Kind("failed (5xx)", "bad-mark"),
            "refusals": Kind("refused (4xx)", "series-6"),
        },
        together=None,
    )


def _binned(frame: Frame, series: MetricSeries) -> Count:
    """The series' counts in the steps of the frame's bars."""
    places = {moment: place for place, moment in enumerate(frame.steps.moments)}
    counts = [0] * len(places)
    for point in series.points:
        moment = point.at - (point.at - ORIGIN) % frame.steps.step
        if moment in places:
            counts[places[moment]] += point.count
    return Count(series.name, tuple(counts))


def runs(frame: Frame) -> Panel:
    steps, moments = frame.steps, frame.steps.moments
    asked = Statement(RUNS, (steps.first, steps.until, steps.step, ORIGIN))
    found = {(row[0], row[1]): row[2] for row in execute(asked)}
    counts = [
        Count(state, tuple(found.get((state, moment), 0) for moment in moments))
        for state in STATES
        if any(key[0] == state for key in found)
    ]
    failed = sum(one.total for one in counts if one.name == "failed")
    return counted_figure(
        frame,
        "runs",
        title="Runs of jobs",
        says=f"{figures.count(total(counts))} runs, {failed or 'none'} failed. "
        "Runs of the timetable are kept for three days."
        if counts
        else f"No job ran in {frame.range.says}.",
        counts=counts,
        kinds=STATES,
        together=None,
    )


def lag(frame: Frame) -> Panel:
    """How long records wait for their seal."""
    series = frame.metrics[SEALING_LAG]
    found = _durations(series, "p99", "series-3", "solid", factor=1, unit="s")
    worst = max((value for value in found.values if value is not None), default=None)
    limit = Line("limit", "bad-mark", "dash", [LIMIT_SECONDS] * len(series.points), "2\u00a0s")
    lines = [Line("lag", "series-3", "solid", found.values, found.latest), limit]
    says = (
        f"{found.latest} now, {figures.digits(worst)}{figures.GAP}s at worst. The limit is 2 s,"
        " the alarm 10 s."
        if worst is not None
        else f"Nobody looked at the seals in {frame.range.says}."
    )
    return _lines("lag", "Sealing lag", says, lines, series=series, unit="s")


FIGURES: dict[str, Build] = {
    "traffic": requests,
    "write-latency": write_latency,
    "read-latency": read_latency,
    "faults": faults,
    "runs": runs,
    "lag": lag,
}


def said(frame: Frame) -> str:
    """How the machine does."""
    writes = frame.metrics["writes"]
    errors = frame.metrics["errors"].total
    pace = rates(writes, frame.range.until)
    failed = f"{figures.whole(errors)} requests failed" if errors else "no request failed"
    if not writes.total:
        return f"Nothing was written in {frame.range.says}, and {failed}."
    return (
        f"{figures.count(writes.total)} writes in {frame.range.says}, "
        f"{figures.digits(max(pace))} a second at most, and {failed}."
    )

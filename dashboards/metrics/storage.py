"""Storage: what is kept where, how it grows, and what the database carries along."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from dashboards import figures
from dashboards.drawing import Kind, Line
from dashboards.metrics.building import (
    COLOURS,
    MOST,
    OTHERS,
    TOP,
    Bar,
    Build,
    Panel,
    Ranking,
    coloured,
    counted_figure,
    peak,
    total,
    with_others,
)
from dashboards.metrics.frame import Frame
from dashboards.metrics.upkeep import dead_rows, key_ages
from dashboards.plotting import FigureView, line_figure
from dashboards.requests import address
from stateward.operations.metrics.counts import Which
from stateward.operations.metrics.storage import Stored

DAY = timedelta(days=1)
CHANGES = ("state.write", "state.delete")


def stored(frame: Frame) -> Panel:
    """Bytes of living values by namespace, day by day."""
    newest = _newest(frame)
    largest = sorted(newest, key=lambda one: -one.bytes)
    named = [one.subject for one in largest[:MOST]]
    lines = [
        _area(frame, one.label or "deleted", COLOURS[place], [one.subject])
        for place, one in enumerate(largest[:MOST])
        if one.bytes
    ]
    rest = {one.subject for one in frame.stored} - set(named)
    if any(one.bytes for one in frame.stored if one.subject in rest):
        lines.append(_area(frame, OTHERS, COLOURS[-1], list(rest)))
    whole = sum(one.bytes for one in newest)
    factor, unit = _scale(max((one.bytes for one in newest), default=0) or whole)
    return _days(
        frame,
        "stored",
        "Stored values",
        f"{figures.size(whole)} in {figures.whole(sum(one.entries for one in newest))} entries; "
        f"{_grown(frame)}."
        if newest
        else "Nothing was measured yet; the first measurement comes within the hour.",
        [_scaled(line, factor) for line in lines],
        unit=unit,
        kind="area",
    )


def entries(frame: Frame) -> Panel:
    days = _moments(frame)
    living = _sums(frame, "entries")
    kept = _sums(frame, "revisions")
    known = [value for value in kept if value is not None]
    return _days(
        frame,
        "entries",
        "Entries and revisions",
        f"{figures.count(_last(living))} entries live, {figures.count(_last(kept))} revisions are"
        f" kept; {figures.count(known[-1] - known[0])} more than on {_first_day(days, kept)}."
        if len(known) > 1
        else "One day is measured so far: growth shows from tomorrow.",
        [
            Line("entries", "series-1", "solid", living, f"{figures.count(_last(living))}"),
            Line("revisions", "series-2", "dash", kept, f"{figures.count(_last(kept))}"),
        ],
        unit="",
    )


def largest(frame: Frame) -> Panel:
    newest = sorted(_newest(frame), key=lambda one: -(one.bytes + one.revision_bytes))
    sizes = [one.bytes + one.revision_bytes for one in newest]
    top = max(sizes, default=0) or 1
    bars = [
        Bar(
            one.label or "deleted namespace",
            size,
            str(figures.size(size)),
            size / top,
            address(frame.request, "namespace", one.label) if one.label else "",
        )
        for one, size in zip(newest[:TOP], sizes, strict=False)
    ]
    share = figures.digits(100 * sizes[0] / max(sum(sizes), 1)) if sizes else ""
    return Ranking(
        "largest",
        "Largest namespaces",
        f"{bars[0].name} makes {share} % of what is kept." if bars else "Nothing is stored yet.",
        tuple(bars),
        "bytes",
        below=f"Values and revisions, of {len(newest)} namespaces." if bars else "",
        of="namespace",
    )


def writes(frame: Frame) -> Panel:
    which = Which("namespace", actions=CHANGES, outcome="allow")
    counts = with_others(frame.counts(which, "value"))
    names = frame.names([one.name for one in counts if one.name != OTHERS])
    asked = {"action": ",".join(CHANGES), "outcome": "allow"}
    return counted_figure(
        frame,
        "writes",
        title="Writes and deletions",
        says=f"{figures.count(total(counts))} in {frame.range.says}, {peak(counts, frame)}."
        if counts
        else f"Nothing was written in {frame.range.says}.",
        counts=counts,
        kinds=coloured(
            counts,
            lambda value: names.get(value, "a namespace that is gone"),
            lambda value: asked | {"namespace": names.get(value, value)},
        ),
        together=asked,
    )


def _newest(frame: Frame) -> Sequence[Stored]:
    """The namespaces on the last measured day."""
    last = max((one.day for one in frame.stored), default=None)
    return [one for one in frame.stored if one.day == last]


def _moments(frame: Frame) -> list[datetime]:
    """From the first measured day of the range to the last, and never less than two."""
    days = [one.day for one in frame.stored] or [day.date() for day in frame.storage_days]
    first = datetime(days[0].year, days[0].month, days[0].day, tzinfo=UTC)
    return [first + DAY * number for number in range(max((days[-1] - days[0]).days + 1, 2))]


def _sums(frame: Frame, what: str, of: Sequence[object] | None = None) -> list[float | None]:
    sums: dict[date, int] = {}
    for one in frame.stored:
        if of is None or one.subject in of:
            sums[one.day] = sums.get(one.day, 0) + int(getattr(one, what))
    measured = {one.day for one in frame.stored}
    return [
        sums.get(moment.date(), 0) if moment.date() in measured else None
        for moment in _moments(frame)
    ]


def _area(frame: Frame, name: str, colour: str, of: Sequence[object]) -> Line:
    values = _sums(frame, "bytes", of)
    return Line(name, colour, "solid", values, str(figures.size(_last(values))))


def _scale(size: float) -> tuple[float, str]:
    for power, unit in ((4, "TiB"), (3, "GiB"), (2, "MiB"), (1, "KiB")):
        if size >= 1024**power:
            return 1024.0**power, unit
    return 1.0, "B"


def _scaled(line: Line, factor: float) -> Line:
    values = [None if value is None else value / factor for value in line.values]
    return Line(line.name, line.colour, line.dash, values, line.latest)


def _last(values: Sequence[float | None]) -> float:
    return next((value for value in reversed(values) if value is not None), 0)


def _first_day(days: Sequence[datetime], values: Sequence[float | None]) -> str:
    first = next(day for day, value in zip(days, values, strict=True) if value is not None)
    return f"{first:%-d %b}"


def _grown(frame: Frame) -> str:
    known = [value for value in _sums(frame, "bytes") if value is not None]
    if len(known) < 2:
        return "one day is measured so far"
    change = known[-1] - known[0]
    word = "more" if change >= 0 else "less"
    return f"{figures.size(abs(change))} {word} than {len(known) - 1} measured days before"


def _days(
    frame: Frame,
    id: str,
    title: str,
    says: str,
    lines: Sequence[Line],
    *,
    unit: str,
    kind: Kind = "line",
) -> FigureView:
    moments = _moments(frame)
    return line_figure(
        id,
        title=title,
        says=says,
        moments=moments,
        lines=lines or [Line("none", "series-6", "solid", [None] * len(moments), "–")],
        unit=unit,
        kind=kind if len({one.day for one in frame.stored}) > 1 else "line",
    )


FIGURES: dict[str, Build] = {
    "stored": stored,
    "entries": entries,
    "largest": largest,
    "writes": writes,
    "dead-rows": dead_rows,
    "key-ages": key_ages,
}


def said(frame: Frame) -> str:
    """How much there is, and since when that is measured."""
    newest = _newest(frame)
    if not newest:
        return "Nothing was measured yet; the first measurement comes within the hour."
    whole = sum(one.bytes for one in newest)
    history = sum(one.revision_bytes for one in newest)
    at = max(one.measured_at for one in newest)
    return (
        f"{figures.size(whole)} of values and {figures.size(history)} of history in"
        f" {figures.plural(len(newest), 'namespace', 'namespaces')},"
        f" measured {figures.moment(at, frame.now)}."
    )

"""The figure of what was stored and what is expected, with its band and its limit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from dashboards import figures
from dashboards.drawing import Line
from dashboards.plotting import FigureView, line_figure
from governance.capacity.forecast import SHARE
from governance.capacity.outlook import Outlook

AHEAD = 90  # days drawn
DAY = timedelta(days=1)
UNITS = ((4, "TiB"), (3, "GiB"), (2, "MiB"), (1, "KiB"))


def band(found: Outlook) -> FigureView:
    """Values and revisions together, from the first measured day to 90 days ahead."""
    ahead = found.bytes_ahead.band(AHEAD) if found.bytes_ahead else []
    first = found.days[0].day if found.days else found.day
    today = found.latest.day if found.latest else found.day
    length = (today - first).days + 1
    moments = [_midnight(first) + DAY * number for number in range(max(length + len(ahead), 2))]
    if ahead:
        moments = moments[: length + AHEAD]
    factor, unit = _unit(max([found.total, *(one.high for one in ahead)]))
    known = {one.day: (one.bytes + one.revision_bytes) / factor for one in found.days}
    before = [None] * (length - 1)
    stored = [known.get(moment.date()) for moment in moments]
    shown = str(figures.size(found.total))
    lines = [Line("stored", "series-1", "solid", stored, shown)]
    if ahead:
        low = [one.low / factor for one in ahead]
        high = [one.high / factor for one in ahead]
        middle = [one.expected / factor for one in ahead]
        last = str(figures.size(ahead[-1].expected))
        lines += [
            Line("low", "series-1", "solid", [*before, *low], "", is_band=True),
            Line("high", "series-1", "solid", [*before, *high], "", is_band=True),
            Line("expected", "series-1", "dash", [*before, *middle], last),
        ]
    quota = found.quota.bytes
    if quota and ahead and quota <= 3 * max(found.total, ahead[-1].high):
        limit = [quota / factor] * len(moments)
        lines.append(Line("quota", "bad-mark", "dash", limit, str(figures.size(quota))))
    return line_figure(
        "stored",
        title="Stored, and expected",
        says=_says(found),
        moments=moments,
        lines=lines,
        unit=unit,
        mark=_midnight(today) if ahead else None,
    )


def _says(found: Outlook) -> str:
    if not found.latest:
        return "Nothing was measured yet; the first measurement comes within the hour."
    if not found.bytes_ahead:
        days = figures.plural(len(found.days), "day is", "days are")
        more = figures.plural(found.missing_days, "more", "more")
        return f"{days} measured; a forecast needs {more}."
    end = found.bytes_ahead.after(AHEAD)
    low, high = figures.size(end.low), figures.size(end.high)
    share = f"{SHARE * 100:g} %"
    return (
        f"{figures.size(found.total)} now, {low} to {high} on {end.day:%-d %B}."
        f" The band holds {share} of cases."
    )


def _unit(size: float) -> tuple[float, str]:
    return next(((1024.0**power, unit) for power, unit in UNITS if size >= 1024**power), (1.0, "B"))


def _midnight(day: object) -> datetime:
    return datetime.fromisoformat(f"{day}").replace(tzinfo=UTC)

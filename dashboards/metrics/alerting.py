"""Alerts by severity, as they were opened."""

from __future__ import annotations

from dashboards import figures
from dashboards.metrics.building import Kind, Panel, counted_figure, peak, total
from dashboards.metrics.frame import Frame
from dashboards.permissions import may
from governance.detection.models import SEVERITIES
from stateward.kernel.flow import Statement
from stateward.operations.metrics.counts import Count
from stateward.operations.metrics.queries import ORIGIN
from stateward.tenancy.scope import execute

OPENED = """
WITH sample AS (
    SELECT severity, opened_at FROM stateward_alert
    WHERE tenant_id = %s AND opened_at >= %s AND opened_at < %s
    ORDER BY opened_at DESC LIMIT 50000
)
SELECT severity, date_bin(%s, opened_at, %s), count(*) FROM sample GROUP BY 1, 2
"""
COLOURS = {"critical": "bad-mark", "high": "warn-mark", "medium": "series-1", "low": "series-6"}


def alerts(frame: Frame) -> Panel:
    """For whoever may read alerts; the others are told so."""
    allowed = may(frame.request, "alert.read").allowed
    counts = _opened(frame) if allowed else []
    nothing = f"No alert was opened in {frame.range.says}."
    return counted_figure(
        frame,
        "alerts",
        title="Alerts opened",
        says=f"{figures.plural(total(counts), 'alert', 'alerts')}; {peak(counts, frame)}."
        if counts
        else nothing
        if allowed
        else "You may not read alerts; an owner or admin can change that.",
        counts=counts,
        kinds={name: Kind(name, COLOURS[name]) for name in SEVERITIES},
        together=None,
    )


def _opened(frame: Frame) -> list[Count]:
    steps, moments = frame.steps, frame.steps.moments
    asked = (frame.tenant_id, steps.first, steps.until, steps.step, ORIGIN)
    found = {(row[0], row[1]): row[2] for row in execute(Statement(OPENED, asked))}
    return [
        Count(severity, tuple(found.get((severity, moment), 0) for moment in moments))
        for severity in reversed(SEVERITIES)
        if any(key[0] == severity for key in found)
    ]

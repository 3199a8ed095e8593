"""What all figures of a dashboard share: the tenant, the range, its steps, and what was read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from uuid import UUID

from dashboards.ranges import Range
from dashboards.requests import ConsoleRequest, address
from governance.evidence.queries import namespace_names
from stateward.operations.metrics.counts import (
    By,
    Count,
    Ranked,
    Steps,
    Which,
    counts_over,
    ranked,
    steps_of,
)
from stateward.operations.metrics.gauges import SEALING_LAG
from stateward.operations.metrics.queries import MetricSeries, metric_series
from stateward.operations.metrics.storage import Stored, growth
from stateward.tenancy.scope import run_flow

MEASURED = ("writes", "reads", "denials", "refusals", "errors", SEALING_LAG)
FEWEST_DAYS = 14  # storage is measured by day: a shorter range would be a point


@dataclass
class Frame:
    """Within the tenant's scope. Each thing is read once, and only if a figure asks for it."""

    request: ConsoleRequest
    now: datetime
    counted_at: datetime | None  # up to when audit records are counted
    range: Range
    _counts: dict[tuple[Which, By], list[Count]] = field(default_factory=dict)
    _ranked: dict[Which, Sequence[Ranked]] = field(default_factory=dict)

    @property
    def tenant_id(self) -> UUID:
        return self.request.tenant.tenant_id

    @cached_property
    def audit_url(self) -> str:
        return address(self.request, "audit")

    @cached_property
    def steps(self) -> Steps:
        """Of what is drawn as bars."""
        return steps_of(self.range.since, self.range.until, now=self.now)

    @cached_property
    def metrics(self) -> dict[str, MetricSeries]:
        return run_flow(
            metric_series(
                self.tenant_id, self.range.since, self.range.until, now=self.now, series=MEASURED
            )
        )

    @cached_property
    def storage_days(self) -> tuple[datetime, datetime]:
        """The range, and at least two weeks up to its end."""
        until = self.range.until
        return min(self.range.since, until - timedelta(days=FEWEST_DAYS)), until

    @cached_property
    def stored(self) -> Sequence[Stored]:
        since, until = self.storage_days
        return run_flow(growth(self.tenant_id, "namespace", since.date(), until.date()))

    def counts(self, which: Which, by: By) -> list[Count]:
        if (which, by) not in self._counts:
            flow = counts_over(self.tenant_id, self.steps, which, by)
            self._counts[which, by] = run_flow(flow)
        return self._counts[which, by]

    def ranked(self, which: Which) -> Sequence[Ranked]:
        if which not in self._ranked:
            self._ranked[which] = run_flow(ranked(self.tenant_id, self.steps, which))
        return self._ranked[which]

    def names(self, ids: Sequence[str]) -> Mapping[str, str]:
        """The names of these namespaces."""
        found = namespace_names(self.tenant_id, [UUID(one) for one in ids])
        return {str(one): name for one, name in found.items()}

"""What the dashboards draw, over REST: measurements, counts of records, storage by day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.response import Response

from governance.capacity.serializers import (
    MetricSeriesSerializer,
    RecordCountsSerializer,
    StoredSerializer,
)
from governance.capacity.services import permit_looking
from governance.evidence.acts import permit_reading
from stateward.kernel.clock import parse_rfc3339, rfc3339
from stateward.kernel.errors import Fault, Malformed
from stateward.kernel.flow import Statement
from stateward.operations.metrics.counts import By, Dimension, Which, counts_over, steps_of
from stateward.operations.metrics.gauges import SEALING_LAG
from stateward.operations.metrics.queries import metric_series
from stateward.operations.metrics.storage import Dimension as StorageDimension
from stateward.operations.metrics.storage import growth
from stateward.operations.metrics.tallies import counted_at
from stateward.tenancy.scope import execute, run_flow
from stateward.web.drf.pages import known_parameters
from stateward.web.drf.requests import ActorRequest
from stateward.web.drf.views import ApiView

SERIES = ("writes", "reads", "denials", "refusals", "errors", SEALING_LAG)
LONGEST = timedelta(days=1830)
DAY = timedelta(days=1)
RANGE = [
    OpenApiParameter("from", OpenApiTypes.DATETIME, description="A day ago unless given."),
    OpenApiParameter("to", OpenApiTypes.DATETIME, description="Now unless given; not included."),
]


class SeriesView(ApiView):
    """At most 300 steps; ``series`` several times for several."""

    @extend_schema(
        operation_id="get_metric_series",
        parameters=[*RANGE, OpenApiParameter("series", enum=SERIES, many=True)],
        responses=MetricSeriesSerializer(many=True),
    )
    def get(self, request: ActorRequest) -> Response:
        known_parameters(request, "from", "to", "series")
        permit_looking(request.actor, request.call)
        names = request.query_params.getlist("series") or list(SERIES)
        for name in names:
            _one_of("series", name, SERIES)
        since, until, now = _range(request)
        found = run_flow(
            metric_series(request.actor.tenant_id, since, until, now=now, series=names)
        )
        return Response(
            [
                {
                    "series": one.name,
                    "step_seconds": int(one.step.total_seconds()),
                    "points": [
                        {
                            "at": rfc3339(point.at),
                            "count": point.count,
                            "mean": point.mean,
                            "p50": point.p50,
                            "p95": point.p95,
                            "p99": point.p99,
                        }
                        for point in one.points
                    ],
                }
                for one in found.values()
            ]
        )


class RecordCountsView(ApiView):
    """How many audit records there are of which kind, step by step; counted each minute."""

    @extend_schema(
        operation_id="count_audit_records",
        parameters=[
            *RANGE,
            OpenApiParameter("of", enum=get_args(Dimension), description="all unless given."),
            OpenApiParameter("by", enum=get_args(By), description="outcome unless given."),
            OpenApiParameter("outcome", description="allow, deny (every denial), deny_forbid, …"),
            OpenApiParameter("action", description="state.write or policy.*; several with commas."),
        ],
        responses=RecordCountsSerializer,
    )
    def get(self, request: ActorRequest) -> Response:
        known_parameters(request, "from", "to", "of", "by", "outcome", "action")
        permit_reading(request.actor, request.call)
        query = request.query_params
        actions = query.get("action")
        which = Which(
            _one_of("of", query.get("of", "all"), get_args(Dimension)),  # type: ignore[arg-type]  # checked
            actions=tuple(actions.split(",")) if actions else None,
            outcome=query.get("outcome"),
        )
        by = _one_of("by", query.get("by", "outcome"), get_args(By))
        since, until, now = _range(request)
        steps = steps_of(since, until, now=now)
        tenant_id = request.actor.tenant_id
        found = run_flow(counts_over(tenant_id, steps, which, by))  # type: ignore[arg-type]  # checked
        counted = run_flow(counted_at(tenant_id))
        return Response(
            {
                "step_seconds": int(steps.step.total_seconds()),
                "steps": [rfc3339(moment) for moment in steps.moments],
                "counted_at": rfc3339(counted) if counted else None,
                "counts": [
                    {"name": one.name, "total": one.total, "counts": list(one.counts)}
                    for one in found
                ],
            }
        )


class StorageView(ApiView):
    """What was measured from day to day."""

    @extend_schema(
        operation_id="get_stored_days",
        parameters=[
            *RANGE,
            OpenApiParameter("by", enum=get_args(StorageDimension), description="tenant"),
        ],
        responses=StoredSerializer(many=True),
    )
    def get(self, request: ActorRequest) -> Response:
        known_parameters(request, "from", "to", "by")
        permit_looking(request.actor, request.call)
        by = _one_of("by", request.query_params.get("by", "tenant"), get_args(StorageDimension))
        since, until, _ = _range(request)
        flow = growth(request.actor.tenant_id, by, since.date(), until.date())  # type: ignore[arg-type]  # checked
        return Response(
            [
                {
                    "day": one.day.isoformat(),
                    "id": str(one.subject),
                    "name": one.label,
                    "entries": one.entries,
                    "bytes": one.bytes,
                    "revisions": one.revisions,
                    "revision_bytes": one.revision_bytes,
                }
                for one in run_flow(flow)
            ]
        )


def _range(request: ActorRequest) -> tuple[datetime, datetime, datetime]:
    """(from, to, now); Malformed (400) where that is no stretch of time."""
    now: datetime = execute(Statement("SELECT clock_timestamp()"))[0][0]
    query = request.query_params
    until = _moment(query.get("to"), now)
    since = _moment(query.get("from"), until - DAY)
    if not timedelta() < until - since <= LONGEST:
        raise _malformed("from", "from lies before to, by at most five years")
    return since, until, now


def _moment(text: str | None, otherwise: datetime) -> datetime:
    return otherwise if text is None else parse_rfc3339(text).astimezone(UTC)


def _one_of(name: str, text: str, known: Sequence[Any]) -> str:
    if text not in known:
        raise _malformed(name, f"{name} is one of {', '.join(known)}")
    return text


def _malformed(name: str, says: str) -> Malformed:
    return Malformed(f"{says}.", errors=(Fault("", f"the parameter {name} is not well formed"),))

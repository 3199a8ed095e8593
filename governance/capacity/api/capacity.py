"""Capacity over REST: how storage stands and goes on, the quota, the reports that were kept."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.response import Response

from governance.capacity import services
from governance.capacity.outlook import body
from governance.capacity.queries import Quota, Report
from governance.capacity.serializers import (
    CapacityReportSerializer,
    CapacitySerializer,
    QuotaAnswerSerializer,
    QuotaSerializer,
)
from stateward.kernel.clock import rfc3339
from stateward.kernel.errors import Malformed
from stateward.web.cursors import decode_cursor, encode_cursor
from stateward.web.drf.pages import known_parameters, limit_of, page
from stateward.web.drf.requests import ActorRequest
from stateward.web.drf.serializers import page_of
from stateward.web.drf.views import ApiView


class CapacityView(ApiView):
    @extend_schema(operation_id="get_capacity", responses=CapacitySerializer)
    def get(self, request: ActorRequest) -> Response:
        known_parameters(request)
        found = services.look(request.actor, request.call)
        return Response(body(request.actor.tenant_slug, found))


class QuotaView(ApiView):
    """What forecasts are compared with, and, where it refuses, what writes are held to."""

    @extend_schema(operation_id="get_capacity_quota", responses=QuotaAnswerSerializer)
    def get(self, request: ActorRequest) -> Response:
        known_parameters(request)
        services.permit_looking(request.actor, request.call)
        return Response(_quota(request, services.quota(request.actor)))

    @extend_schema(
        operation_id="set_capacity_quota",
        request=QuotaSerializer,
        responses=QuotaAnswerSerializer,
    )
    def put(self, request: ActorRequest) -> Response:
        fields = self.read(QuotaSerializer)
        quota = Quota(
            fields["entries"],
            fields["bytes"],
            fields.get("writes_per_day"),
            fields.get("refuses", False),
        )
        return Response(_quota(request, services.set_quota(request.actor, request.call, quota)))


class ReportsView(ApiView):
    @extend_schema(
        operation_id="list_capacity_reports",
        parameters=[OpenApiParameter("limit", int), OpenApiParameter("cursor")],
        responses=page_of(CapacityReportSerializer),
    )
    def get(self, request: ActorRequest) -> Response:
        known_parameters(request)
        found, following = services.reports(
            request.actor, request.call, before=_before(request), limit=limit_of(request)
        )
        cursor = encode_cursor([str(following)]) if following else None
        return page([_report(one) for one in found], cursor)


class ReportView(ApiView):
    @extend_schema(operation_id="get_capacity_report", responses=CapacityReportSerializer)
    def get(self, request: ActorRequest, report_id: UUID) -> Response:
        known_parameters(request)
        return Response(_report(services.report(request.actor, request.call, report_id)))


def _before(request: ActorRequest) -> UUID | None:
    cursor = request.query_params.get("cursor")
    if cursor is None:
        return None
    try:
        return UUID(str(decode_cursor(cursor, length=1)[0]))
    except ValueError:
        raise Malformed("The cursor is not one that was given out here.") from None


def _quota(request: ActorRequest, quota: Quota) -> dict[str, object]:
    used = services.usage(request.actor)
    return {
        **asdict(quota),
        "used": {"entries": used.entries, "bytes": used.bytes, "writes_today": used.writes},
    }


def _report(kept: Report) -> dict[str, Any]:
    return {"id": str(kept.id), "at": rfc3339(kept.at), "report": kept.body}

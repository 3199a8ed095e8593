"""Alerts over REST: parse, one service or query, render."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.response import Response

from governance.detection import queries
from governance.detection.models import SEVERITIES, Alert
from governance.detection.rendering import alert_body, event_body
from governance.detection.serializers import (
    AlertDetailSerializer,
    AlertEventSerializer,
    AlertSerializer,
    AssignmentSerializer,
    NoteSerializer,
    ResolutionSerializer,
)
from governance.detection.services import alerts
from stateward.gate.policy.permits import permit, whole_tenant
from stateward.kernel.errors import Fault, Malformed
from stateward.web.drf.pages import known_parameters, page_by_id
from stateward.web.drf.requests import ActorRequest
from stateward.web.drf.serializers import page_of
from stateward.web.drf.views import ApiView

PAGE = [OpenApiParameter("limit", int), OpenApiParameter("cursor")]
FILTERS = ("state", "severity", "rule", "subject")
RECORDS = 200
STATES = frozenset({*Alert.State.values, "standing"})


class AlertsView(ApiView):
    """Newest first. ``state=standing`` is open and acknowledged."""

    @extend_schema(
        operation_id="list_alerts",
        parameters=[*PAGE, *(OpenApiParameter(name) for name in FILTERS)],
        responses=page_of(AlertSerializer),
    )
    def get(self, request: ActorRequest) -> Response:
        known_parameters(request, *FILTERS)
        permit(request.actor, request.call, "alert.read", whole_tenant(request.actor))
        rows = queries.alerts_of(request.actor.tenant_id)
        return page_by_id(request, _filtered(request, rows), alert_body, newest_first=True)


class AlertView(ApiView):
    @extend_schema(operation_id="get_alert", responses=AlertDetailSerializer)
    def get(self, request: ActorRequest, alert_id: UUID) -> Response:
        known_parameters(request)
        permit(request.actor, request.call, "alert.read", whole_tenant(request.actor))
        alert = queries.find_alert(request.actor.tenant_id, alert_id)
        ids = [str(one) for one in queries.record_ids(alert, RECORDS)]
        return Response({**alert_body(alert), "records": ids})


class AlertHistoryView(ApiView):
    @extend_schema(
        operation_id="list_alert_history",
        parameters=PAGE,
        responses=page_of(AlertEventSerializer),
    )
    def get(self, request: ActorRequest, alert_id: UUID) -> Response:
        known_parameters(request)
        permit(request.actor, request.call, "alert.read", whole_tenant(request.actor))
        alert = queries.find_alert(request.actor.tenant_id, alert_id)
        return page_by_id(request, queries.history_of(alert), event_body, newest_first=True)


class AcknowledgementView(ApiView):
    @extend_schema(
        operation_id="acknowledge_alert", request=NoteSerializer, responses=AlertSerializer
    )
    def put(self, request: ActorRequest, alert_id: UUID) -> Response:
        fields = self.read_optional(NoteSerializer)
        alert = alerts.acknowledge_alert(
            actor=request.actor, call=request.call, alert_id=alert_id, **fields
        )
        return Response(alert_body(alert))


class ResolutionView(ApiView):
    @extend_schema(
        operation_id="resolve_alert", request=ResolutionSerializer, responses=AlertSerializer
    )
    def put(self, request: ActorRequest, alert_id: UUID) -> Response:
        fields = self.read(ResolutionSerializer)
        alert = alerts.resolve_alert(
            actor=request.actor, call=request.call, alert_id=alert_id, **fields
        )
        return Response(alert_body(alert))

    @extend_schema(operation_id="reopen_alert", request=None, responses=AlertSerializer)
    def delete(self, request: ActorRequest, alert_id: UUID) -> Response:
        alert = alerts.reopen_alert(actor=request.actor, call=request.call, alert_id=alert_id)
        return Response(alert_body(alert))


class AssignmentView(ApiView):
    @extend_schema(
        operation_id="assign_alert", request=AssignmentSerializer, responses=AlertSerializer
    )
    def put(self, request: ActorRequest, alert_id: UUID) -> Response:
        fields = self.read(AssignmentSerializer)
        alert = alerts.assign_alert(
            actor=request.actor, call=request.call, alert_id=alert_id, **fields
        )
        return Response(alert_body(alert))


def _filtered(request: ActorRequest, rows: QuerySet[Alert, Alert]) -> QuerySet[Alert, Alert]:
    given = request.query_params
    if state := given.get("state"):
        _check("state", state, STATES)
        rows = rows.filter(state__in=queries.STANDING if state == "standing" else [state])
    if severity := given.get("severity"):
        _check("severity", severity, SEVERITIES)
        rows = rows.filter(severity=severity)
    if rule := given.get("rule"):
        rows = rows.filter(rule=_text("rule", rule))
    if subject := given.get("subject"):
        rows = rows.filter(subject_id=_text("subject", subject))
    return rows


def _check(name: str, value: str, known: frozenset[str] | tuple[str, ...]) -> None:
    if value not in known:
        raise _malformed(name)


def _text(name: str, value: str) -> str:
    if len(value) > 128 or "\x00" in value:
        raise _malformed(name)
    return value


def _malformed(name: str) -> Malformed:
    says = f"the parameter {name} has no value that is known here"
    return Malformed(f"{says.capitalize()}.", errors=(Fault("", says),))

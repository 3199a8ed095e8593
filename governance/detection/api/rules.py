"""Rules and suppressions over REST."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.response import Response

from governance.detection import queries
from governance.detection.heartbeat import Beat, heartbeats
from governance.detection.rendering import rule_body, suppression_body
from governance.detection.serializers import (
    NewSuppressionSerializer,
    RuleChangesSerializer,
    RuleSerializer,
    RulesSerializer,
    SuppressionSerializer,
)
from governance.detection.services import rules
from governance.detection.settings import rules_in_force
from stateward.gate.policy.permits import permit, whole_tenant
from stateward.tenancy.actors import Actor
from stateward.web.drf.pages import known_parameters, page_by_id
from stateward.web.drf.requests import ActorRequest
from stateward.web.drf.serializers import page_of
from stateward.web.drf.views import ApiView

PAGE = [OpenApiParameter("limit", int), OpenApiParameter("cursor")]


class RulesView(ApiView):
    """The catalogue as this tenant has it, each rule with its heartbeat."""

    @extend_schema(operation_id="list_detection_rules", responses=RulesSerializer)
    def get(self, request: ActorRequest) -> Response:
        known_parameters(request)
        permit(request.actor, request.call, "alert.read", whole_tenant(request.actor))
        return Response({"items": [rule_body(one) for one in heartbeats(request.actor.tenant_id)]})


class RuleView(ApiView):
    @extend_schema(operation_id="get_detection_rule", responses=RuleSerializer)
    def get(self, request: ActorRequest, rule: str) -> Response:
        known_parameters(request)
        permit(request.actor, request.call, "alert.read", whole_tenant(request.actor))
        return Response(rule_body(_beat(request.actor, rule)))

    @extend_schema(
        operation_id="change_detection_rule",
        request=RuleChangesSerializer,
        responses=RuleSerializer,
    )
    def patch(self, request: ActorRequest, rule: str) -> Response:
        fields = self.read(RuleChangesSerializer)
        rules.change_rule(actor=request.actor, call=request.call, name=rule, fields=fields)
        return Response(rule_body(_beat(request.actor, rule)))

    @extend_schema(operation_id="reset_detection_rule", request=None, responses={204: None})
    def delete(self, request: ActorRequest, rule: str) -> Response:
        rules.reset_rule(actor=request.actor, call=request.call, name=rule)
        return Response(status=204)


class SuppressionsView(ApiView):
    """Newest first, those that are over too."""

    @extend_schema(
        operation_id="list_suppressions",
        parameters=PAGE,
        responses=page_of(SuppressionSerializer),
    )
    def get(self, request: ActorRequest) -> Response:
        known_parameters(request)
        permit(request.actor, request.call, "alert.read", whole_tenant(request.actor))
        rows = queries.suppressions_of(request.actor.tenant_id)
        return page_by_id(request, rows, suppression_body, newest_first=True)

    @extend_schema(
        operation_id="suppress_alerts",
        request=NewSuppressionSerializer,
        responses={201: SuppressionSerializer},
    )
    def post(self, request: ActorRequest) -> Response:
        fields = self.read(NewSuppressionSerializer)
        made = rules.suppress(actor=request.actor, call=request.call, fields=fields)
        return Response(suppression_body(made), status=201)


class SuppressionView(ApiView):
    @extend_schema(operation_id="lift_suppression", request=None, responses={204: None})
    def delete(self, request: ActorRequest, suppression_id: UUID) -> Response:
        rules.lift_suppression(
            actor=request.actor, call=request.call, suppression_id=suppression_id
        )
        return Response(status=204)


def _beat(actor: Actor, name: str) -> Beat:
    found = rules_in_force(actor.tenant_id, [rules.find_rule(name)])
    return heartbeats(actor.tenant_id, found)[0]

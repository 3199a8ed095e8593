"""The model's help over REST: parse, one service, render.

These requests wait for another server, so that they open their own short transactions; and since a
question changes nothing but a draft that is saved once, an ``Idempotency-Key`` has no meaning here.
"""

from __future__ import annotations

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from governance.assist.endpoint import is_on
from governance.assist.serializers import (
    AssistedSerializer,
    AssistStatusSerializer,
    DraftedSerializer,
    EntryToExplainSerializer,
    NamespaceToSearchSerializer,
    SentenceSerializer,
)
from governance.assist.services import draft_policy, explain_entry, find_anomalies
from governance.policies.api.policies import policy_detail
from stateward.tenancy.scope import tenant_scope
from stateward.web.drf.pages import known_parameters
from stateward.web.drf.requests import ActorRequest
from stateward.web.drf.views import ApiView


class AssistView(ApiView):
    """Whether there is a model to ask, and what may be asked of it."""

    @extend_schema(operation_id="get_assist", responses=AssistStatusSerializer)
    def get(self, request: ActorRequest) -> Response:
        known_parameters(request)
        return Response(
            {
                "enabled": is_on(),
                "model": settings.ASSIST_MODEL if is_on() else None,
                "calls_a_minute": settings.ASSIST_CALLS_A_MINUTE,
                "tokens_a_day": settings.ASSIST_TOKENS_A_DAY,
            }
        )


class ExplainView(ApiView):
    own_transactions = True

    @extend_schema(
        operation_id="explain_entry",
        request=EntryToExplainSerializer,
        responses=AssistedSerializer,
    )
    def post(self, request: ActorRequest) -> Response:
        fields = self.read(EntryToExplainSerializer)
        return Response(explain_entry(request.actor, request.call, **fields).as_dict())


class AnomaliesView(ApiView):
    own_transactions = True

    @extend_schema(
        operation_id="find_anomalies",
        request=NamespaceToSearchSerializer,
        responses=AssistedSerializer,
    )
    def post(self, request: ActorRequest) -> Response:
        fields = self.read(NamespaceToSearchSerializer)
        return Response(find_anomalies(request.actor, request.call, **fields).as_dict())


class PolicyDraftsView(ApiView):
    own_transactions = True

    @extend_schema(
        operation_id="draft_policy",
        request=SentenceSerializer,
        responses={201: DraftedSerializer, 200: DraftedSerializer},
    )
    def post(self, request: ActorRequest) -> Response:
        fields = self.read(SentenceSerializer)
        drafted = draft_policy(request.actor, request.call, **fields)
        if drafted.policy is None:  # the model saw no such policy, and says why
            return Response(drafted.as_dict() | {"policy": None})
        with tenant_scope(request.actor.tenant_id):
            policy = policy_detail(drafted.policy)
        headers = {"Location": f"/api/v1/policies/{drafted.policy.id}"}
        return Response(drafted.as_dict() | {"policy": policy}, status=201, headers=headers)

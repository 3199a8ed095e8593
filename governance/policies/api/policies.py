"""Policies over REST: parse, one service or query, render."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.response import Response

from governance.policies.examining import findings_of
from governance.policies.queries import (
    activations_of,
    readable_policies,
    readable_policy,
    text_of,
    versions_of,
)
from governance.policies.questions import Asker, Question
from governance.policies.serializers import (
    ActivationSerializer,
    ExplanationSerializer,
    NewPolicySerializer,
    NewVersionSerializer,
    PolicyActivationSerializer,
    PolicySerializer,
    PolicyTextSerializer,
    PolicyVersionSerializer,
    QuestionSerializer,
    RollbackSerializer,
    ValidationSerializer,
)
from governance.policies.services import (
    activate,
    add_version,
    create_policy,
    deactivate,
    roll_back,
)
from stateward.gate.policy.models import Policy, PolicyActivation, PolicyVersion
from stateward.gate.policy.permits import permit, whole_tenant
from stateward.gate.policy.validate import validate
from stateward.kernel.clock import rfc3339
from stateward.kernel.errors import Malformed
from stateward.web.cursors import decode_cursor, encode_cursor
from stateward.web.drf.pages import known_parameters, limit_of, page, page_by_id
from stateward.web.drf.requests import ActorRequest
from stateward.web.drf.serializers import page_of
from stateward.web.drf.views import ApiView

PAGE = [OpenApiParameter("limit", int), OpenApiParameter("cursor")]


class PoliciesView(ApiView):
    @extend_schema(
        operation_id="list_policies", parameters=PAGE, responses=page_of(PolicySerializer)
    )
    def get(self, request: ActorRequest) -> Response:
        known_parameters(request)
        found, following = readable_policies(
            request.actor, request.call, after=_after(request), limit=limit_of(request)
        )
        items = [policy_body(policy) for policy in found]
        return page(items, encode_cursor([str(following)]) if following else None)

    @extend_schema(
        operation_id="create_policy", request=NewPolicySerializer, responses={201: PolicySerializer}
    )
    def post(self, request: ActorRequest) -> Response:
        fields = self.read(NewPolicySerializer)
        policy = create_policy(request.actor, request.call, **fields)
        location = f"/api/v1/policies/{policy.id}"
        return Response(policy_detail(policy), status=201, headers={"Location": location})


class PolicyView(ApiView):
    @extend_schema(operation_id="get_policy", responses=PolicySerializer)
    def get(self, request: ActorRequest, policy_id: UUID) -> Response:
        known_parameters(request)
        return Response(policy_detail(readable_policy(request.actor, request.call, policy_id)))


class VersionsView(ApiView):
    @extend_schema(
        operation_id="list_policy_versions",
        parameters=PAGE,
        responses=page_of(PolicyVersionSerializer),
    )
    def get(self, request: ActorRequest, policy_id: UUID) -> Response:
        known_parameters(request)
        policy = readable_policy(request.actor, request.call, policy_id)
        return page_by_id(request, versions_of(policy), version_body, newest_first=True)

    @extend_schema(
        operation_id="add_policy_version",
        request=NewVersionSerializer,
        responses={201: PolicyVersionSerializer},
    )
    def post(self, request: ActorRequest, policy_id: UUID) -> Response:
        fields = self.read(NewVersionSerializer)
        version = add_version(request.actor, request.call, policy_id, **fields)
        return Response(version_body(version), status=201)


class ActivationView(ApiView):
    """Which version is in force."""

    @extend_schema(
        operation_id="activate_policy", request=ActivationSerializer, responses=PolicySerializer
    )
    def put(self, request: ActorRequest, policy_id: UUID) -> Response:
        fields = self.read(ActivationSerializer)
        return Response(policy_body(activate(request.actor, request.call, policy_id, **fields)))

    @extend_schema(operation_id="deactivate_policy", responses={204: None})
    def delete(self, request: ActorRequest, policy_id: UUID) -> Response:
        deactivate(request.actor, request.call, policy_id)
        return Response(status=204)


class ActivationsView(ApiView):
    @extend_schema(
        operation_id="list_policy_activations",
        parameters=PAGE,
        responses=page_of(PolicyActivationSerializer),
    )
    def get(self, request: ActorRequest, policy_id: UUID) -> Response:
        known_parameters(request)
        policy = readable_policy(request.actor, request.call, policy_id)
        return page_by_id(request, activations_of(policy), activation_body, newest_first=True)


class RollbackView(ApiView):
    @extend_schema(
        operation_id="roll_back_policy", request=RollbackSerializer, responses=PolicySerializer
    )
    def post(self, request: ActorRequest, policy_id: UUID) -> Response:
        said = self.read_optional(RollbackSerializer)
        rolled_back = roll_back(
            request.actor,
            request.call,
            policy_id,
            is_emergency=said.get("emergency", False),
            reason=said.get("reason", ""),
        )
        return Response(policy_body(rolled_back))


class ValidationView(ApiView):
    @extend_schema(
        operation_id="validate_policy", request=PolicyTextSerializer, responses=ValidationSerializer
    )
    def post(self, request: ActorRequest) -> Response:
        text = self.read(PolicyTextSerializer)["text"]
        permit(request.actor, request.call, "policy.draft", whole_tenant(request.actor))
        faults = validate(text)
        found = [] if faults else findings_of(request.actor.tenant_id, text)
        return Response(
            {
                "valid": not faults,
                "errors": [fault.as_dict() for fault in faults],
                "findings": [one.as_dict() for one in found],
            }
        )


class ExplanationView(ApiView):
    @extend_schema(
        operation_id="explain_decision",
        request=QuestionSerializer,
        responses=ExplanationSerializer,
    )
    def post(self, request: ActorRequest) -> Response:
        asked = self.read(QuestionSerializer)
        question = Question(
            asked["principal"]["type"],
            asked["principal"]["id"],
            asked["action"],
            asked["resource"]["type"],
            asked["resource"]["id"],
            asked["context"],
        )
        return Response(Asker(request.actor, request.call).explain(question).as_dict())


def policy_body(policy: Policy) -> dict[str, Any]:
    return {
        "id": str(policy.id),
        "name": policy.name,
        "description": policy.description,
        "active_version": policy.active_version,
        "level": policy.level,
        "latest_version": policy.latest_version,
        "created_at": rfc3339(policy.created_at),
        "updated_at": rfc3339(policy.updated_at),
    }


def policy_detail(policy: Policy) -> dict[str, Any]:
    return {**policy_body(policy), "text": text_of(policy, policy.latest_version)}


def version_body(version: PolicyVersion) -> dict[str, Any]:
    return {
        "version": version.number,
        "text": version.text,
        "sha256": version.sha256,
        "note": version.note,
        "created_at": rfc3339(version.created_at),
        "created_by": {
            "type": version.author_type,
            "id": str(version.author_id),
            "name": version.author_name,
        },
    }


def activation_body(activation: PolicyActivation) -> dict[str, Any]:
    return {
        "from_version": activation.from_version,
        "to_version": activation.to_version,
        "from_level": activation.from_level,
        "to_level": activation.to_level,
        "emergency": activation.is_emergency,
        "at": rfc3339(activation.at),
        "actor": {
            "type": activation.actor_type,
            "id": str(activation.actor_id),
            "name": activation.actor_name,
        },
    }


def _after(request: ActorRequest) -> UUID | None:
    cursor = request.query_params.get("cursor")
    if cursor is None:
        return None
    try:
        return UUID(str(decode_cursor(cursor, length=1)[0]))
    except ValueError:
        raise Malformed("The cursor is not one that was given out here.") from None

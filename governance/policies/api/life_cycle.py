"""What stands around a policy over REST: agreement, overrides, tests, what was in force when."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.response import Response

from governance.approvals.serializers import ApprovalSerializer, approval_body
from governance.policies.cases import Result, cases_of, results_of, set_cases
from governance.policies.difference import difference
from governance.policies.models import PolicySetting
from governance.policies.overrides import Wanted, ask_for_override, overrides_of
from governance.policies.queries import in_force_at, readable_policy, text_of
from governance.policies.readiness import ask_for_dry_runs
from governance.policies.serializers import (
    CaseResultsSerializer,
    CaseRunSerializer,
    InForceListSerializer,
    NewActivationApprovalSerializer,
    NewOverrideSerializer,
    OverrideSerializer,
    PolicyCasesSerializer,
    PolicyDifferenceSerializer,
    PolicySettingsSerializer,
)
from governance.policies.services import ask_to_activate, check_text
from stateward.gate.policy.models import Policy, PolicyOverride, PolicyVersion
from stateward.gate.policy.permits import permit, whole_tenant
from stateward.kernel.clock import now, parse_rfc3339, rfc3339
from stateward.kernel.errors import Fault, Malformed, unfit
from stateward.web.drf.pages import known_parameters, page_by_id
from stateward.web.drf.requests import ActorRequest
from stateward.web.drf.serializers import page_of
from stateward.web.drf.views import ApiView

PAGE = [OpenApiParameter("limit", int), OpenApiParameter("cursor")]


class ActivationApprovalView(ApiView):
    """Ask the others who must agree."""

    @extend_schema(
        operation_id="ask_to_activate_policy",
        request=NewActivationApprovalSerializer,
        responses={201: ApprovalSerializer},
    )
    def post(self, request: ActorRequest, policy_id: UUID) -> Response:
        fields = self.read(NewActivationApprovalSerializer)
        asked = ask_to_activate(request.actor, request.call, policy_id, **fields)
        location = f"/api/v1/approvals/{asked.id}"
        return Response(approval_body(asked), status=201, headers={"Location": location})


class OverridesView(ApiView):
    """Exceptions from a soft policy: those given, newest first; and asking for one."""

    @extend_schema(
        operation_id="list_policy_overrides",
        parameters=PAGE,
        responses=page_of(OverrideSerializer),
    )
    def get(self, request: ActorRequest, policy_id: UUID) -> Response:
        known_parameters(request)
        policy = readable_policy(request.actor, request.call, policy_id)
        return page_by_id(request, overrides_of(policy), override_body, newest_first=True)

    @extend_schema(
        operation_id="ask_for_policy_override",
        request=NewOverrideSerializer,
        responses={201: ApprovalSerializer},
    )
    def post(self, request: ActorRequest, policy_id: UUID) -> Response:
        fields = self.read(NewOverrideSerializer)
        wanted = Wanted(
            fields["principal"]["type"],
            fields["principal"]["id"],
            fields["action"],
            fields["resource"]["type"],
            fields["resource"]["id"],
            fields["hours"],
        )
        asked = ask_for_override(
            request.actor, request.call, policy_id, wanted, reason=fields["reason"]
        )
        location = f"/api/v1/approvals/{asked.id}"
        return Response(approval_body(asked), status=201, headers={"Location": location})


class CasesView(ApiView):
    """The tests stored beside a policy."""

    @extend_schema(operation_id="list_policy_tests", responses=PolicyCasesSerializer)
    def get(self, request: ActorRequest, policy_id: UUID) -> Response:
        known_parameters(request)
        policy = readable_policy(request.actor, request.call, policy_id)
        return Response({"items": cases_of(policy)})

    @extend_schema(
        operation_id="set_policy_tests",
        request=PolicyCasesSerializer,
        responses=PolicyCasesSerializer,
    )
    def put(self, request: ActorRequest, policy_id: UUID) -> Response:
        fields = self.read(PolicyCasesSerializer)
        kept = set_cases(request.actor, request.call, policy_id, fields["items"])
        return Response({"items": kept})


class CaseRunsView(ApiView):
    """The tests, run on a version (by default the newest) or on a text that is not saved yet."""

    @extend_schema(
        operation_id="run_policy_tests",
        request=CaseRunSerializer,
        responses=CaseResultsSerializer,
    )
    def post(self, request: ActorRequest, policy_id: UUID) -> Response:
        fields = self.read_optional(CaseRunSerializer)
        policy = readable_policy(request.actor, request.call, policy_id)
        permit(request.actor, request.call, "policy.explain", whole_tenant(request.actor))
        number = fields.get("version", policy.latest_version)
        text = fields.get("text")
        if text is None:
            text = _text(policy, number)
        check_text(text)
        results = results_of(policy, text, number)
        items = [result_body(one) for one in results]
        return Response({"passed": all(one.passed for one in results), "items": items})


class DifferenceView(ApiView):
    """What a version means beside another: by default the newest beside what is in force."""

    @extend_schema(
        operation_id="compare_policy_versions",
        parameters=[OpenApiParameter("from", int), OpenApiParameter("to", int)],
        responses=PolicyDifferenceSerializer,
    )
    def get(self, request: ActorRequest, policy_id: UUID) -> Response:
        known_parameters(request, "from", "to")
        policy = readable_policy(request.actor, request.call, policy_id)
        before = _number(request, "from", policy.active_version)
        after = _number(request, "to", policy.latest_version)
        texts = [_text(policy, one) if one else "" for one in (before, after)]
        return Response({"changes": [one.as_dict() for one in difference(*texts)]})


class InForceView(ApiView):
    """What was in force at a time (by default now)."""

    @extend_schema(
        operation_id="list_policies_in_force",
        parameters=[OpenApiParameter("at", datetime)],
        responses=InForceListSerializer,
    )
    def get(self, request: ActorRequest) -> Response:
        known_parameters(request, "at")
        said = request.query_params.get("at")
        at = parse_rfc3339(said, pointer="") if said else now().astimezone(UTC)
        items = [
            {
                "policy": str(one.policy.id),
                "name": one.policy.name,
                "version": one.version.number,
                "level": one.level,
                "sha256": one.version.sha256,
                "since": rfc3339(one.since),
            }
            for one in in_force_at(request.actor, request.call, at)
        ]
        return Response({"at": rfc3339(at), "items": items})


class PolicySettingsView(ApiView):
    """What the tenant asks of every activation."""

    @extend_schema(operation_id="get_policy_settings", responses=PolicySettingsSerializer)
    def get(self, request: ActorRequest) -> Response:
        known_parameters(request)
        permit(request.actor, request.call, "policy.read", whole_tenant(request.actor))
        found = PolicySetting.objects.filter(tenant_id=request.actor.tenant_id).first()
        return Response({"dry_run_hours": found.dry_run_hours if found else 0})

    @extend_schema(
        operation_id="set_policy_settings",
        request=PolicySettingsSerializer,
        responses=PolicySettingsSerializer,
    )
    def put(self, request: ActorRequest) -> Response:
        hours = self.read(PolicySettingsSerializer)["dry_run_hours"]
        return Response(
            {"dry_run_hours": ask_for_dry_runs(request.actor, request.call, hours=hours)}
        )


def _text(policy: Policy, number: int) -> str:
    try:
        return text_of(policy, number)
    except PolicyVersion.DoesNotExist:
        raise unfit("version", f"this policy has {policy.latest_version}") from None


def _number(request: ActorRequest, name: str, usual: int | None) -> int | None:
    said = request.query_params.get(name)
    if said is None:
        return usual
    if not (said.isascii() and said.isdigit() and len(said) < 10):
        raise Malformed(f"{name} is a version's number.", errors=(Fault("", f"{name} is odd"),))
    return int(said)


def result_body(one: Result) -> dict[str, Any]:
    return {
        "name": one.name,
        "expected": one.expected,
        "outcome": one.outcome,
        "passed": one.passed,
        "reason": one.reason,
        "determining": list(one.determining),
    }


def override_body(one: PolicyOverride) -> dict[str, Any]:
    return {
        "id": str(one.id),
        "principal": {"type": one.principal_type, "id": one.principal_id},
        "action": one.action,
        "resource": {"type": one.resource_type, "id": one.resource_id},
        "reason": one.reason,
        "approvals": one.approvals,
        "given_at": rfc3339(one.given_at),
        "ends_at": rfc3339(one.ends_at),
    }

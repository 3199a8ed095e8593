"""Dry runs over REST."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.response import Response

from governance.policies.dry_runs import ask_for_dry_run, dry_runs_of, find_dry_run, may_see_samples
from governance.policies.models import DryRun
from governance.policies.serializers import DryRunSerializer, NewDryRunSerializer
from stateward.kernel.clock import rfc3339
from stateward.tenancy.scope import tenant_scope
from stateward.web.drf.pages import known_parameters, page_by_id
from stateward.web.drf.requests import ActorRequest
from stateward.web.drf.serializers import page_of
from stateward.web.drf.views import ApiView

PAGE = [OpenApiParameter("limit", int), OpenApiParameter("cursor")]


class DryRunsView(ApiView):
    @extend_schema(
        operation_id="list_policy_dry_runs",
        parameters=PAGE,
        responses=page_of(DryRunSerializer),
    )
    def get(self, request: ActorRequest, policy_id: UUID) -> Response:
        known_parameters(request)
        with tenant_scope(request.actor.tenant_id):
            found = dry_runs_of(request.actor, request.call, policy_id).defer("result")
            return page_by_id(request, found, dry_run_body, newest_first=True)

    @extend_schema(
        operation_id="start_policy_dry_run",
        request=NewDryRunSerializer,
        responses={202: DryRunSerializer},
    )
    def post(self, request: ActorRequest, policy_id: UUID) -> Response:
        fields = self.read(NewDryRunSerializer)
        made = ask_for_dry_run(request.actor, request.call, policy_id, **fields)
        location = f"/api/v1/policies/dry-runs/{made.id}"
        return Response(dry_run_body(made), status=202, headers={"Location": location})


class DryRunView(ApiView):
    @extend_schema(operation_id="get_policy_dry_run", responses=DryRunSerializer)
    def get(self, request: ActorRequest, dry_run_id: UUID) -> Response:
        known_parameters(request)
        with tenant_scope(request.actor.tenant_id):
            made = find_dry_run(request.actor, request.call, dry_run_id)
            shown = may_see_samples(request.actor, request.call)
        return Response(dry_run_body(made) | {"result": result_body(made, with_samples=shown)})


def dry_run_body(made: DryRun) -> dict[str, Any]:
    return {
        "id": str(made.id),
        "policy": str(made.policy_id),
        "version": made.version,
        "sha256": made.sha256,
        "since": rfc3339(made.since),
        "until": rfc3339(made.until),
        "namespace": made.namespace,
        "run": str(made.run_id) if made.run_id else None,
        "asked_by": {
            "type": made.asked_by_type,
            "id": str(made.asked_by_id),
            "name": made.asked_by_name,
        },
        "asked_at": rfc3339(made.asked_at),
        "finished_at": rfc3339(made.finished_at) if made.finished_at else None,
    }


def result_body(made: DryRun, *, with_samples: bool) -> dict[str, Any] | None:
    result: dict[str, Any] | None = made.result
    if result is None or with_samples:
        return result
    groups = [
        {name: value for name, value in group.items() if name != "samples"}
        for group in result["groups"]
    ]
    return result | {"groups": groups}

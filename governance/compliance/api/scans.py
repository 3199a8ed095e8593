"""Checks, scans and frameworks over REST: parse, one service or query, render."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.response import Response

from governance.compliance.api.bodies import check_body, result_body, scan_body
from governance.compliance.frameworks import (
    Framework,
    all_frameworks,
    find_framework,
    planned_checks,
)
from governance.compliance.queries import (
    answers_for,
    coverage,
    outcomes_of,
    permit_reading,
    scans_of,
    standings,
)
from governance.compliance.registry import find_check
from governance.compliance.report import results_sha256
from governance.compliance.serializers import (
    CheckSerializer,
    FrameworkDetailSerializer,
    FrameworkSerializer,
    NewScanSerializer,
    ScanDetailSerializer,
    ScanSerializer,
)
from governance.compliance.services import ask_for_scan
from stateward.kernel.errors import NotFound
from stateward.web.drf.pages import known_parameters, page, page_by_id
from stateward.web.drf.requests import ActorRequest
from stateward.web.drf.serializers import page_of
from stateward.web.drf.views import ApiView

PAGE = [OpenApiParameter("limit", int), OpenApiParameter("cursor")]


class ChecksView(ApiView):
    """Every check of this version with what it last answered."""

    @extend_schema(operation_id="list_compliance_checks", responses=page_of(CheckSerializer))
    def get(self, request: ActorRequest) -> Response:
        known_parameters(request)
        permit_reading(request.actor, request.call)
        return page([check_body(one) for one in standings(request.actor.tenant_id)], None)


class CheckView(ApiView):
    @extend_schema(operation_id="get_compliance_check", responses=CheckSerializer)
    def get(self, request: ActorRequest, check_id: str) -> Response:
        known_parameters(request)
        permit_reading(request.actor, request.call)
        for standing in standings(request.actor.tenant_id):
            if standing.check.id == check_id:
                return Response(check_body(standing))
        raise NotFound


class ScansView(ApiView):
    @extend_schema(
        operation_id="list_compliance_scans", parameters=PAGE, responses=page_of(ScanSerializer)
    )
    def get(self, request: ActorRequest) -> Response:
        known_parameters(request)
        permit_reading(request.actor, request.call)
        return page_by_id(request, scans_of(request.actor.tenant_id), scan_body, newest_first=True)

    @extend_schema(
        operation_id="start_compliance_scan",
        request=NewScanSerializer,
        responses={202: ScanSerializer},
    )
    def post(self, request: ActorRequest) -> Response:
        fields = self.read_optional(NewScanSerializer)
        scan = ask_for_scan(request.actor, request.call, check_id=fields.get("check", ""))
        location = f"/api/v1/compliance/scans/{scan.id}"
        return Response(scan_body(scan), status=202, headers={"Location": location})


class ScanView(ApiView):
    """With its results, as far as it has come."""

    @extend_schema(operation_id="get_compliance_scan", responses=ScanDetailSerializer)
    def get(self, request: ActorRequest, scan_id: UUID) -> Response:
        known_parameters(request)
        permit_reading(request.actor, request.call)
        scan = scans_of(request.actor.tenant_id).filter(id=scan_id).first()
        if scan is None:
            raise NotFound
        results = list(scan.results.order_by("check_id"))
        body = scan_body(scan) | {
            "results": [result_body(result) for result in results],
            "results_sha256": results_sha256(scan, results) if scan.finished_at else None,
        }
        return Response(body)


class FrameworksView(ApiView):
    @extend_schema(
        operation_id="list_compliance_frameworks", responses=page_of(FrameworkSerializer)
    )
    def get(self, request: ActorRequest) -> Response:
        known_parameters(request)
        permit_reading(request.actor, request.call)
        outcomes = outcomes_of(request.actor.tenant_id)
        return page([_framework(one, outcomes) for one in all_frameworks()], None)


class FrameworkView(ApiView):
    """What is proven of each control, and what is not."""

    @extend_schema(operation_id="get_compliance_framework", responses=FrameworkDetailSerializer)
    def get(self, request: ActorRequest, framework_id: str) -> Response:
        known_parameters(request)
        permit_reading(request.actor, request.call)
        framework = find_framework(framework_id)
        if framework is None:
            raise NotFound
        outcomes = outcomes_of(request.actor.tenant_id)
        controls = [
            {
                "id": control.id,
                "title": control.title,
                "coverage": control.coverage(outcomes),
                "checks": {
                    check_id: _word(check_id, outcome)
                    for check_id, outcome in answers_for(control, outcomes)
                },
            }
            for control in framework.controls
        ]
        return Response(_framework(framework, outcomes) | {"controls": controls})


def _word(check_id: str, outcome: str) -> str:
    is_planned = find_check(check_id) is None and check_id in planned_checks()
    return "no_check_yet" if is_planned else outcome


def _framework(framework: Framework, outcomes: dict[str, str]) -> dict[str, Any]:
    return {
        "id": framework.id,
        "title": framework.title,
        "edition": framework.edition,
        "verified_by": framework.verified_by,
        "verified_on": framework.verified_on,
        "coverage": coverage(framework, outcomes),
    }

"""Findings and exceptions over REST: parse, one service or query, render."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.response import Response

from governance.compliance.api.bodies import event_body, exception_body, finding_body
from governance.compliance.models import SEVERITIES, STATUSES, Finding
from governance.compliance.queries import Wanted, exceptions_of, findings_of, permit_reading
from governance.compliance.serializers import (
    ExceptionSerializer,
    FindingChangeSerializer,
    FindingDetailSerializer,
    FindingSerializer,
    NewExceptionSerializer,
)
from governance.compliance.services import (
    UNCHANGED,
    Acceptance,
    accept_risk,
    change_finding,
    withdraw_exception,
)
from stateward.kernel.errors import Fault, Malformed, NotFound
from stateward.web.drf.pages import known_parameters, page_by_id
from stateward.web.drf.requests import ActorRequest
from stateward.web.drf.serializers import page_of
from stateward.web.drf.views import ApiView

PAGE = [OpenApiParameter("limit", int), OpenApiParameter("cursor")]
FILTERS = ("status", "severity", "check", "owner")


class FindingsView(ApiView):
    """The newest first."""

    @extend_schema(
        operation_id="list_compliance_findings",
        parameters=[
            OpenApiParameter("status", description="open, …, or unresolved"),
            OpenApiParameter("severity"),
            OpenApiParameter("check"),
            OpenApiParameter("owner", description="A member's id."),
            *PAGE,
        ],
        responses=page_of(FindingSerializer),
    )
    def get(self, request: ActorRequest) -> Response:
        known_parameters(request, *FILTERS)
        permit_reading(request.actor, request.call)
        found = findings_of(request.actor.tenant_id, _wanted(request))
        return page_by_id(request, found, finding_body, newest_first=True)


class FindingView(ApiView):
    """With its history and its exceptions."""

    @extend_schema(operation_id="get_compliance_finding", responses=FindingDetailSerializer)
    def get(self, request: ActorRequest, finding_id: UUID) -> Response:
        known_parameters(request)
        permit_reading(request.actor, request.call)
        finding = Finding.objects.filter(tenant_id=request.actor.tenant_id, id=finding_id).first()
        if finding is None:
            raise NotFound
        exceptions = exceptions_of(request.actor.tenant_id).filter(finding=finding)
        body = finding_body(finding) | {
            "history": [event_body(event) for event in finding.events.order_by("id")],
            "exceptions": [exception_body(risk) for risk in exceptions.order_by("id")],
        }
        return Response(body)

    @extend_schema(
        operation_id="change_compliance_finding",
        request=FindingChangeSerializer,
        responses=FindingSerializer,
    )
    def patch(self, request: ActorRequest, finding_id: UUID) -> Response:
        given = self.read(FindingChangeSerializer)
        changed = change_finding(
            request.actor,
            request.call,
            finding_id,
            status=given.get("status"),
            owner_id=given.get("owner", UNCHANGED),
            due_on=given.get("due_on", UNCHANGED),
        )
        return Response(finding_body(changed))


class ExceptionsView(ApiView):
    @extend_schema(
        operation_id="list_compliance_exceptions",
        parameters=PAGE,
        responses=page_of(ExceptionSerializer),
    )
    def get(self, request: ActorRequest) -> Response:
        known_parameters(request)
        permit_reading(request.actor, request.call)
        found = exceptions_of(request.actor.tenant_id)
        return page_by_id(request, found, exception_body, newest_first=True)

    @extend_schema(
        operation_id="accept_compliance_risk",
        request=NewExceptionSerializer,
        responses={201: ExceptionSerializer},
    )
    def post(self, request: ActorRequest) -> Response:
        given = self.read(NewExceptionSerializer)
        acceptance = Acceptance(given["reason"], given["expires_at"], given.get("owner"))
        risk = accept_risk(request.actor, request.call, given["finding"], acceptance)
        location = f"/api/v1/compliance/exceptions/{risk.id}"
        return Response(exception_body(risk), status=201, headers={"Location": location})


class ExceptionView(ApiView):
    @extend_schema(operation_id="get_compliance_exception", responses=ExceptionSerializer)
    def get(self, request: ActorRequest, exception_id: UUID) -> Response:
        known_parameters(request)
        permit_reading(request.actor, request.call)
        found = exceptions_of(request.actor.tenant_id).filter(id=exception_id).first()
        if found is None:
            raise NotFound
        return Response(exception_body(found))

    @extend_schema(operation_id="withdraw_compliance_exception", responses={204: None})
    def delete(self, request: ActorRequest, exception_id: UUID) -> Response:
        """End it before its day; the finding is open again."""
        withdraw_exception(request.actor, request.call, exception_id)
        return Response(status=204)


def _wanted(request: ActorRequest) -> Wanted:
    given: dict[str, Any] = {name: request.query_params.get(name) or None for name in FILTERS}
    allowed = {"status": (*STATUSES, "unresolved"), "severity": SEVERITIES}
    for name, values in allowed.items():
        if given[name] is not None and given[name] not in values:
            raise _malformed(name, f"one of {', '.join(values)}")
    owner = given["owner"]
    try:
        owner_id = UUID(owner) if owner else None
    except ValueError:
        raise _malformed("owner", "a member's id") from None
    check_id = (given["check"] or "")[:16].replace("\x00", "") or None
    return Wanted(given["status"], given["severity"], check_id, owner_id)


def _malformed(name: str, wanted: str) -> Malformed:
    said = f"The parameter {name} is {wanted}."
    return Malformed(said, errors=(Fault("", f"the parameter {name} is {wanted}"),))

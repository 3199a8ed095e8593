"""Subject requests over REST: parse, one service or query, render."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import orjson
from django.http import HttpResponse, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.response import Response

from governance.approvals.serializers import ApprovalSerializer, approval_body
from governance.privacy import queries
from governance.privacy.index import position_of
from governance.privacy.models import KINDS, STATES
from governance.privacy.rendering import event_body, preview_body, request_body
from governance.privacy.serializers import (
    NewSubjectRequestSerializer,
    SubjectAssigneeSerializer,
    SubjectEndSerializer,
    SubjectEventSerializer,
    SubjectPreviewSerializer,
    SubjectReasonSerializer,
    SubjectRequestSerializer,
)
from governance.privacy.services import answering, erasing, requests
from stateward.gate.policy.permits import permit, whole_tenant
from stateward.kernel.errors import Fault, Malformed, NotFound
from stateward.tenancy.scope import run_flow
from stateward.web.drf.pages import known_parameters, page_by_id
from stateward.web.drf.requests import ActorRequest
from stateward.web.drf.serializers import page_of
from stateward.web.drf.views import ApiView

PAGE = [OpenApiParameter("limit", int), OpenApiParameter("cursor")]


class SubjectRequestsView(ApiView):
    """Newest first."""

    @extend_schema(
        operation_id="list_subject_requests",
        parameters=[
            *PAGE,
            OpenApiParameter("state", enum=STATES),
            OpenApiParameter("kind", enum=KINDS),
        ],
        responses=page_of(SubjectRequestSerializer),
    )
    def get(self, request: ActorRequest) -> Response:
        known_parameters(request, "state", "kind")
        permit(request.actor, request.call, "subject.read", whole_tenant(request.actor))
        rows = queries.requests_of(request.actor.tenant_id)
        for name, known in (("state", STATES), ("kind", KINDS)):
            if (value := request.query_params.get(name)) is not None:
                if value not in known:
                    says = f"the parameter {name} has no value that is known here"
                    raise Malformed(f"{says.capitalize()}.", errors=(Fault("", says),))
                rows = rows.filter(**{name: value})
        return page_by_id(request, rows, request_body, newest_first=True)

    @extend_schema(
        operation_id="receive_subject_request",
        request=NewSubjectRequestSerializer,
        responses={201: SubjectRequestSerializer},
    )
    def post(self, request: ActorRequest) -> Response:
        fields: dict[str, Any] = self.read(NewSubjectRequestSerializer)
        named = [(one["kind"], one["value"]) for one in fields.pop("identifiers")]
        made = requests.receive_request(
            request.actor,
            request.call,
            identifiers=named,
            note_text=fields.pop("note"),
            **fields,
        )
        location = f"/api/v1/privacy/requests/{made.id}"
        return Response(request_body(made), status=201, headers={"Location": location})


class SubjectRequestView(ApiView):
    @extend_schema(operation_id="get_subject_request", responses=SubjectRequestSerializer)
    def get(self, request: ActorRequest, request_id: UUID) -> Response:
        known_parameters(request)
        permit(request.actor, request.call, "subject.read", whole_tenant(request.actor))
        found = requests.find_request(request.actor.tenant_id, request_id)
        return Response(request_body(found))


class SubjectHistoryView(ApiView):
    @extend_schema(
        operation_id="list_subject_request_history",
        parameters=PAGE,
        responses=page_of(SubjectEventSerializer),
    )
    def get(self, request: ActorRequest, request_id: UUID) -> Response:
        known_parameters(request)
        permit(request.actor, request.call, "subject.read", whole_tenant(request.actor))
        found = requests.find_request(request.actor.tenant_id, request_id)
        return page_by_id(request, queries.history_of(found), event_body, newest_first=True)


class SubjectPreviewView(ApiView):
    """What there is of the person in every store, and what an erasure now would come to."""

    @extend_schema(operation_id="preview_subject_request", responses=SubjectPreviewSerializer)
    def get(self, request: ActorRequest, request_id: UUID) -> Response:
        known_parameters(request)
        _, found = erasing.look(request.actor, request.call, request_id)
        complete_to = run_flow(position_of(request.actor.tenant_id))
        return Response(preview_body(found, complete_to))


class SubjectAssigneeView(ApiView):
    @extend_schema(
        operation_id="assign_subject_request",
        request=SubjectAssigneeSerializer,
        responses=SubjectRequestSerializer,
    )
    def put(self, request: ActorRequest, request_id: UUID) -> Response:
        fields = self.read(SubjectAssigneeSerializer)
        found = requests.assign_request(request.actor, request.call, request_id, **fields)
        return Response(request_body(found))


class SubjectExtensionView(ApiView):
    """Put the answer off by 60 days, once."""

    @extend_schema(
        operation_id="extend_subject_request",
        request=SubjectReasonSerializer,
        responses=SubjectRequestSerializer,
    )
    def post(self, request: ActorRequest, request_id: UUID) -> Response:
        reason = self.read(SubjectReasonSerializer)["reason"]
        found = requests.extend_request(request.actor, request.call, request_id, reason=reason)
        return Response(request_body(found))


class SubjectEndView(ApiView):
    """End it without doing what it asks."""

    @extend_schema(
        operation_id="end_subject_request",
        request=SubjectEndSerializer,
        responses=SubjectRequestSerializer,
    )
    def post(self, request: ActorRequest, request_id: UUID) -> Response:
        fields = self.read(SubjectEndSerializer)
        found = requests.close_request(request.actor, request.call, request_id, **fields)
        return Response(request_body(found))


class ErasureApprovalView(ApiView):
    """Ask somebody else to agree; with their vote the erasure begins."""

    @extend_schema(
        operation_id="ask_to_erase_subject",
        request=SubjectReasonSerializer,
        responses={201: ApprovalSerializer},
    )
    def post(self, request: ActorRequest, request_id: UUID) -> Response:
        reason = self.read(SubjectReasonSerializer)["reason"]
        asked = erasing.ask_to_erase(request.actor, request.call, request_id, reason=reason)
        location = f"/api/v1/approvals/{asked.id}"
        return Response(approval_body(asked), status=201, headers={"Location": location})


class ErasureView(ApiView):
    @extend_schema(
        operation_id="erase_subject", request=None, responses={202: SubjectRequestSerializer}
    )
    def post(self, request: ActorRequest, request_id: UUID) -> Response:
        found = erasing.erase_subject(request.actor, request.call, request_id)
        return Response(request_body(found), status=202)


class RestrictionView(ApiView):
    @extend_schema(
        operation_id="restrict_subject", request=None, responses=SubjectRequestSerializer
    )
    def put(self, request: ActorRequest, request_id: UUID) -> Response:
        found = answering.restrict_subject(request.actor, request.call, request_id)
        return Response(request_body(found))


class LiftingView(ApiView):
    @extend_schema(
        operation_id="lift_subject_restriction",
        request=SubjectReasonSerializer,
        responses=SubjectRequestSerializer,
    )
    def post(self, request: ActorRequest, request_id: UUID) -> Response:
        reason = self.read(SubjectReasonSerializer)["reason"]
        found = answering.lift_restriction(request.actor, request.call, request_id, reason=reason)
        return Response(request_body(found))


class SubjectCopyView(ApiView):
    """All values of the person, one JSON object a line. Recorded, and kept nowhere."""

    @extend_schema(
        operation_id="disclose_subject",
        responses={(200, "application/x-ndjson"): OpenApiTypes.STR},
    )
    def get(self, request: ActorRequest, request_id: UUID) -> StreamingHttpResponse:
        known_parameters(request)
        lines = answering.disclose(request.actor, request.call, request_id)
        return copy_response(request_id, lines)


class SubjectAnswerView(ApiView):
    """Say that the person has their copy."""

    @extend_schema(
        operation_id="answer_subject_request",
        request=SubjectReasonSerializer,
        responses=SubjectRequestSerializer,
    )
    def post(self, request: ActorRequest, request_id: UUID) -> Response:
        reason = self.read(SubjectReasonSerializer)["reason"]
        found = answering.answer_request(request.actor, request.call, request_id, reason=reason)
        return Response(request_body(found))


class CertificateView(ApiView):
    """A signed note, as a checkpoint is: verified offline with the sealing key's public half."""

    @extend_schema(
        operation_id="get_subject_certificate",
        responses={(200, "text/plain"): OpenApiTypes.STR},
    )
    def get(self, request: ActorRequest, request_id: UUID) -> HttpResponse:
        known_parameters(request)
        permit(request.actor, request.call, "subject.read", whole_tenant(request.actor))
        found = requests.find_request(request.actor.tenant_id, request_id)
        if not found.certificate:
            raise NotFound("There is no certificate of this request yet.")
        return certificate_response(request_id, found.certificate)


def certificate_response(request_id: UUID, text: str) -> HttpResponse:
    response = HttpResponse(text, content_type="text/plain; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="certificate-{request_id}.txt"'
    return response


def copy_response(request_id: UUID, lines: Any) -> StreamingHttpResponse:
    response = StreamingHttpResponse(
        (orjson.dumps(line) + b"\n" for line in lines), content_type="application/x-ndjson"
    )
    response["Content-Disposition"] = f'attachment; filename="copy-{request_id}.ndjson"'
    response["Cache-Control"] = "no-store"
    return response

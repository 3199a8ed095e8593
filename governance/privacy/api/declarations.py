"""Where persons are named, over REST."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.response import Response

from governance.privacy import queries
from governance.privacy.rendering import declaration_body
from governance.privacy.serializers import (
    DeclarationSerializer,
    NewDeclarationSerializer,
    SubjectIndexSerializer,
)
from governance.privacy.services import declarations
from stateward.gate.policy.permits import permit, whole_tenant
from stateward.kernel.clock import rfc3339
from stateward.web.drf.pages import known_parameters, page_by_id
from stateward.web.drf.requests import ActorRequest
from stateward.web.drf.serializers import page_of
from stateward.web.drf.views import ApiView

PAGE = [OpenApiParameter("limit", int), OpenApiParameter("cursor")]


class DeclarationsView(ApiView):
    @extend_schema(
        operation_id="list_subject_declarations",
        parameters=PAGE,
        responses=page_of(DeclarationSerializer),
    )
    def get(self, request: ActorRequest) -> Response:
        known_parameters(request)
        permit(request.actor, request.call, "subject.read", whole_tenant(request.actor))
        rows = queries.declarations_of(request.actor.tenant_id)
        return page_by_id(request, rows, declaration_body)

    @extend_schema(
        operation_id="declare_subjects",
        request=NewDeclarationSerializer,
        responses={201: DeclarationSerializer},
    )
    def post(self, request: ActorRequest) -> Response:
        fields = self.read(NewDeclarationSerializer)
        made = declarations.declare_subjects(request.actor, request.call, **fields)
        return Response(declaration_body(made), status=201)


class DeclarationView(ApiView):
    @extend_schema(operation_id="withdraw_subject_declaration", responses={204: None})
    def delete(self, request: ActorRequest, declaration_id: UUID) -> Response:
        declarations.withdraw_declaration(request.actor, request.call, declaration_id)
        return Response(status=204)


class IndexView(ApiView):
    """Up to when the subject index is complete."""

    @extend_schema(operation_id="get_subject_index", responses=SubjectIndexSerializer)
    def get(self, request: ActorRequest) -> Response:
        known_parameters(request)
        permit(request.actor, request.call, "subject.read", whole_tenant(request.actor))
        state = queries.index_state(request.actor.tenant_id)
        complete_to = rfc3339(state.complete_to) if state.complete_to else None
        return Response({"complete_to": complete_to, "entries": state.entries})

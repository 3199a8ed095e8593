"""Saved views of the audit over REST."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from governance.evidence.acts import permit_reading
from governance.evidence.models import AuditView
from governance.evidence.serializers import (
    AuditViewSerializer,
    AuditViewsSerializer,
    NewAuditViewSerializer,
)
from governance.evidence.views import remove_view, save_view, views_for
from stateward.kernel.clock import rfc3339
from stateward.tenancy.actors import Actor
from stateward.web.drf.pages import known_parameters
from stateward.web.drf.requests import ActorRequest
from stateward.web.drf.views import ApiView


class AuditViewsView(ApiView):
    """One's own, and those that others share."""

    @extend_schema(operation_id="list_audit_views", responses=AuditViewsSerializer)
    def get(self, request: ActorRequest) -> Response:
        known_parameters(request)
        permit_reading(request.actor, request.call)
        return Response({"items": [_body(one, request.actor) for one in views_for(request.actor)]})

    @extend_schema(
        operation_id="save_audit_view",
        request=NewAuditViewSerializer,
        responses={201: AuditViewSerializer},
    )
    def post(self, request: ActorRequest) -> Response:
        fields = self.read(NewAuditViewSerializer)
        view = save_view(request.actor, request.call, **fields)
        return Response(_body(view, request.actor), status=201)


class AuditViewView(ApiView):
    @extend_schema(operation_id="remove_audit_view", request=None, responses={204: None})
    def delete(self, request: ActorRequest, view_id: UUID) -> Response:
        remove_view(request.actor, request.call, view_id)
        return Response(status=204)


def _body(view: AuditView, actor: Actor) -> dict[str, Any]:
    return {
        "id": str(view.id),
        "name": view.name,
        "conditions": view.conditions,
        "is_shared": view.is_shared,
        "is_own": view.owner_id == actor.id,
        "owner": view.owner_name,
        "created_at": rfc3339(view.created_at),
    }

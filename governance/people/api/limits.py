"""Rate limits over REST: the tenant's, and one of each credential's."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from governance.people.serializers import RateLimitSerializer
from governance.people.services import limits
from stateward.kernel.errors import NotFound
from stateward.kernel.gcra import Pace
from stateward.web.drf.requests import ActorRequest
from stateward.web.drf.views import ApiView


class TenantRateLimitView(ApiView):
    """How often all callers of the tenant together may call. 404: as often as they like."""

    @extend_schema(operation_id="get_tenant_rate_limit", responses=RateLimitSerializer)
    def get(self, request: ActorRequest) -> Response:
        return Response(_body(limits.tenant_pace(request.actor, request.call)))

    @extend_schema(
        operation_id="set_tenant_rate_limit",
        request=RateLimitSerializer,
        responses=RateLimitSerializer,
    )
    def put(self, request: ActorRequest) -> Response:
        pace = _pace(self.read(RateLimitSerializer))
        limits.limit_tenant(actor=request.actor, call=request.call, pace=pace)
        return Response(_body(pace))

    @extend_schema(operation_id="lift_tenant_rate_limit", request=None, responses={204: None})
    def delete(self, request: ActorRequest) -> Response:
        limits.limit_tenant(actor=request.actor, call=request.call, pace=None)
        return Response(status=204)


class CredentialRateLimitView(ApiView):
    """How often one credential may call. 404: it has no limit of its own."""

    @extend_schema(operation_id="get_credential_rate_limit", responses=RateLimitSerializer)
    def get(self, request: ActorRequest, credential_id: UUID) -> Response:
        return Response(_body(limits.credential_pace(request.actor, request.call, credential_id)))

    @extend_schema(
        operation_id="set_credential_rate_limit",
        request=RateLimitSerializer,
        responses=RateLimitSerializer,
    )
    def put(self, request: ActorRequest, credential_id: UUID) -> Response:
        pace = _pace(self.read(RateLimitSerializer))
        limits.limit_credential(
            actor=request.actor, call=request.call, credential_id=credential_id, pace=pace
        )
        return Response(_body(pace))

    @extend_schema(operation_id="lift_credential_rate_limit", request=None, responses={204: None})
    def delete(self, request: ActorRequest, credential_id: UUID) -> Response:
        limits.limit_credential(
            actor=request.actor, call=request.call, credential_id=credential_id, pace=None
        )
        return Response(status=204)


def _pace(fields: dict[str, Any]) -> Pace:
    return Pace(fields["requests_per_second"], fields["burst"])


def _body(pace: Pace | None) -> dict[str, float]:
    if pace is None:
        raise NotFound
    return {"requests_per_second": pace.per_second, "burst": pace.burst}

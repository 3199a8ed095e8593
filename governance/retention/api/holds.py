"""Holds over REST: parse, one service or query, render."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.response import Response

from governance.approvals.serializers import ApprovalSerializer, approval_body
from governance.retention.queries import readable_hold, readable_holds
from governance.retention.serializers import (
    HoldSerializer,
    NewHoldSerializer,
    ReleaseSerializer,
)
from governance.retention.services.holds import (
    Custodian,
    ask_to_release,
    place_hold,
    release_hold,
)
from stateward.kernel.clock import rfc3339
from stateward.kernel.errors import Fault, Malformed
from stateward.state.models import Hold
from stateward.web.drf.pages import known_parameters, page_by_id
from stateward.web.drf.requests import ActorRequest
from stateward.web.drf.serializers import page_of
from stateward.web.drf.views import ApiView


class HoldsView(ApiView):
    @extend_schema(
        operation_id="list_holds",
        parameters=[
            OpenApiParameter("state", enum=["in_force", "released"]),
            OpenApiParameter("limit", int),
            OpenApiParameter("cursor"),
        ],
        responses=page_of(HoldSerializer),
    )
    def get(self, request: ActorRequest) -> Response:
        known_parameters(request, "state")
        holds = readable_holds(request.actor, request.call)
        match request.query_params.get("state"):
            case None:
                pass
            case "in_force":
                holds = holds.filter(released_at__isnull=True)
            case "released":
                holds = holds.filter(released_at__isnull=False)
            case _:
                raise Malformed(
                    "state is in_force or released.",
                    errors=(Fault("", "the parameter state is neither in_force nor released"),),
                )
        return page_by_id(request, holds, hold_body, newest_first=True)

    @extend_schema(
        operation_id="place_hold", request=NewHoldSerializer, responses={201: HoldSerializer}
    )
    def post(self, request: ActorRequest) -> Response:
        fields = self.read(NewHoldSerializer)
        custodian = fields.pop("custodian")
        hold = place_hold(
            request.actor,
            request.call,
            custodian=Custodian(**custodian) if custodian else None,
            **fields,
        )
        location = f"/api/v1/retention/holds/{hold.id}"
        return Response(hold_body(hold), status=201, headers={"Location": location})


class HoldView(ApiView):
    @extend_schema(operation_id="get_hold", responses=HoldSerializer)
    def get(self, request: ActorRequest, hold_id: UUID) -> Response:
        known_parameters(request)
        return Response(hold_body(readable_hold(request.actor, request.call, hold_id)))


class ReleaseView(ApiView):
    @extend_schema(operation_id="release_hold", request=ReleaseSerializer, responses=HoldSerializer)
    def post(self, request: ActorRequest, hold_id: UUID) -> Response:
        reason = self.read(ReleaseSerializer)["reason"]
        return Response(
            hold_body(release_hold(request.actor, request.call, hold_id, reason=reason))
        )


class ReleaseApprovalView(ApiView):
    """Ask the others who must agree to the release."""

    @extend_schema(
        operation_id="ask_to_release_hold",
        request=ReleaseSerializer,
        responses={201: ApprovalSerializer},
    )
    def post(self, request: ActorRequest, hold_id: UUID) -> Response:
        reason = self.read(ReleaseSerializer)["reason"]
        asked = ask_to_release(request.actor, request.call, hold_id, reason=reason)
        location = f"/api/v1/approvals/{asked.id}"
        return Response(approval_body(asked), status=201, headers={"Location": location})


def hold_body(hold: Hold) -> dict[str, Any]:
    return {
        "id": str(hold.id),
        "matter": hold.matter,
        "reason": hold.reason,
        "namespace": hold.namespace,
        "key_pattern": hold.key_pattern,
        "custodian": _principal(hold.custodian_type, hold.custodian_id, hold.custodian_name),
        "placed_at": rfc3339(hold.placed_at),
        "placed_by": _principal(hold.placed_by_type, hold.placed_by_id, hold.placed_by_name),
        "released_at": rfc3339(hold.released_at) if hold.released_at else None,
        "released_by": _principal(
            hold.released_by_type, hold.released_by_id, hold.released_by_name
        ),
        "release_reason": hold.release_reason,
    }


def _principal(kind: str, principal_id: UUID | None, name: str) -> dict[str, str] | None:
    if principal_id is None:
        return None
    return {"type": kind, "id": str(principal_id), "name": name}

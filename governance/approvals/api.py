"""Approvals over REST: parse, one service or query, render. Votes are a signed-in person's."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.response import Response

from governance.approvals.serializers import (
    ApprovalSerializer,
    ApprovalSettingSerializer,
    ApprovalSettingsSerializer,
    NewNumberSerializer,
    NewVoteSerializer,
    approval_body,
    number_body,
)
from stateward.gate.approvals import queries, services
from stateward.gate.approvals.settings import set_number
from stateward.kernel.errors import Fault, Malformed
from stateward.web.cursors import decode_cursor, encode_cursor
from stateward.web.drf.pages import known_parameters, limit_of, page
from stateward.web.drf.requests import ActorRequest
from stateward.web.drf.serializers import page_of
from stateward.web.drf.views import ApiView


class ApprovalsView(ApiView):
    """Requests the caller may see, newest first."""

    @extend_schema(
        operation_id="list_approvals",
        parameters=[
            OpenApiParameter("state", enum=queries.STATES),
            OpenApiParameter("limit", int),
            OpenApiParameter("cursor"),
        ],
        responses=page_of(ApprovalSerializer),
    )
    def get(self, request: ActorRequest) -> Response:
        known_parameters(request, "state")
        state = request.query_params.get("state")
        if state is not None and state not in queries.STATES:
            raise Malformed(
                f"state is one of {', '.join(queries.STATES)}.",
                errors=(Fault("", "the parameter state is not known"),),
            )
        found, following = queries.readable_requests(
            request.actor,
            request.call,
            state=state,
            after=_cursor_of(request.query_params.get("cursor")),
            limit=limit_of(request),
        )
        cursor = encode_cursor([str(following)]) if following else None
        return page([approval_body(one) for one in found], cursor)


class ApprovalView(ApiView):
    @extend_schema(operation_id="get_approval", responses=ApprovalSerializer)
    def get(self, request: ActorRequest, approval_id: UUID) -> Response:
        known_parameters(request)
        found = queries.readable_request(request.actor, request.call, approval_id)
        return Response(approval_body(found))

    @extend_schema(operation_id="withdraw_approval", responses={204: None})
    def delete(self, request: ActorRequest, approval_id: UUID) -> Response:
        services.withdraw(request.actor, request.call, approval_id)
        return Response(status=204)


class VotesView(ApiView):
    @extend_schema(
        operation_id="vote_on_approval",
        request=NewVoteSerializer,
        responses={201: ApprovalSerializer},
    )
    def post(self, request: ActorRequest, approval_id: UUID) -> Response:
        fields = self.read(NewVoteSerializer)
        voted = services.vote(request.actor, request.call, approval_id, **fields)
        return Response(approval_body(voted), status=201)


class SettingsView(ApiView):
    """For each kind of act, how many others must agree."""

    @extend_schema(operation_id="list_approval_settings", responses=ApprovalSettingsSerializer)
    def get(self, request: ActorRequest) -> Response:
        known_parameters(request)
        numbers = queries.numbers(request.actor, request.call)
        return Response({"items": [number_body(one) for one in numbers]})


class SettingView(ApiView):
    """One kind's number. A higher one holds at once; a lower one is asked for (202)."""

    @extend_schema(
        operation_id="set_approval_number",
        request=NewNumberSerializer,
        responses={200: ApprovalSettingSerializer, 202: ApprovalSerializer},
    )
    def put(self, request: ActorRequest, kind: str) -> Response:
        fields = self.read(NewNumberSerializer)
        asked = set_number(request.actor, request.call, kind, **fields)
        if asked is not None:
            location = f"/api/v1/approvals/{asked.id}"
            return Response(approval_body(asked), status=202, headers={"Location": location})
        numbers = queries.numbers(request.actor, request.call)
        [found] = [one for one in numbers if one.kind.name == kind]
        return Response(number_body(found))


def _cursor_of(cursor: str | None) -> UUID | None:
    if cursor is None:
        return None
    try:
        return UUID(str(decode_cursor(cursor, length=1)[0]))
    except ValueError:
        raise Malformed("The cursor is not one that was given out here.") from None

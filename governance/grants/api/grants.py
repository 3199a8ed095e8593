"""Grants over REST: parse, one service or query, render."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.response import Response

from governance.grants import preview
from governance.grants.acts import giver, manageable, readable
from governance.grants.lists import Filter, readable_grants
from governance.grants.models import Grant
from governance.grants.serializers import (
    GrantPreviewSerializer,
    GrantSerializer,
    NewGrantSerializer,
    grant_body,
)
from governance.grants.services.grants import Wanted, check, give, revoke
from stateward.kernel.errors import Malformed, NotFound
from stateward.web.cursors import decode_cursor, encode_cursor
from stateward.web.drf.pages import known_parameters, limit_of, page
from stateward.web.drf.requests import ActorRequest
from stateward.web.drf.serializers import page_of
from stateward.web.drf.views import ApiView
from stateward.web.sessions import check_recent_sign_in

PAGE = [OpenApiParameter("limit", int), OpenApiParameter("cursor")]
FILTERS = [
    OpenApiParameter("principal", description="type:id, such as group:0198…"),
    OpenApiParameter("object", description="type:id, such as namespace:airline"),
]


class GrantsView(ApiView):
    @extend_schema(
        operation_id="list_grants",
        parameters=[*PAGE, *FILTERS],
        responses=page_of(GrantSerializer),
    )
    def get(self, request: ActorRequest) -> Response:
        known_parameters(request, "principal", "object")
        wanted = Filter(
            principal=_pair(request, "principal"),
            object=_pair(request, "object"),
            before=_before(request),
        )
        found, following = readable_grants(
            request.actor, request.call, wanted, limit=limit_of(request)
        )
        items = [grant_body(grant) for grant in found]
        return page(items, encode_cursor([str(following)]) if following else None)

    @extend_schema(
        operation_id="give_grant",
        request=NewGrantSerializer,
        responses={201: GrantSerializer},
    )
    def post(self, request: ActorRequest) -> Response:
        wanted = _wanted(self.read(NewGrantSerializer))
        check_recent_sign_in(request)
        grant = give(actor=request.actor, call=request.call, wanted=wanted)
        location = f"/api/v1/grants/{grant.id}"
        return Response(grant_body(grant), status=201, headers={"Location": location})


class GrantPreviewView(ApiView):
    """What a grant would change, without giving it."""

    @extend_schema(
        operation_id="preview_grant",
        request=NewGrantSerializer,
        responses=GrantPreviewSerializer,
    )
    def post(self, request: ActorRequest) -> Response:
        wanted = _wanted(self.read(NewGrantSerializer))
        by = giver(request.actor, request.call)
        target, _ = manageable(by, *wanted.object)
        principal = check(by, wanted, target)
        found = preview.preview_giving(
            by.book,
            target,
            (principal.kind, principal.id),
            wanted.actions,
            restricted=wanted.restricted,
        )
        return Response(GrantPreviewSerializer(found).data)


class GrantView(ApiView):
    @extend_schema(operation_id="get_grant", responses=GrantSerializer)
    def get(self, request: ActorRequest, grant_id: UUID) -> Response:
        known_parameters(request)
        grant = Grant.objects.filter(tenant_id=request.actor.tenant_id, id=grant_id).first()
        if grant is None:
            raise NotFound
        readable(giver(request.actor, request.call), grant.object_type, grant.object_id)
        return Response(grant_body(grant))

    @extend_schema(operation_id="revoke_grant", request=None, responses={204: None})
    def delete(self, request: ActorRequest, grant_id: UUID) -> Response:
        check_recent_sign_in(request)
        revoke(actor=request.actor, call=request.call, grant_id=grant_id)
        return Response(status=204)


def _wanted(fields: dict[str, dict[str, str]]) -> Wanted:
    principal, about = fields.pop("principal"), fields.pop("object")
    rest: dict[str, object] = dict(fields)
    return Wanted(
        principal=(principal["type"], principal["id"]),
        object=(about["type"], about["id"]),
        actions=frozenset(rest.pop("actions")),  # type: ignore[call-overload]  # a list of texts
        **rest,  # type: ignore[arg-type]  # as the serializer declares them
    )


def _pair(request: ActorRequest, name: str) -> tuple[str, str] | None:
    text = request.query_params.get(name)
    if text is None:
        return None
    kind, colon, found = text.partition(":")
    if not colon:
        raise Malformed(f"{name} is type:id.")
    return kind, found


def _before(request: ActorRequest) -> UUID | None:
    cursor = request.query_params.get("cursor")
    if cursor is None:
        return None
    try:
        return UUID(str(decode_cursor(cursor, length=1)[0]))
    except ValueError:
        raise Malformed("The cursor is not one that was given out here.") from None

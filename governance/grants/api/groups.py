"""Groups of members over REST."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.response import Response

from governance.grants.models import Group, GroupMember
from governance.grants.queries import members_of
from governance.grants.serializers import (
    GroupChangesSerializer,
    GroupMemberSerializer,
    GroupSerializer,
    NewGroupSerializer,
)
from governance.grants.services import groups
from governance.people.acts import permit
from stateward.web.drf.pages import known_parameters, page_by_id
from stateward.web.drf.requests import ActorRequest
from stateward.web.drf.serializers import StrictSerializer, page_of
from stateward.web.drf.views import ApiView
from stateward.web.sessions import check_recent_sign_in

PAGE = [OpenApiParameter("limit", int), OpenApiParameter("cursor")]


class GroupsView(ApiView):
    @extend_schema(operation_id="list_groups", parameters=PAGE, responses=page_of(GroupSerializer))
    def get(self, request: ActorRequest) -> Response:
        known_parameters(request)
        permit(request.actor, request.call, "grant.read", groups.all_groups(request.actor))
        return page_by_id(request, Group.objects.filter(tenant_id=request.actor.tenant_id), _group)

    @extend_schema(
        operation_id="create_group", request=NewGroupSerializer, responses={201: GroupSerializer}
    )
    def post(self, request: ActorRequest) -> Response:
        fields = self.read(NewGroupSerializer)
        group = groups.create_group(actor=request.actor, call=request.call, **fields)
        location = f"/api/v1/groups/{group.id}"
        return Response(_group(group), status=201, headers={"Location": location})


class GroupView(ApiView):
    @extend_schema(operation_id="get_group", responses=GroupSerializer)
    def get(self, request: ActorRequest, group_id: UUID) -> Response:
        known_parameters(request)
        return Response(_group(groups.find_group(request.actor, request.call, group_id)))

    @extend_schema(
        operation_id="change_group", request=GroupChangesSerializer, responses=GroupSerializer
    )
    def patch(self, request: ActorRequest, group_id: UUID) -> Response:
        fields = self.read(GroupChangesSerializer)
        group = groups.change_group(
            actor=request.actor, call=request.call, group_id=group_id, fields=fields
        )
        return Response(_group(group))

    @extend_schema(operation_id="delete_group", request=None, responses={204: None})
    def delete(self, request: ActorRequest, group_id: UUID) -> Response:
        check_recent_sign_in(request)
        groups.delete_group(actor=request.actor, call=request.call, group_id=group_id)
        return Response(status=204)


class GroupMembersView(ApiView):
    @extend_schema(
        operation_id="list_group_members",
        parameters=PAGE,
        responses=page_of(GroupMemberSerializer),
    )
    def get(self, request: ActorRequest, group_id: UUID) -> Response:
        known_parameters(request)
        group = groups.find_group(request.actor, request.call, group_id)
        return page_by_id(request, members_of(group), _member)


class GroupMemberView(ApiView):
    @extend_schema(operation_id="add_group_member", request=None, responses=GroupMemberSerializer)
    def put(self, request: ActorRequest, group_id: UUID, member_id: UUID) -> Response:
        self.read_optional(StrictSerializer)
        check_recent_sign_in(request)
        added = groups.add_member(
            actor=request.actor, call=request.call, group_id=group_id, member_id=member_id
        )
        return Response(_member(added))

    @extend_schema(operation_id="remove_group_member", request=None, responses={204: None})
    def delete(self, request: ActorRequest, group_id: UUID, member_id: UUID) -> Response:
        check_recent_sign_in(request)
        groups.remove_member(
            actor=request.actor, call=request.call, group_id=group_id, member_id=member_id
        )
        return Response(status=204)


def _group(group: Group) -> dict[str, object]:
    return dict(GroupSerializer(group).data)


def _member(row: GroupMember) -> dict[str, object]:
    return dict(GroupMemberSerializer(row).data)

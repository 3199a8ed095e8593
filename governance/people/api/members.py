"""Members and invitations over REST."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from governance.people.acts import permit
from governance.people.models import Invitation
from governance.people.queries import open_invitations
from governance.people.serializers import (
    AcceptanceSerializer,
    InvitationSerializer,
    MemberSerializer,
    NewInvitationAnswerSerializer,
    NewInvitationSerializer,
    RolesSerializer,
)
from governance.people.services import invitations, members
from stateward.gate.policy.requests import Resource
from stateward.kernel.errors import NotFound
from stateward.tenancy.models import Member, Person
from stateward.web.drf.authentication import enforce_csrf
from stateward.web.drf.pages import known_parameters, page_by_id
from stateward.web.drf.requests import ActorRequest
from stateward.web.drf.serializers import StrictSerializer, page_of
from stateward.web.drf.views import ApiView
from stateward.web.sessions import check_recent_sign_in


class MembersView(ApiView):
    @extend_schema(operation_id="list_members", responses=page_of(MemberSerializer))
    def get(self, request: ActorRequest) -> Response:
        known_parameters(request)
        permit(request.actor, request.call, "member.read", Resource("member", ""))
        rows = Member.objects.filter(tenant_id=request.actor.tenant_id).select_related("person")
        return page_by_id(request, rows, _member)


class MemberView(ApiView):
    @extend_schema(operation_id="get_member", responses=MemberSerializer)
    def get(self, request: ActorRequest, member_id: UUID) -> Response:
        rows = Member.objects.select_related("person")
        member = rows.filter(tenant_id=request.actor.tenant_id, id=member_id).first()
        if member is None:
            raise NotFound
        about = members.resource_of(member)
        if member.id != request.actor.id:
            permit(request.actor, request.call, "member.read", about, known_by="member.read")
        return Response(_member(member))

    @extend_schema(
        operation_id="change_member_roles", request=RolesSerializer, responses=MemberSerializer
    )
    def patch(self, request: ActorRequest, member_id: UUID) -> Response:
        roles = self.read(RolesSerializer)["roles"]
        check_recent_sign_in(request)
        member = members.change_roles(
            actor=request.actor, call=request.call, member_id=member_id, roles=roles
        )
        return Response(_member(member))

    @extend_schema(operation_id="remove_member", request=None, responses={204: None})
    def delete(self, request: ActorRequest, member_id: UUID) -> Response:
        check_recent_sign_in(request)
        members.remove_member(actor=request.actor, call=request.call, member_id=member_id)
        return Response(status=204)


class MemberSuspensionView(ApiView):
    @extend_schema(operation_id="suspend_member", request=None, responses=MemberSerializer)
    def put(self, request: ActorRequest, member_id: UUID) -> Response:
        self.read_optional(StrictSerializer)
        member = members.suspend_member(actor=request.actor, call=request.call, member_id=member_id)
        return Response(_member(member))

    @extend_schema(operation_id="resume_member", request=None, responses=MemberSerializer)
    def delete(self, request: ActorRequest, member_id: UUID) -> Response:
        member = members.resume_member(actor=request.actor, call=request.call, member_id=member_id)
        return Response(_member(member))


class InvitationsView(ApiView):
    secret_members = ("link",)

    @extend_schema(operation_id="list_invitations", responses=page_of(InvitationSerializer))
    def get(self, request: ActorRequest) -> Response:
        known_parameters(request)
        permit(request.actor, request.call, "member.read", Resource("member", ""))
        rows = open_invitations(request.actor.tenant_id)
        return page_by_id(request, rows, _invitation, newest_first=True)

    @extend_schema(
        operation_id="invite_member",
        request=NewInvitationSerializer,
        responses={201: NewInvitationAnswerSerializer},
    )
    def post(self, request: ActorRequest) -> Response:
        fields = self.read(NewInvitationSerializer)
        check_recent_sign_in(request)
        invited = invitations.invite(actor=request.actor, call=request.call, **fields)
        body = _invitation(invited.invitation) | {"link": invited.link.url}
        return Response(body, status=201)


class InvitationView(ApiView):
    @extend_schema(operation_id="withdraw_invitation", request=None, responses={204: None})
    def delete(self, request: ActorRequest, invitation_id: UUID) -> Response:
        invitations.withdraw_invitation(
            actor=request.actor, call=request.call, invitation_id=invitation_id
        )
        return Response(status=204)


class AcceptanceView(ApiView):
    """Opening a one-time link. Who holds it needs no other credential."""

    public = True

    @extend_schema(
        operation_id="accept_invitation",
        request=AcceptanceSerializer,
        responses={201: MemberSerializer},
        auth=[],
    )
    def post(self, request: ActorRequest) -> Response:
        fields = self.read(AcceptanceSerializer)
        person = request._request.user
        if isinstance(person, Person):
            enforce_csrf(request._request)
        member = invitations.accept_invitation(
            fields["link"],
            call=request.call,
            name=fields.get("name", ""),
            password=fields.get("password", ""),
            person=person if isinstance(person, Person) else None,
        )
        return Response(_member(member), status=201)


def _member(member: Member) -> dict[str, object]:
    return MemberSerializer(member).data


def _invitation(invitation: Invitation) -> dict[str, object]:
    return InvitationSerializer(invitation).data

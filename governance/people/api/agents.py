"""Agents and their keys over REST."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from governance.people.exceptions import PeopleOnly
from governance.people.serializers import (
    AgentChangesSerializer,
    AgentSerializer,
    CredentialSerializer,
    IssuedCredentialSerializer,
    NewAgentSerializer,
    NewCredentialSerializer,
    PauseSerializer,
    RotationSerializer,
)
from governance.people.services import agents, credentials
from stateward.tenancy.models import Agent, Credential, Member
from stateward.web.cursors import encode_cursor
from stateward.web.drf.pages import (
    after_cursor,
    known_parameters,
    limit_of,
    page,
    page_by_id,
)
from stateward.web.drf.requests import ActorRequest
from stateward.web.drf.serializers import page_of
from stateward.web.drf.views import ApiView
from stateward.web.sessions import check_recent_sign_in


class AgentsView(ApiView):
    @extend_schema(operation_id="list_agents", responses=page_of(AgentSerializer))
    def get(self, request: ActorRequest) -> Response:
        known_parameters(request, "status")
        rows = after_cursor(request, Agent.objects.filter(tenant_id=request.actor.tenant_id))
        if (status := request.query_params.get("status")) is not None:
            rows = rows.filter(status=status)
        found, more = agents.readable_agents(
            request.actor, request.call, rows.order_by("id"), limit=limit_of(request)
        )
        items = [_agent(one) for one in found]
        return page(items, encode_cursor([str(found[-1].id)]) if more else None)

    @extend_schema(
        operation_id="create_agent", request=NewAgentSerializer, responses={201: AgentSerializer}
    )
    def post(self, request: ActorRequest) -> Response:
        fields = self.read(NewAgentSerializer)
        agent = agents.create_agent(actor=request.actor, call=request.call, fields=fields)
        headers = {"Location": f"/api/v1/agents/{agent.id}"}
        return Response(_agent(agent), status=201, headers=headers)


class AgentView(ApiView):
    @extend_schema(operation_id="get_agent", responses=AgentSerializer)
    def get(self, request: ActorRequest, agent_id: UUID) -> Response:
        return Response(_agent(agents.find_agent(request.actor, request.call, agent_id)))

    @extend_schema(
        operation_id="change_agent", request=AgentChangesSerializer, responses=AgentSerializer
    )
    def patch(self, request: ActorRequest, agent_id: UUID) -> Response:
        fields = self.read(AgentChangesSerializer)
        agent = agents.change_agent(
            actor=request.actor, call=request.call, agent_id=agent_id, fields=fields
        )
        return Response(_agent(agent))

    @extend_schema(operation_id="retire_agent", request=None, responses={204: None})
    def delete(self, request: ActorRequest, agent_id: UUID) -> Response:
        agents.retire_agent(actor=request.actor, call=request.call, agent_id=agent_id)
        return Response(status=204)


class AgentPauseView(ApiView):
    """Every call of a paused agent is refused, from its next one on."""

    @extend_schema(operation_id="pause_agent", request=PauseSerializer, responses=AgentSerializer)
    def put(self, request: ActorRequest, agent_id: UUID) -> Response:
        reason = self.read_optional(PauseSerializer).get("reason", "")
        agent = agents.pause_agent(
            actor=request.actor, call=request.call, agent_id=agent_id, reason=reason
        )
        return Response(_agent(agent))

    @extend_schema(operation_id="resume_agent", request=None, responses=AgentSerializer)
    def delete(self, request: ActorRequest, agent_id: UUID) -> Response:
        agent = agents.resume_agent(actor=request.actor, call=request.call, agent_id=agent_id)
        return Response(_agent(agent))


class AgentCredentialsView(ApiView):
    secret_members = ("api_key",)

    @extend_schema(operation_id="list_agent_credentials", responses=page_of(CredentialSerializer))
    def get(self, request: ActorRequest, agent_id: UUID) -> Response:
        known_parameters(request)
        agent = agents.find_agent(request.actor, request.call, agent_id)
        rows = Credential.objects.filter(tenant_id=request.actor.tenant_id, agent=agent)
        return page_by_id(request, rows, _credential, newest_first=True)

    @extend_schema(
        operation_id="issue_agent_credential",
        request=NewCredentialSerializer,
        responses={201: IssuedCredentialSerializer},
    )
    def post(self, request: ActorRequest, agent_id: UUID) -> Response:
        fields = self.read(NewCredentialSerializer)
        agent = agents.find_agent(request.actor, request.call, agent_id)
        issued = credentials.issue_credential(
            actor=request.actor, call=request.call, holder=agent, **fields
        )
        return Response(_issued(issued), status=201)


class OwnCredentialsView(ApiView):
    """A member's personal tokens."""

    secret_members = ("api_key",)

    @extend_schema(operation_id="list_own_credentials", responses=page_of(CredentialSerializer))
    def get(self, request: ActorRequest) -> Response:
        known_parameters(request)
        rows = Credential.objects.filter(tenant_id=request.actor.tenant_id)
        mine = rows.filter(member_id=request.actor.id)
        return page_by_id(request, mine, _credential, newest_first=True)

    @extend_schema(
        operation_id="issue_own_credential",
        request=NewCredentialSerializer,
        responses={201: IssuedCredentialSerializer},
    )
    def post(self, request: ActorRequest) -> Response:
        check_recent_sign_in(request)
        fields = self.read(NewCredentialSerializer)
        member = Member.objects.filter(id=request.actor.id).first()
        if member is None:
            raise PeopleOnly
        issued = credentials.issue_credential(
            actor=request.actor, call=request.call, holder=member, **fields
        )
        return Response(_issued(issued), status=201)


class CredentialView(ApiView):
    @extend_schema(operation_id="revoke_credential", request=None, responses={204: None})
    def delete(self, request: ActorRequest, credential_id: UUID) -> Response:
        credentials.revoke_credential(
            actor=request.actor, call=request.call, credential_id=credential_id
        )
        return Response(status=204)


class CredentialRotationView(ApiView):
    secret_members = ("api_key",)

    @extend_schema(
        operation_id="rotate_credential",
        request=RotationSerializer,
        responses={201: IssuedCredentialSerializer},
    )
    def post(self, request: ActorRequest, credential_id: UUID) -> Response:
        fields = self.read_optional(RotationSerializer)
        overlap = timedelta(seconds=fields.get("overlap_seconds", 86_400))
        issued = credentials.rotate_credential(
            actor=request.actor, call=request.call, credential_id=credential_id, overlap=overlap
        )
        return Response(_issued(issued), status=201)


def _agent(agent: Agent) -> dict[str, object]:
    return AgentSerializer(agent).data


def _credential(credential: Credential) -> dict[str, object]:
    return CredentialSerializer(credential).data


def _issued(issued: credentials.Issued) -> dict[str, object]:
    return _credential(issued.credential) | {"api_key": issued.api_key}

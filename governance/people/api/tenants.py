"""Tenants over REST: one's own, its way out, and, for operators, all of them."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from governance.people.acts import permit
from governance.people.exceptions import NotClosed
from governance.people.models import Closure
from governance.people.queries import limits_of
from governance.people.serializers import (
    ClosingSerializer,
    ClosureSerializer,
    ConfirmationSerializer,
    LimitsSerializer,
    NewTenantSerializer,
    OwnTenantSerializer,
    TenantChangesSerializer,
    TenantSerializer,
)
from governance.people.services import tenants
from stateward.tenancy.models import Tenant
from stateward.tenancy.scope import tenant_scope
from stateward.web.drf.pages import known_parameters, page_by_id
from stateward.web.drf.requests import ActorRequest
from stateward.web.drf.serializers import StrictSerializer, page_of
from stateward.web.drf.views import ApiView
from stateward.web.sessions import check_recent_sign_in


class OwnTenantView(ApiView):
    answers_when_closed = True

    @extend_schema(operation_id="get_tenant", responses=OwnTenantSerializer)
    def get(self, request: ActorRequest) -> Response:
        tenant = Tenant.objects.get(id=request.actor.tenant_id)
        if tenant.status == Tenant.Status.ACTIVE:
            about = tenants.resource_of(tenant)
            permit(request.actor, request.call, "tenant.read", about)
        return Response(_own(tenant))

    @extend_schema(
        operation_id="change_tenant",
        request=TenantChangesSerializer,
        responses=OwnTenantSerializer,
    )
    def patch(self, request: ActorRequest) -> Response:
        fields = self.read(TenantChangesSerializer)
        tenant = tenants.change_tenant(actor=request.actor, call=request.call, **fields)
        return Response(_own(tenant))


class ClosureView(ApiView):
    """A closed tenant answers nobody but its owners here."""

    answers_when_closed = True

    @extend_schema(operation_id="get_closure", responses=ClosureSerializer)
    def get(self, request: ActorRequest) -> Response:
        closure = Closure.objects.filter(tenant_id=request.actor.tenant_id).first()
        if closure is None:
            raise NotClosed
        return Response(_closure(closure))

    @extend_schema(
        operation_id="close_tenant", request=ClosingSerializer, responses=ClosureSerializer
    )
    def put(self, request: ActorRequest) -> Response:
        reason = self.read_optional(ClosingSerializer).get("reason", "")
        check_recent_sign_in(request)
        closure = tenants.close_tenant(actor=request.actor, call=request.call, reason=reason)
        return Response(_closure(closure))

    @extend_schema(operation_id="reopen_tenant", request=None, responses=OwnTenantSerializer)
    def delete(self, request: ActorRequest) -> Response:
        check_recent_sign_in(request)
        return Response(_own(tenants.reopen_tenant(actor=request.actor, call=request.call)))


class DeletionView(ApiView):
    answers_when_closed = True

    @extend_schema(
        operation_id="ask_for_deletion",
        request=ConfirmationSerializer,
        responses=ClosureSerializer,
    )
    def put(self, request: ActorRequest) -> Response:
        slug = self.read(ConfirmationSerializer)["slug"]
        check_recent_sign_in(request)
        closure = tenants.ask_for_deletion(actor=request.actor, call=request.call, slug=slug)
        return Response(_closure(closure))


class DeletionApprovalView(ApiView):
    answers_when_closed = True

    @extend_schema(operation_id="approve_deletion", request=None, responses=ClosureSerializer)
    def put(self, request: ActorRequest) -> Response:
        self.read_optional(StrictSerializer)
        check_recent_sign_in(request)
        return Response(_closure(tenants.approve_deletion(actor=request.actor, call=request.call)))


class TenantsView(ApiView):
    for_operators = True

    @extend_schema(operation_id="list_tenants", responses=page_of(TenantSerializer))
    def get(self, request: ActorRequest) -> Response:
        known_parameters(request)
        tenants.check_operator(request.actor)
        return page_by_id(request, Tenant.objects.all(), _tenant)

    @extend_schema(
        operation_id="create_tenant", request=NewTenantSerializer, responses={201: TenantSerializer}
    )
    def post(self, request: ActorRequest) -> Response:
        fields = self.read(NewTenantSerializer)
        tenant = tenants.create_tenant(
            actor=request.actor,
            call=request.call,
            slug=fields["slug"],
            name=fields.get("name", ""),
        )
        return Response(_tenant(tenant), status=201)


class OperatorApprovalView(ApiView):
    """The platform's operator as the second person of a deletion."""

    for_operators = True

    @extend_schema(
        operation_id="approve_deletion_as_operator", request=None, responses=ClosureSerializer
    )
    def put(self, request: ActorRequest, tenant_id: UUID) -> Response:
        self.read_optional(StrictSerializer)
        tenants.check_operator(request.actor)
        check_recent_sign_in(request)
        with tenant_scope(tenant_id):
            closure = tenants.approve_deletion(
                actor=request.actor, call=request.call, tenant_id=tenant_id
            )
        return Response(_closure(closure))


def _tenant(tenant: Tenant) -> dict[str, object]:
    return TenantSerializer(tenant).data


def _own(tenant: Tenant) -> dict[str, object]:
    limits = LimitsSerializer(limits_of(tenant.id)).data
    return _tenant(tenant) | {"limits": limits}


def _closure(closure: Closure) -> dict[str, object]:
    return ClosureSerializer(closure).data

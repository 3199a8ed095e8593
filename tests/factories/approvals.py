"""Tenants whose people agree to each other's acts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from governance.people.acts import system_call
from stateward.gate.approvals import services
from stateward.gate.approvals.models import ApprovalRequest, ApprovalSetting
from stateward.tenancy.actors import Actor
from stateward.tenancy.models import Member, Tenant
from stateward.tenancy.scope import tenant_scope
from tests.factories.api import new_tenant
from tests.factories.tenants import make_member, make_person


@dataclass
class Circle:
    """One tenant with owners who sign in."""

    tenant: Tenant
    members: list[Member]

    def actor(self, number: int, **other: Any) -> Actor:
        member = self.members[number]
        fields = {"auth_method": "session", **other}
        return Actor(
            "member",
            member.id,
            f"Owner {number}",
            self.tenant.id,
            self.tenant.slug,
            tuple(member.roles),
            **fields,
        )

    def number(self, kind: str, number: int) -> None:
        """What the tenant asks for, set without asking."""
        set_number(self.tenant.id, kind, number)

    def vote(self, number: int, request: ApprovalRequest, **how: Any) -> ApprovalRequest:
        said = {"verdict": "approve", "sha256": request.sha256, **how}
        return services.vote(self.actor(number), system_call(), request.id, **said)


def set_number(tenant_id: UUID, kind: str, number: int) -> None:
    with tenant_scope(tenant_id):
        ApprovalSetting.objects.update_or_create(
            tenant_id=tenant_id, kind=kind, defaults={"number": number}
        )


def make_circle(size: int = 3, *roles: str) -> Circle:
    tenant = new_tenant()
    people = [make_person(name=f"Owner {number}") for number in range(size)]
    members = [make_member(tenant, *(roles or ("owner",)), person=one) for one in people]
    return Circle(tenant, members)

"""Questions about who there is that are asked before a tenant is chosen."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from stateward.tenancy.models import Member, Tenant
from stateward.tenancy.scope import person_scope


@dataclass(frozen=True, slots=True)
class Membership:
    """One tenant that a person may work in."""

    member_id: UUID
    tenant_id: UUID
    tenant_slug: str
    tenant_name: str
    is_closed: bool
    roles: tuple[str, ...]


def memberships_of(person_id: UUID) -> list[Membership]:
    """Where this person is an active member, oldest membership first."""
    with person_scope(person_id):
        members = Member.objects.filter(person_id=person_id, is_active=True)
        rows = list(members.select_related("tenant").order_by("id"))
    return [
        Membership(
            member_id=member.id,
            tenant_id=member.tenant_id,
            tenant_slug=member.tenant.slug,
            tenant_name=member.tenant.name,
            is_closed=member.tenant.status != Tenant.Status.ACTIVE,
            roles=tuple(member.roles),
        )
        for member in rows
    ]

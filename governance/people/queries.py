"""Questions about a tenant's people and programs. All inside the tenant's scope."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from governance.people.models import Invitation, TenantLimits
from governance.people.rules import OWNER
from stateward.tenancy.models import Credential, Member


def limits_of(tenant_id: UUID) -> TenantLimits:
    """The tenant's limits, or the defaults."""
    found = TenantLimits.objects.filter(tenant_id=tenant_id).first()
    return found or TenantLimits(tenant_id=tenant_id)


def active_owners(tenant_id: UUID) -> list[UUID]:
    """The members who can act as owners now, their rows locked: no other transaction removes one
    meanwhile.

    Every owner's row is locked in id order, so that two who remove each other wait rather than both
    succeed.
    """
    owners = Member.objects.select_for_update(of=("self",)).filter(
        tenant_id=tenant_id, roles__contains=[OWNER]
    )
    rows = owners.select_related("person").order_by("id")
    return [member.id for member in rows if member.is_active and member.person.is_active]


def working_credentials(tenant_id: UUID) -> QuerySet[Credential, Credential]:
    """Those that open anything now."""
    alive = Q(expires_at__isnull=True) | Q(expires_at__gt=Now())
    return Credential.objects.filter(alive, tenant_id=tenant_id, revoked_at__isnull=True)


def open_invitations(tenant_id: UUID) -> QuerySet[Invitation, Invitation]:
    """Those that still can be accepted."""
    return Invitation.objects.filter(
        tenant_id=tenant_id,
        accepted_at__isnull=True,
        withdrawn_at__isnull=True,
        expires_at__gt=Now(),
    )

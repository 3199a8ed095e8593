"""What managing people needs beyond who there is: a tenant's limits, invitations, and the way a
tenant ends.
"""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from stateward.kernel.ids import uuid7
from stateward.tenancy.models import Tenant


class TenantLimits(models.Model):
    """Limits a tenant sets itself; a tenant without a row has the defaults."""

    tenant = models.OneToOneField(Tenant, models.CASCADE, primary_key=True, related_name="limits")
    most_credential_days = models.PositiveIntegerField(default=365)
    invitation_days = models.PositiveIntegerField(default=7)
    deletion_grace_days = models.PositiveIntegerField(default=30)

    class Meta:
        db_table = "stateward_tenant_limits"

    def __str__(self) -> str:
        return f"limits of {self.tenant_id}"

    @property
    def invitation_life(self) -> timedelta:
        return timedelta(days=self.invitation_days)

    @property
    def deletion_grace(self) -> timedelta:
        return timedelta(days=self.deletion_grace_days)


class Invitation(models.Model):
    """A one-time link that makes its reader a member. Only a hash of the link is kept."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="invitations")
    email = models.EmailField()
    roles = ArrayField(models.CharField(max_length=16))
    secret_hash = models.BinaryField()
    invited_by = models.CharField(max_length=200)
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "stateward_invitation"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant", "email"],
                condition=models.Q(accepted_at__isnull=True, withdrawn_at__isnull=True),
                name="one_open_invitation",
            )
        ]

    def __str__(self) -> str:
        return f"invitation {self.id}"


class Closure(models.Model):
    """A closed tenant's way out: it may be reopened, or two people may have it deleted after the
    grace.

    People are compared as people, not as members or sessions: one with two accounts of a tenant is
    still one.
    """

    tenant = models.OneToOneField(Tenant, models.CASCADE, primary_key=True, related_name="closure")
    reason = models.TextField(blank=True)
    closed_by = models.UUIDField()
    closed_at = models.DateTimeField(db_default=Now())
    delete_after = models.DateTimeField()
    asked_by = models.UUIDField(null=True)
    asked_at = models.DateTimeField(null=True)
    approved_by = models.UUIDField(null=True)
    approved_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "stateward_closure"

    def __str__(self) -> str:
        return f"closure of {self.tenant_id}"

"""A tenant's policies: their texts, which of them is in force, and since when.

A version never changes once written; putting one in force is a row of its own, so that "what was
the rule at time T" is answered by history.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from stateward.gate.policy.levels import Level
from stateward.kernel.ids import uuid7
from stateward.tenancy.models import Tenant


class Policy(models.Model):
    """A named rule of a tenant's own. Its text lies in its versions."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="policies")
    name = models.CharField(max_length=100)
    description = models.TextField(blank=True)
    active_version = models.PositiveIntegerField(null=True)  # null: not in force
    # How firmly the active version decides; "hard" while none is.
    level: models.CharField[Level, Level] = models.CharField(
        max_length=8, default="hard", db_default="hard"
    )
    latest_version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "stateward_policy"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "name"], name="policy_name_once_per_tenant")
        ]

    def __str__(self) -> str:
        return self.name


class PolicyVersion(models.Model):
    """One text of a policy, named by number and content. Never changed."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+")
    policy = models.ForeignKey(Policy, models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    text = models.TextField()
    sha256 = models.CharField(max_length=64)  # of the text, in hex
    statements = models.PositiveIntegerField()
    note = models.TextField(blank=True)
    author_type = models.CharField(max_length=16)
    author_id = models.UUIDField()
    author_name = models.CharField(max_length=200)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "stateward_policy_version"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant", "policy", "number"], name="policy_version_number_once"
            )
        ]

    def __str__(self) -> str:
        return f"version {self.number}"


class PolicyActivation(models.Model):
    """One change of what is in force: from one version, or none, to another, or none."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+")
    policy = models.ForeignKey(Policy, models.CASCADE, related_name="activations")
    from_version = models.PositiveIntegerField(null=True)
    to_version = models.PositiveIntegerField(null=True)
    from_level: models.CharField[Level, Level] = models.CharField(
        max_length=8, default="hard", db_default="hard"
    )
    to_level: models.CharField[Level, Level] = models.CharField(
        max_length=8, default="hard", db_default="hard"
    )
    # Rolled back at once, without the agreement it would have taken: others look at it afterwards.
    is_emergency = models.BooleanField(default=False, db_default=False)
    actor_type = models.CharField(max_length=16)
    actor_id = models.UUIDField()
    actor_name = models.CharField(max_length=200)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "stateward_policy_activation"

    def __str__(self) -> str:
        return f"{self.from_version} → {self.to_version}"


class PolicyOverride(models.Model):
    """An exception from a soft policy that two people agreed to. It ends by itself."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+")
    policy = models.ForeignKey(Policy, models.CASCADE, related_name="overrides")
    principal_type = models.CharField(max_length=16)
    principal_id = models.CharField(max_length=64)
    action = models.CharField(max_length=64)
    resource_type = models.CharField(max_length=16)
    resource_id = models.CharField(max_length=1200)
    reason = models.TextField()
    approvals = models.JSONField(default=list)  # ids of the votes it rests on
    given_at = models.DateTimeField(db_default=Now())
    ends_at = models.DateTimeField()

    class Meta:
        db_table = "stateward_policy_override"
        indexes: ClassVar = [
            models.Index(fields=["tenant", "ends_at"], name="policy_override_until")
        ]

    def __str__(self) -> str:
        return f"{self.action} until {self.ends_at}"

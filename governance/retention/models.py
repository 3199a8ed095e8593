"""Retention rules: a name and a kind, and what each version of it said."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from governance.retention.terms import Clock, Kind, Scope, Terms
from governance.retention.versions import Written
from stateward.kernel.ids import uuid7
from stateward.tenancy.models import Tenant


class RetentionRule(models.Model):
    """A rule of a tenant. What it says lies in its versions."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+")
    name = models.CharField(max_length=100)
    kind: models.CharField[Kind, Kind] = models.CharField(max_length=16)
    latest_version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "stateward_retention_rule"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant", "name"], name="retention_rule_name_once_per_tenant"
            )
        ]

    def __str__(self) -> str:
        return self.name


class RetentionVersion(models.Model):
    """One version of a rule. Never changed; one that ends the rule says nothing else."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+")
    rule = models.ForeignKey(RetentionRule, models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    is_end = models.BooleanField(default=False)
    namespace = models.CharField(max_length=640, blank=True)
    key_pattern = models.CharField(max_length=512, blank=True)
    classification = models.CharField(max_length=16, blank=True)
    label = models.CharField(max_length=320, blank=True)
    clock: models.CharField[Clock, Clock] = models.CharField(max_length=16, default="created")
    days = models.PositiveIntegerField(default=0)
    erase_audit = models.BooleanField(default=False)
    note = models.TextField(blank=True)
    author_type = models.CharField(max_length=16)
    author_id = models.UUIDField()
    author_name = models.CharField(max_length=200)
    created_at = models.DateTimeField(db_default=Now())
    takes_effect_at = models.DateTimeField()

    class Meta:
        db_table = "stateward_retention_version"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant", "rule", "number"], name="retention_version_number_once"
            )
        ]

    def __str__(self) -> str:
        return f"version {self.number}"

    def terms(self, kind: Kind) -> Terms | None:
        """What it says; None where it ends the rule."""
        if self.is_end:
            return None
        scope = Scope(self.namespace, self.key_pattern, self.classification, self.label)
        return Terms(kind, scope, self.clock, self.days, self.erase_audit)

    def written(self, kind: Kind) -> Written:
        return Written(self.number, self.terms(kind), self.takes_effect_at)

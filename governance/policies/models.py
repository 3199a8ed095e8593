"""Dry runs: what a version would have answered to what was really asked."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from stateward.gate.policy.models import Policy
from stateward.kernel.ids import uuid7
from stateward.tenancy.models import Tenant


class DryRun(models.Model):
    """One dry run of one version over a window of the recorded decisions."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+")
    policy = models.ForeignKey(Policy, models.CASCADE, related_name="dry_runs")
    version = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)  # of the version's text
    since = models.DateTimeField()
    until = models.DateTimeField()
    namespace = models.CharField(max_length=640, blank=True)  # with all beneath it; empty: all
    run_id = models.UUIDField(null=True)  # the job's run
    asked_by_type = models.CharField(max_length=16)
    asked_by_id = models.UUIDField()
    asked_by_name = models.CharField(max_length=200)
    asked_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)
    policy_set = models.CharField(max_length=64, blank=True)  # in force when it was carried out
    # Counts and groups, as ``dry_runs`` tallies them: no keys, no values.
    result = models.JSONField(null=True)

    class Meta:
        db_table = "stateward_policy_dry_run"
        indexes: ClassVar = [
            models.Index(fields=["tenant", "policy", "-id"], name="policy_dry_run_newest")
        ]

    def __str__(self) -> str:
        return f"dry run of version {self.version}"


class PolicyTest(models.Model):
    """A case stored beside a policy: what must come out of it, whatever version is written."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+")
    policy = models.ForeignKey(Policy, models.CASCADE, related_name="tests")
    number = models.PositiveIntegerField()
    # name, principal, action, resource, context, expected; see ``cases.py``
    case = models.JSONField()

    class Meta:
        db_table = "stateward_policy_test"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant", "policy", "number"], name="policy_test_number_once"
            )
        ]

    def __str__(self) -> str:
        return str(self.case.get("name", self.number))


class PolicySetting(models.Model):
    """What a tenant asks of every activation."""

    tenant = models.OneToOneField(Tenant, models.CASCADE, primary_key=True, related_name="+")
    # A dry run of the same text must be no older than this; 0: none is asked for.
    dry_run_hours = models.PositiveIntegerField(default=0)

    class Meta:
        db_table = "stateward_policy_setting"

    def __str__(self) -> str:
        return f"dry run within {self.dry_run_hours} h"

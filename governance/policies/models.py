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

"""Scans, what each check answered in them, and the findings that live on from scan to scan."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from stateward.kernel.ids import uuid7
from stateward.tenancy.models import Tenant

OUTCOMES = ("pass", "fail", "not_applicable", "insufficient_evidence", "error")
SEVERITIES = ("critical", "high", "medium", "low")
STATUSES = ("open", "in_progress", "accepted", "resolved")
TRIGGERS = ("schedule", "asked", "command")


class Scan(models.Model):
    """One run over all checks, or over one of them."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+")
    trigger = models.CharField(max_length=16)
    check_id = models.CharField(max_length=16, blank=True)  # empty: all of them
    asked_by_type = models.CharField(max_length=16)
    asked_by_id = models.UUIDField()
    asked_by_name = models.CharField(max_length=200)
    run_id = models.UUIDField(null=True)  # the job's run
    rules_sha256 = models.CharField(max_length=64)  # of the checks' versions and the thresholds
    started_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)
    record_id = models.UUIDField(null=True)  # the audit record of its outcome
    # How many checks ended how; and of the failed ones, how many only on accepted risks.
    passed = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    not_applicable = models.PositiveIntegerField(default=0)
    insufficient = models.PositiveIntegerField(default=0)
    errors = models.PositiveIntegerField(default=0)
    accepted = models.PositiveIntegerField(default=0)

    class Meta:
        db_table = "stateward_compliance_scan"
        indexes: ClassVar = [
            models.Index(fields=["tenant", "check_id", "-id"], name="compliance_scan_newest")
        ]

    def __str__(self) -> str:
        return f"scan {self.id}"


class CheckResult(models.Model):
    """What one check answered in one scan. Never changed."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+")
    scan = models.ForeignKey(Scan, models.CASCADE, related_name="results")
    check_id = models.CharField(max_length=16)
    check_version = models.PositiveIntegerField()
    severity = models.CharField(max_length=16)
    outcome = models.CharField(max_length=32)
    said = models.TextField()  # one sentence
    population = models.BigIntegerField(null=True)  # null: it was not counted
    failing = models.BigIntegerField(default=0)
    accepted = models.BigIntegerField(default=0)  # of the failing ones, under an exception
    items = models.JSONField(default=list)  # the failing ones, as far as they are listed
    evidence = models.JSONField(default=list)
    position = models.JSONField(null=True)  # where the next scan goes on
    duration_ms = models.PositiveIntegerField()
    at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "stateward_compliance_result"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["scan", "check_id"], name="compliance_result_once")
        ]
        indexes: ClassVar = [
            models.Index(fields=["tenant", "check_id", "-id"], name="compliance_result_newest")
        ]

    def __str__(self) -> str:
        return f"{self.check_id}: {self.outcome}"


class Finding(models.Model):
    """One thing that fails one check, however often it is seen."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+")
    check_id = models.CharField(max_length=16)
    item_kind = models.CharField(max_length=32)
    item_id = models.CharField(max_length=300)
    item_label = models.CharField(max_length=300)
    detail = models.TextField(blank=True)  # what is wrong with it
    severity = models.CharField(max_length=16)
    status = models.CharField(max_length=16, default="open")
    # Until then the risk is accepted; the moment it passes the finding is open again.
    accepted_until = models.DateTimeField(null=True)
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True)
    regressed_at = models.DateTimeField(null=True)
    regressions = models.PositiveIntegerField(default=0)
    owner_id = models.UUIDField(null=True)  # a member
    owner_name = models.CharField(max_length=200, blank=True)
    due_on = models.DateField(null=True)
    first_scan_id = models.UUIDField()
    last_scan_id = models.UUIDField()

    class Meta:
        db_table = "stateward_compliance_finding"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant", "check_id", "item_id"], name="compliance_finding_once"
            )
        ]
        indexes: ClassVar = [
            models.Index(fields=["tenant", "status", "-id"], name="compliance_finding_status")
        ]

    def __str__(self) -> str:
        return f"{self.check_id}: {self.item_label}"


class FindingEvent(models.Model):
    """One step of a finding's history. Never changed."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+")
    finding = models.ForeignKey(Finding, models.CASCADE, related_name="events")
    event = models.CharField(max_length=32)
    at = models.DateTimeField(db_default=Now())
    actor_type = models.CharField(max_length=16)
    actor_id = models.UUIDField()
    actor_name = models.CharField(max_length=200)
    scan_id = models.UUIDField(null=True)
    record_id = models.UUIDField(null=True)  # the audit record
    details = models.JSONField(default=dict)

    class Meta:
        db_table = "stateward_compliance_event"

    def __str__(self) -> str:
        return self.event


class AcceptedRisk(models.Model):
    """An exception: somebody answers for a finding until a day. It ends by itself."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+")
    finding = models.ForeignKey(Finding, models.CASCADE, related_name="exceptions")
    reason = models.TextField()
    owner_id = models.UUIDField()
    owner_name = models.CharField(max_length=200)
    created_at = models.DateTimeField(db_default=Now())
    created_by_type = models.CharField(max_length=16)
    created_by_id = models.UUIDField()
    created_by_name = models.CharField(max_length=200)
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    ended_as = models.CharField(max_length=16, blank=True)  # withdrawn, replaced, expired, resolved
    ended_by_name = models.CharField(max_length=200, blank=True)

    class Meta:
        db_table = "stateward_compliance_exception"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["finding"],
                condition=models.Q(ended_at__isnull=True),
                name="compliance_exception_standing_once",
            )
        ]

    def __str__(self) -> str:
        return f"exception {self.id}"

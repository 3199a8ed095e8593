"""A suspicious agent's quarantine, and what was decided on each entry it wrote.

Keys are nowhere here: a verdict names the audit record of the agent's first write to the entry, and
whoever erases that record's key erases it from the review as well.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from stateward.kernel.ids import uuid7


class Quarantine(models.Model):
    """One agent, paused, and the stretch of time whose writes are looked at."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant_id = models.UUIDField()
    agent_id = models.UUIDField()
    agent_name = models.CharField(max_length=254)
    alert_id = models.UUIDField(null=True)
    reason = models.TextField(blank=True)
    since = models.DateTimeField()
    opened_by = models.CharField(max_length=254)
    opened_at = models.DateTimeField(db_default=Now())
    closed_at = models.DateTimeField(null=True)
    closed_by = models.CharField(max_length=254, blank=True)
    note = models.TextField(blank=True)

    class Meta:
        db_table = "stateward_quarantine"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant_id", "agent_id"],
                condition=models.Q(closed_at__isnull=True),
                name="one_quarantine_an_agent",
            )
        ]
        indexes: ClassVar = [models.Index(fields=["tenant_id", "id"], name="quarantines_in_order")]

    def __str__(self) -> str:
        return self.agent_name


class Verdict(models.Model):
    """What a person decided on one entry: ``version`` is the revision that brought back what was
    before, where one did.
    """

    class Kind(models.TextChoices):
        KEPT = "kept"
        ROLLED_BACK = "rolled_back"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant_id = models.UUIDField()
    quarantine = models.ForeignKey(Quarantine, models.CASCADE, related_name="verdicts")
    record_id = models.UUIDField()
    verdict = models.CharField(max_length=12, choices=Kind)
    version = models.BigIntegerField(null=True)
    at = models.DateTimeField(db_default=Now())
    by = models.CharField(max_length=254)

    class Meta:
        db_table = "stateward_quarantine_verdict"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant_id", "quarantine", "record_id"], name="one_verdict_a_write"
            )
        ]

    def __str__(self) -> str:
        return self.verdict

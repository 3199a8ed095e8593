"""Alerts with their history, what a tenant changed of the rules, and what it does not want to hear
of for a while.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from stateward.kernel.ids import uuid7
from stateward.tenancy.models import Member

SEVERITIES = ("low", "medium", "high", "critical")


class Alert(models.Model):
    """What one rule found about one principal. While it is not resolved, more of the same is
    added to it.
    """

    class State(models.TextChoices):
        OPEN = "open"
        ACKNOWLEDGED = "acknowledged"  # somebody is looking at it
        RESOLVED = "resolved"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant_id = models.UUIDField()  # the nil UUID: the platform's own
    rule = models.CharField(max_length=40)
    subject_type = models.CharField(max_length=16)
    subject_id = models.CharField(max_length=128)
    subject_name = models.CharField(max_length=254)
    severity = models.CharField(max_length=10)
    state = models.CharField(max_length=16, choices=State, default=State.OPEN)
    said = models.TextField()
    count = models.BigIntegerField()
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    asks = models.JSONField(default=dict)  # the audit's filter that shows its records
    owner = models.ForeignKey(
        Member, models.SET_NULL, null=True, db_constraint=False, related_name="+"
    )
    opened_at = models.DateTimeField(db_default=Now())
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "stateward_alert"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant_id", "rule", "subject_type", "subject_id"],
                condition=~models.Q(state="resolved"),
                name="one_standing_alert",
            )
        ]
        indexes: ClassVar = [models.Index(fields=["tenant_id", "state", "id"], name="alert_states")]

    def __str__(self) -> str:
        return f"{self.rule} about {self.subject_name}"


class AlertEvent(models.Model):
    """One step in an alert's life: opened, grown after it was acknowledged, an act of a person."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant_id = models.UUIDField()
    alert = models.ForeignKey(Alert, models.CASCADE, related_name="history")
    at = models.DateTimeField(db_default=Now())
    event = models.CharField(max_length=16)
    actor_type = models.CharField(max_length=16)
    actor_id = models.UUIDField()
    actor_name = models.CharField(max_length=254)
    note = models.TextField(blank=True)

    class Meta:
        db_table = "stateward_alert_event"
        indexes: ClassVar = [models.Index(fields=["tenant_id", "alert", "id"], name="alert_events")]

    def __str__(self) -> str:
        return f"{self.event} at {self.at}"


class RuleSetting(models.Model):
    """What a tenant changed of one rule; a rule without a row is as it ships."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant_id = models.UUIDField()
    rule = models.CharField(max_length=40)
    enabled = models.BooleanField(default=True)
    severity = models.CharField(max_length=10, blank=True)  # blank: the rule's own
    owner = models.ForeignKey(
        Member, models.SET_NULL, null=True, db_constraint=False, related_name="+"
    )
    thresholds = models.JSONField(default=dict)
    changed_at = models.DateTimeField(db_default=Now())
    changed_by = models.CharField(max_length=254)

    class Meta:
        db_table = "stateward_detection_setting"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant_id", "rule"], name="one_setting_a_rule")
        ]

    def __str__(self) -> str:
        return self.rule


class Suppression(models.Model):
    """One rule is not to alert, about one principal or any, until ``ends_at``. What it would have
    said is counted.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant_id = models.UUIDField()
    rule = models.CharField(max_length=40)
    subject_type = models.CharField(max_length=16, blank=True)  # blank: any
    subject_id = models.CharField(max_length=128, blank=True)
    reason = models.TextField()
    ends_at = models.DateTimeField()
    created_at = models.DateTimeField(db_default=Now())
    created_by = models.CharField(max_length=254)
    suppressed = models.BigIntegerField(default=0)

    class Meta:
        db_table = "stateward_suppression"
        indexes: ClassVar = [
            models.Index(fields=["tenant_id", "ends_at"], name="suppressions_in_force")
        ]

    def __str__(self) -> str:
        return f"{self.rule} until {self.ends_at}"

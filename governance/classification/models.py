"""Classification: what is looked for where, what was found, what is suggested for it.

A finding names an entry, a place in it and a kind; what stands there is kept nowhere but in the
entry.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from stateward.kernel.ids import uuid7
from stateward.state.models import Namespace
from stateward.tenancy.models import Tenant

ACTS = ("suggest", "raise")
COVERAGES = ("full", "sample")
SCAN_OPEN = ("queued", "running")
SCAN_STATES = (*SCAN_OPEN, "done", "failed", "cancelled")
SUGGESTION_STATES = ("open", "accepted", "dismissed", "raised", "void")


class ClassificationRule(models.Model):
    """What is looked for in a namespace and all beneath it, and what follows. The rule of the
    longest name counts; without any, what ships does.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+")
    namespace = models.CharField(max_length=640, blank=True)  # "": every namespace
    kinds = models.JSONField(default=list)  # names of kinds and groups; empty: all
    acts = models.CharField(max_length=8, default="suggest")
    min_score = models.PositiveSmallIntegerField(default=60)  # percent
    min_entries = models.PositiveIntegerField(default=1)
    follows = models.BooleanField(default=False)  # looks at what is written, soon after
    sample_percent = models.PositiveSmallIntegerField(default=100)  # of what is written
    set_by_type = models.CharField(max_length=16)
    set_by_id = models.UUIDField()
    set_by_name = models.CharField(max_length=200)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "stateward_classification_rule"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant", "namespace"], name="classification_rule_once_per_namespace"
            )
        ]

    def __str__(self) -> str:
        return self.namespace or "every namespace"


class ClassificationScan(models.Model):
    """One look through a namespace, or all of the tenant's. How far it is says its job's run."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+")
    namespace = models.CharField(max_length=640, blank=True)  # "": every namespace
    coverage = models.CharField(max_length=8, default="full")
    sample_percent = models.PositiveSmallIntegerField(default=100)
    entries_per_second = models.PositiveIntegerField(default=1000)
    state = models.CharField(max_length=16, default="queued")
    job_run = models.UUIDField(null=True)
    counts = models.JSONField(default=dict)
    actor_type = models.CharField(max_length=16)
    actor_id = models.UUIDField()
    actor_name = models.CharField(max_length=200)
    created_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "stateward_classification_scan"
        indexes: ClassVar = [
            models.Index(fields=["tenant", "-created_at"], name="classification_scan_newest")
        ]

    def __str__(self) -> str:
        return self.namespace or "every namespace"

    @property
    def is_open(self) -> bool:
        return self.state in SCAN_OPEN


class ClassificationFinding(models.Model):
    """One kind at one place of one entry. Places in lists are one: ``/passengers/*/dob``."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+")
    namespace = models.ForeignKey(Namespace, models.CASCADE, related_name="+")
    key = models.CharField(max_length=512, db_collation="C")
    version = models.BigIntegerField()
    kind = models.CharField(max_length=16)
    pointer = models.CharField(max_length=1024)
    score = models.PositiveSmallIntegerField()  # percent
    reason = models.CharField(max_length=200)
    times = models.PositiveIntegerField(default=1)
    found_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "stateward_classification_finding"
        indexes: ClassVar = [
            models.Index(fields=["tenant", "namespace", "key"], name="classification_finding_key"),
            models.Index(
                fields=["tenant", "namespace", "kind", "id"], name="classification_finding_kind"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} at {self.pointer or 'the value'}"


class ClassificationStanding(models.Model):
    """What a namespace's newest look through it came to."""

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+")
    namespace = models.OneToOneField(Namespace, models.CASCADE, related_name="+", primary_key=True)
    scan = models.UUIDField()
    coverage = models.CharField(max_length=8)
    entries = models.PositiveIntegerField(default=0)  # that lived
    looked = models.PositiveIntegerField(default=0)
    unread = models.PositiveIntegerField(default=0)  # too large for it, or not to be opened
    scanned_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "stateward_classification_standing"

    def __str__(self) -> str:
        return f"{self.looked} of {self.entries}"


class ClassificationSuggestion(models.Model):
    """That a namespace should be kept more closely, with what speaks for it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+")
    namespace = models.ForeignKey(Namespace, models.CASCADE, related_name="+")
    was = models.CharField(max_length=16)
    to = models.CharField(max_length=16)
    score = models.PositiveSmallIntegerField()  # percent: of the surest kind that asks for it
    kinds = models.JSONField(default=list)  # {kind, entries, findings, score}; see advice.py
    state = models.CharField(max_length=16, default="open")
    decided_by_type = models.CharField(max_length=16, blank=True)
    decided_by_id = models.UUIDField(null=True)
    decided_by_name = models.CharField(max_length=200, blank=True)
    decided_at = models.DateTimeField(null=True)
    reason = models.TextField(blank=True)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "stateward_classification_suggestion"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant", "namespace"],
                condition=models.Q(state="open"),
                name="classification_suggestion_one_open",
            )
        ]
        indexes: ClassVar = [
            models.Index(fields=["tenant", "state", "-id"], name="classification_suggestion_new")
        ]

    def __str__(self) -> str:
        return f"{self.was} to {self.to}"


class ClassificationFollowing(models.Model):
    """How far what is written was looked at: a place in the tenant's changes."""

    tenant = models.OneToOneField(Tenant, models.CASCADE, related_name="+", primary_key=True)
    cursor = models.CharField(max_length=200)
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "stateward_classification_following"

    def __str__(self) -> str:
        return self.cursor

"""Requests that other people agree to an act, their votes, and how many a tenant asks for."""

from __future__ import annotations

from typing import ClassVar, Literal

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from stateward.kernel.ids import uuid7
from stateward.tenancy.models import Tenant

Status = Literal["pending", "approved", "refused", "withdrawn", "used", "void"]
STATUSES: tuple[Status, ...] = ("pending", "approved", "refused", "withdrawn", "used", "void")
VERDICTS = ("approve", "refuse")


class ApprovalRequest(models.Model):
    """One act that waits for others to agree. Its content never changes once asked."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+")
    kind = models.CharField(max_length=64)
    subject_type = models.CharField(max_length=32)
    subject_id = models.CharField(max_length=200)
    subject_name = models.CharField(max_length=200)
    content = models.JSONField()
    sha256 = models.CharField(max_length=64)  # of the content's canonical JSON, in hex
    summary = models.CharField(max_length=500)
    reason = models.TextField(blank=True)
    needed = models.PositiveSmallIntegerField()  # people who must agree
    status: models.CharField[Status, Status] = models.CharField(max_length=16, default="pending")
    asked_by_type = models.CharField(max_length=16)
    asked_by_id = models.UUIDField()
    asked_by_name = models.CharField(max_length=200)
    # Members who wrote what is asked for, or on whose behalf it is asked: they do not vote.
    authors = ArrayField(models.UUIDField(), default=list)
    # Members who held the action before this was asked: whoever is given it later does not vote.
    electors = ArrayField(models.UUIDField(), default=list)
    asked_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "stateward_approval_request"
        indexes: ClassVar = [
            models.Index(fields=["tenant", "status", "-id"], name="approval_request_by_status"),
            models.Index(
                fields=["tenant", "kind", "subject_id", "-id"], name="approval_request_of_subject"
            ),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant", "kind", "subject_id", "sha256"],
                condition=models.Q(status__in=("pending", "approved")),
                name="approval_request_open_once",
            )
        ]

    def __str__(self) -> str:
        return self.summary


class ApprovalVote(models.Model):
    """What one person said to a request. Never changed."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+")
    request = models.ForeignKey(ApprovalRequest, models.CASCADE, related_name="votes")
    verdict = models.CharField(max_length=16)
    sha256 = models.CharField(max_length=64)  # of the content that the person saw
    reason = models.TextField(blank=True)
    member_id = models.UUIDField()
    member_name = models.CharField(max_length=200)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "stateward_approval_vote"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant", "request", "member_id"], name="approval_vote_once_per_person"
            )
        ]

    def __str__(self) -> str:
        return f"{self.verdict} by {self.member_name}"


class ApprovalSetting(models.Model):
    """How many others must agree to acts of a kind, where the tenant says other than the kind."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+")
    kind = models.CharField(max_length=64)
    number = models.PositiveSmallIntegerField()
    changed_by_name = models.CharField(max_length=200, blank=True)
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "stateward_approval_setting"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "kind"], name="approval_setting_once"),
            models.CheckConstraint(
                condition=models.Q(number__lte=3), name="approval_setting_at_most_three"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.number}"

"""Destructions of keys that were asked for, and what became of them."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from stateward.kernel.ids import uuid7
from stateward.tenancy.models import Tenant

STATES = ("waiting", "undone", "done", "refused")


class KeyDestruction(models.Model):
    """One key, or one version of it, that is destroyed when its days of grace are over.

    Without ``version`` the whole key: what is under it is shredded.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+")
    namespace_id = models.UUIDField()
    namespace_name = models.CharField(max_length=640)
    key_id = models.UUIDField()
    version = models.PositiveIntegerField(null=True)
    reason = models.TextField()
    counts = models.JSONField(default=dict)  # values by store, as they were when it was asked for
    approvals = models.JSONField(default=list)
    state = models.CharField(max_length=8, default="waiting")
    said = models.CharField(max_length=500, blank=True)  # why it was refused in the end
    asked_by_type = models.CharField(max_length=16)
    asked_by_id = models.UUIDField()
    asked_by_name = models.CharField(max_length=200)
    asked_at = models.DateTimeField(db_default=Now())
    due_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    ended_by_name = models.CharField(max_length=200, blank=True)

    class Meta:
        db_table = "stateward_key_destruction"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant", "key_id", "version"],
                condition=models.Q(state="waiting"),
                nulls_distinct=False,
                name="key_destruction_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.namespace_name} {self.version or 'key'}"

"""Calls of the last days, for the limits. What was asked and answered is not kept anywhere."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from stateward.kernel.ids import uuid7


class AssistCall(models.Model):
    """One question to the model."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant_id = models.UUIDField()
    kind = models.CharField(max_length=16)
    actor_type = models.CharField(max_length=10)
    actor_id = models.UUIDField()
    started_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=40, default="")
    tokens = models.PositiveIntegerField(default=0)

    class Meta:
        db_table = "stateward_assist_call"
        indexes: ClassVar = [
            models.Index(fields=["tenant_id", "started_at"], name="assist_calls_lately")
        ]

    def __str__(self) -> str:
        return f"{self.kind} at {self.started_at}"

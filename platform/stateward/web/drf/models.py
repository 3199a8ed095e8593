"""The answers the control plane keeps for repeats of a request."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from stateward.kernel.ids import uuid7


class KeptAnswer(models.Model):
    """What one principal's request under one ``Idempotency-Key`` was answered; kept for 24 hours.

    ``status`` is null while the first request runs, which nobody sees: its row is not committed
    yet.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant_id = models.UUIDField()
    principal_id = models.UUIDField()
    key = models.CharField(max_length=255)
    request_hash = models.BinaryField()
    status = models.SmallIntegerField(null=True)
    content_type = models.CharField(max_length=64, default="application/json")
    headers = models.JSONField(default=dict)
    body = models.JSONField(null=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "stateward_control_idempotency"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant_id", "principal_id", "key"], name="one_answer_per_key"
            )
        ]
        indexes: ClassVar = [models.Index(fields=["created_at"], name="kept_answer_age")]

    def __str__(self) -> str:
        return f"{self.principal_id} {self.key}"

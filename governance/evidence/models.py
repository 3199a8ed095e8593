"""Views of the audit that somebody keeps under a name."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from stateward.kernel.ids import uuid7


class AuditView(models.Model):
    """Which conditions, by whom, and whether the tenant's other readers of the audit see it too."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant_id = models.UUIDField()
    owner_type = models.CharField(max_length=16)
    owner_id = models.UUIDField()
    owner_name = models.CharField(max_length=254)
    name = models.CharField(max_length=80)
    conditions = models.JSONField(default=dict)  # the parameters of the page's address
    is_shared = models.BooleanField(default=False)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "stateward_audit_view"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant_id", "owner_id", "name"], name="audit_view_name_once"
            )
        ]

    def __str__(self) -> str:
        return self.name

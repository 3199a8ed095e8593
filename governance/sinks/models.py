"""Where a tenant's audit log is copied to, and how far each copy has come."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from stateward.kernel.ids import uuid7

KINDS = ("file", "syslog", "webhook", "s3")
FORMATS = ("ndjson", "ocsf", "csv")


class Sink(models.Model):
    """One place outside.

    ``cursor`` is the place in the log that is delivered next. ``pending`` is where the stretch ends
    that was last tried: until it is taken it is tried again as it was, under the same message id,
    so that a receiver knows a repeat.
    """

    class State(models.TextChoices):
        ACTIVE = "active"
        PAUSED = "paused"  # by a person
        DISABLED = "disabled"  # by the receiver, which wants nothing more

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant_id = models.UUIDField()
    name = models.CharField(max_length=64)
    kind = models.CharField(max_length=16)
    format = models.CharField(max_length=16)
    settings = models.JSONField(default=dict)  # where to, without secrets
    secret = models.BinaryField(null=True)  # wrapped under the tenant's key
    secret_key_id = models.UUIDField(null=True)  # which one
    with_payload = models.BooleanField(default=False)  # personal values too
    state = models.CharField(max_length=16, choices=State, default=State.ACTIVE)
    cursor = models.BigIntegerField(default=0)
    pending = models.BigIntegerField(null=True)
    checkpoint_size = models.BigIntegerField(default=0)  # the newest checkpoint delivered
    checkpoint_at = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)  # when it last took something
    tried_at = models.DateTimeField(null=True)
    next_at = models.DateTimeField(db_default=Now())
    attempts = models.IntegerField(default=0)  # failed in a row
    failing_since = models.DateTimeField(null=True)
    said = models.CharField(max_length=500, blank=True)  # how it went last, in our words
    answer = models.CharField(max_length=1100, blank=True)  # the beginning of theirs
    tested_at = models.DateTimeField(null=True)
    test_said = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    created_by = models.CharField(max_length=254)
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "stateward_sink"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant_id", "name"], name="sink_name_once_per_tenant")
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_failing(self) -> bool:
        return self.failing_since is not None

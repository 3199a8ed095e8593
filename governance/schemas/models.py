"""Runs of work on a namespace's schema: checks, activations, migrations and their undoing."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from stateward.kernel.ids import uuid7
from stateward.state.models import Namespace
from stateward.tenancy.models import Tenant

KINDS = ("check", "activate", "migrate", "undo")
OPEN = ("queued", "running")
STATES = (*OPEN, "done", "refused", "stopped", "failed", "cancelled")


class SchemaRun(models.Model):
    """One piece of work. How far it is says the job's run that carries it out."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+")
    namespace = models.ForeignKey(Namespace, models.CASCADE, related_name="+")
    number = models.PositiveIntegerField()  # the version it is about
    kind = models.CharField(max_length=16)
    state = models.CharField(max_length=16, default="queued")
    only_new_writes = models.BooleanField(default=False)
    max_errors = models.PositiveIntegerField(default=0)
    note = models.TextField(blank=True)
    version_before = models.PositiveIntegerField(default=0)  # in force when it was asked for
    undoes = models.UUIDField(null=True)
    job_run = models.UUIDField(null=True)
    counts = models.JSONField(default=dict)
    samples = models.JSONField(default=list)  # keys, versions and places; never a value
    actor_type = models.CharField(max_length=16)
    actor_id = models.UUIDField()
    actor_name = models.CharField(max_length=200)
    scopes = models.JSONField(null=True)  # that the credential was capped to
    created_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "stateward_schema_run"
        indexes: ClassVar = [
            models.Index(fields=["tenant", "namespace", "-created_at"], name="schema_run_newest")
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.number}"

    @property
    def is_open(self) -> bool:
        return self.state in OPEN

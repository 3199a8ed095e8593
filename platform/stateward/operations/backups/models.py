"""What became of each backup, drill and restore. The archives themselves lie elsewhere.

A row is written before the work begins. So one whose process was killed is seen as such: it says
that it is under way, and its run says that nobody is at it.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from stateward.kernel.ids import uuid7
from stateward.tenancy.models import Tenant


class Backup(models.Model):
    """One archive of one tenant. Only a ``done`` one is ever offered for restoring."""

    class State(models.TextChoices):
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"  # what was written of it has been removed
        EXPIRED = "expired"  # removed by the rule of how many to keep

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="backups")
    state = models.CharField(max_length=16, choices=State, default=State.RUNNING)
    run_id = models.UUIDField(null=True)  # the job's run
    store = models.CharField(max_length=500)  # a folder, or s3://bucket/prefix
    name = models.CharField(max_length=200)  # of the archive, within its store
    is_kept = models.BooleanField(default=False)  # not subject to the rule of how many to keep
    started_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)
    taken_at = models.DateTimeField(null=True)  # the moment of the snapshot: what it restores to
    entries = models.BigIntegerField(default=0)
    rows = models.BigIntegerField(default=0)
    bytes = models.BigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True)  # of the signed manifest, in hex
    key_id = models.CharField(max_length=64, blank=True)  # fingerprint of the signing key
    format = models.PositiveSmallIntegerField(default=0)
    tree_size = models.BigIntegerField(null=True)  # the audit tree's signed size within it
    error = models.CharField(max_length=500, blank=True)

    class Meta:
        db_table = "stateward_backup"
        indexes: ClassVar = [
            models.Index(fields=["tenant", "-started_at"], name="backup_of_tenant"),
        ]

    def __str__(self) -> str:
        return self.name


class Drill(models.Model):
    """One restore into a scratch database, made to prove a backup. Kept as evidence."""

    class State(models.TextChoices):
        RUNNING = "running"
        PASSED = "passed"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="drills")
    # Without a constraint in the database: that would look past the walls between tenants.
    backup = models.ForeignKey(
        Backup, models.CASCADE, null=True, related_name="drills", db_constraint=False
    )
    run_id = models.UUIDField(null=True)
    state = models.CharField(max_length=16, choices=State, default=State.RUNNING)
    started_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)
    restore_seconds = models.FloatField(null=True)  # the RTO as it was measured
    # What was compared, as a list of {"name", "passed", "said"}.
    checks = models.JSONField(default=list)
    error = models.CharField(max_length=500, blank=True)

    class Meta:
        db_table = "stateward_backup_drill"
        indexes: ClassVar = [
            models.Index(fields=["tenant", "-started_at"], name="drill_of_tenant"),
        ]

    def __str__(self) -> str:
        return f"drill {self.id}"


class Restore(models.Model):
    """One restore that was asked for, in the tenant that asked. The target appears whole or not
    at all: it is written in one transaction.
    """

    class State(models.TextChoices):
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="restores")
    backup = models.ForeignKey(
        Backup, models.SET_NULL, null=True, related_name="restores", db_constraint=False
    )
    run_id = models.UUIDField(null=True)
    state = models.CharField(max_length=16, choices=State, default=State.RUNNING)
    archive = models.CharField(max_length=200)
    target = models.CharField(max_length=63)  # the slug it is restored into
    target_id = models.UUIDField(null=True)
    started_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)
    report = models.JSONField(default=dict)  # counts by table, and what was left out and why
    error = models.CharField(max_length=500, blank=True)

    class Meta:
        db_table = "stateward_backup_restore"

    def __str__(self) -> str:
        return f"restore {self.id}"

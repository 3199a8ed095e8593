"""Namespaces and holds. Entries, revisions and changes are the data plane's tables:
``migrations/0002_entries.py`` makes them, and
``statements.py`` alone speaks to them.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from stateward.kernel.ids import uuid7
from stateward.tenancy.models import Tenant

SCOPES = ("shared", "agent", "task", "session", "user")
CONCURRENCIES = ("last_write_wins", "versioned", "merge", "reducer", "crdt")
CLASSIFICATIONS = ("public", "internal", "confidential", "restricted")


class Namespace(models.Model):
    """A named set of entries under one set of rules. One that is created anew after deletion is
    another namespace.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+")
    name = models.CharField(max_length=640)
    scope = models.CharField(max_length=16, default="shared")
    concurrency = models.CharField(max_length=16, default="last_write_wins")
    reducer = models.JSONField(null=True)  # in mode reducer: {"name": …}
    crdt = models.JSONField(null=True)  # in mode crdt: {"type": …}
    schema = models.JSONField(null=True)
    schema_version = models.IntegerField(default=0)  # 0: never had one
    # The version being activated: what is written must fit it too, or, where stored values are
    # being brought to it, it alone.
    pending_version = models.IntegerField(null=True)
    pending_is_exclusive = models.BooleanField(default=False)
    pending_run = models.UUIDField(null=True)
    classification = models.CharField(max_length=16, default="internal")
    owner_type = models.CharField(max_length=16)
    owner_id = models.UUIDField()
    labels = models.JSONField(default=dict)
    default_ttl_seconds = models.BigIntegerField(null=True)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())
    deleted_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "stateward_namespace"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant", "name"],
                condition=models.Q(deleted_at__isnull=True),
                name="namespace_name_once_per_tenant",
            )
        ]

    def __str__(self) -> str:
        return self.name


class SchemaVersion(models.Model):
    """One text of a namespace's schema, and how values get from the version before to it and back;
    ``evolution/`` says how.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+")
    namespace = models.ForeignKey(Namespace, models.CASCADE, related_name="+")
    number = models.PositiveIntegerField()
    schema = models.JSONField(null=True)  # None: anything goes
    state = models.CharField(max_length=8, default="draft")
    base = models.PositiveIntegerField(default=0)  # the version it was made from
    steps = models.JSONField(null=True)  # from base to this one; None: no migration
    inverse = models.JSONField(null=True)  # and back; None: as the steps themselves say
    note = models.TextField(blank=True)
    author_type = models.CharField(max_length=16)
    author_id = models.UUIDField()
    author_name = models.CharField(max_length=200)
    created_at = models.DateTimeField(db_default=Now())
    activated_at = models.DateTimeField(null=True)
    retired_at = models.DateTimeField(null=True)
    # Of an activation: 'stored' where every stored value was found to fit, else 'new_writes'.
    coverage = models.CharField(max_length=16, blank=True)

    class Meta:
        db_table = "stateward_schema_version"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant", "namespace", "number"], name="schema_version_number_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.number}"


class Hold(models.Model):
    """What a matter keeps from every deletion until somebody releases it; ``holds.py`` says how."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+")
    matter = models.CharField(max_length=100)
    reason = models.TextField()
    # The scope: what is left empty does not narrow it.
    namespace = models.CharField(max_length=640, blank=True)  # with all beneath it
    key_pattern = models.CharField(max_length=512, blank=True)
    custodian_type = models.CharField(max_length=16, blank=True)
    custodian_id = models.UUIDField(null=True)
    custodian_name = models.CharField(max_length=200, blank=True)
    placed_by_type = models.CharField(max_length=16)
    placed_by_id = models.UUIDField()
    placed_by_name = models.CharField(max_length=200)
    placed_at = models.DateTimeField(db_default=Now())
    released_by_type = models.CharField(max_length=16, blank=True)
    released_by_id = models.UUIDField(null=True)
    released_by_name = models.CharField(max_length=200, blank=True)
    released_at = models.DateTimeField(null=True)
    release_reason = models.TextField(blank=True)

    class Meta:
        db_table = "stateward_hold"
        indexes: ClassVar = [
            models.Index(
                fields=["tenant"],
                condition=models.Q(released_at__isnull=True),
                name="hold_in_force",
            )
        ]

    def __str__(self) -> str:
        return self.matter

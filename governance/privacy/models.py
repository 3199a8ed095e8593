"""What names persons, what they asked for, and what came of it.

No identifier stands here in plain: a request keeps keyed hashes of what was typed, and a hint. The
subject index (``stateward_subject_entry``) and its position are tables that ``index.py`` alone
speaks to.
"""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from stateward.kernel.ids import uuid7
from stateward.tenancy.models import Member, Tenant

KINDS = ("access", "portability", "erasure", "restriction")
STATES = ("searching", "ready", "working", "waiting", "done", "refused", "withdrawn")
OPEN = ("searching", "ready", "working", "waiting")
SOURCES = ("value", "key")


class SubjectDeclaration(models.Model):
    """Where in a namespace, and all beneath it, identifiers of one kind stand."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+")
    namespace = models.CharField(max_length=640, blank=True)  # empty: every namespace
    kind = models.CharField(max_length=40)
    source = models.CharField(max_length=8)
    path = models.CharField(max_length=512)
    created_at = models.DateTimeField(db_default=Now())
    created_by = models.CharField(max_length=254)

    class Meta:
        db_table = "stateward_subject_declaration"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant", "namespace", "kind", "source", "path"],
                name="subject_declaration_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} at {self.path}"


class SubjectRequest(models.Model):
    """What one person asked for. ``searching``: the index has not come to its time yet;
    ``waiting``: something must be kept for now, and is erased later without being asked again.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+")
    kind = models.CharField(max_length=16)
    state = models.CharField(max_length=16, default="searching")
    reference = models.CharField(max_length=100)  # whoever handles it calls it so; no name
    note = models.TextField(blank=True)
    received_at = models.DateTimeField(db_default=Now())
    due_at = models.DateTimeField()
    extended_at = models.DateTimeField(null=True)
    extension_reason = models.TextField(blank=True)
    assignee = models.ForeignKey(
        Member, models.SET_NULL, null=True, related_name="+", db_constraint=False
    )
    purpose = models.CharField(max_length=100, blank=True)  # of a restriction: read for this only
    wait_until = models.DateTimeField(null=True)  # None while waiting: a hold, or a lease
    waits_for = models.TextField(blank=True)
    run_id = models.UUIDField(null=True)
    found = models.BigIntegerField(default=0)
    erased = models.BigIntegerField(default=0)
    restricted = models.BigIntegerField(default=0)
    answered_at = models.DateTimeField(null=True)
    certificate = models.TextField(blank=True)  # a signed note

    class Meta:
        db_table = "stateward_subject_request"
        indexes: ClassVar = [
            models.Index(fields=["tenant", "state", "id"], name="subject_request_states")
        ]

    def __str__(self) -> str:
        return self.reference


class SubjectIdentifier(models.Model):
    """One identifier of a request: its keyed hash, and what may be shown of it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+")
    request = models.ForeignKey(SubjectRequest, models.CASCADE, related_name="identifiers")
    kind = models.CharField(max_length=40)
    id_hash = models.BinaryField(max_length=32)
    hint = models.CharField(max_length=40)
    # What the database calls the person where a namespace seals each one's values apart.
    key_hashes = ArrayField(models.BinaryField(max_length=32), default=list)

    class Meta:
        db_table = "stateward_subject_identifier"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant", "request", "id_hash"], name="subject_identifier_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.hint}"


class SubjectEvent(models.Model):
    """One step in a request's history."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+")
    request = models.ForeignKey(SubjectRequest, models.CASCADE, related_name="events")
    event = models.CharField(max_length=24)
    note = models.TextField(blank=True)
    actor_type = models.CharField(max_length=16)
    actor_id = models.UUIDField()
    actor_name = models.CharField(max_length=254)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "stateward_subject_event"

    def __str__(self) -> str:
        return self.event


class SubjectItem(models.Model):
    """One entry of an erasure's frozen list, by the keyed hash of its identity once it is gone."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+")
    request = models.ForeignKey(SubjectRequest, models.CASCADE, related_name="items")
    namespace_id = models.UUIDField()
    key = models.CharField(max_length=512, blank=True)  # emptied with the entry
    id_hash = models.BinaryField(max_length=32)
    state = models.CharField(max_length=12, default="listed")  # erased, held, retained, leased
    keep_until = models.DateTimeField(null=True)
    batch_id = models.UUIDField(null=True)

    class Meta:
        db_table = "stateward_subject_item"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant", "request", "namespace_id", "id_hash"], name="subject_item_once"
            )
        ]

    def __str__(self) -> str:
        return self.state


class SubjectRescan(models.Model):
    """One search of all stores for what was erased."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+")
    run_id = models.UUIDField()
    at = models.DateTimeField(db_default=Now())
    requests = models.BigIntegerField(default=0)
    looked_at = models.BigIntegerField(default=0)
    remnants = models.BigIntegerField(default=0)
    anew = models.BigIntegerField(default=0)  # written after the erasure: not a remnant
    control_found = models.BooleanField(default=True)  # what must be found was found
    details = models.JSONField(default=list)

    class Meta:
        db_table = "stateward_subject_rescan"

    def __str__(self) -> str:
        return f"search at {self.at}"

"""Routes of alerts, and what was sent over them."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from stateward.kernel.ids import uuid7

KINDS = ("email", "webhook")


class Route(models.Model):
    """Whom to tell of which alerts, and when.

    ``after_minutes``: a step of the ladder. 0 tells of each alert as it opens; more, of those that
    nobody has acknowledged by then. ``digest_minutes``: gather what comes within so long into one
    message. ``quiet_from`` and ``quiet_to``, minutes of the day in UTC: what is not critical waits
    for the end of that stretch.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant_id = models.UUIDField()
    name = models.CharField(max_length=64)
    kind = models.CharField(max_length=16)
    addresses = models.JSONField(default=list)  # of an e-mail
    url = models.TextField(blank=True)  # of a webhook
    secret = models.BinaryField(null=True)  # wrapped under the tenant's key
    secret_key_id = models.UUIDField(null=True)
    severity = models.CharField(max_length=10)  # this one and worse
    rules = models.JSONField(default=list)  # empty: any
    namespaces = models.JSONField(default=list)  # each with all beneath it; empty: any alert
    after_minutes = models.PositiveIntegerField(default=0)
    digest_minutes = models.PositiveIntegerField(default=0)
    quiet_from = models.PositiveSmallIntegerField(null=True)
    quiet_to = models.PositiveSmallIntegerField(null=True)
    enabled = models.BooleanField(default=True)
    disabled_why = models.CharField(max_length=200, blank=True)  # by us, not by a person
    failing_since = models.DateTimeField(null=True)
    said = models.CharField(max_length=500, blank=True)  # how it went last
    sent_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now())
    created_by = models.CharField(max_length=254)

    class Meta:
        db_table = "stateward_alert_route"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant_id", "name"], name="route_name_once")
        ]

    def __str__(self) -> str:
        return self.name


class Delivery(models.Model):
    """One message over one route. ``body`` is kept, to the byte, until it is taken or given up."""

    class State(models.TextChoices):
        WAITING = "waiting"
        SENT = "sent"
        GIVEN_UP = "given_up"

    class Kind(models.TextChoices):
        ALERT = "alert"
        LADDER = "ladder"  # nobody has acknowledged it
        DIGEST = "digest"
        TEST = "test"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant_id = models.UUIDField()
    route = models.ForeignKey(Route, models.CASCADE, related_name="deliveries")
    kind = models.CharField(max_length=8, choices=Kind)
    alerts = models.JSONField(default=list)  # ids
    title = models.CharField(max_length=300)
    body = models.TextField(blank=True)
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    attempts = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField(db_default=Now())
    said = models.CharField(max_length=500, blank=True)
    made_at = models.DateTimeField(db_default=Now())
    sent_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "stateward_alert_delivery"
        indexes: ClassVar = [
            models.Index(fields=["tenant_id", "id"], name="deliveries_in_order"),
            models.Index(
                fields=["tenant_id", "next_at"],
                condition=models.Q(state="waiting"),
                name="deliveries_due",
            ),
        ]

    def __str__(self) -> str:
        return self.title


class Told(models.Model):
    """Which alert a route has been told of: once, whatever happens in between."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant_id = models.UUIDField()
    route = models.ForeignKey(Route, models.CASCADE, related_name="+")
    alert_id = models.UUIDField()

    class Meta:
        db_table = "stateward_alert_told"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant_id", "route", "alert_id"], name="told_once")
        ]

    def __str__(self) -> str:
        return str(self.alert_id)

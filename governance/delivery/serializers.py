"""The shapes of routes and deliveries on the wire."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from governance.delivery.models import KINDS, Delivery
from governance.detection.models import SEVERITIES
from stateward.web.drf.serializers import StrictSerializer

Shown = serializers.Serializer[Any]
MONTH = 30 * 24 * 60
DAY = 24 * 60


class RouteChangesSerializer(StrictSerializer):
    name = serializers.CharField(max_length=64, required=False)
    addresses = serializers.ListField(
        child=serializers.CharField(max_length=254), required=False, max_length=20
    )
    url = serializers.CharField(max_length=2_000, required=False, allow_blank=True)
    severity = serializers.ChoiceField(SEVERITIES, required=False)
    rules = serializers.ListField(
        child=serializers.CharField(max_length=40), required=False, max_length=50
    )
    namespaces = serializers.ListField(
        child=serializers.CharField(max_length=640), required=False, max_length=50
    )
    after_minutes = serializers.IntegerField(required=False, min_value=0, max_value=MONTH)
    digest_minutes = serializers.IntegerField(required=False, min_value=0, max_value=DAY)
    quiet_from = serializers.IntegerField(
        required=False, allow_null=True, min_value=0, max_value=DAY - 1
    )
    quiet_to = serializers.IntegerField(
        required=False, allow_null=True, min_value=0, max_value=DAY - 1
    )
    enabled = serializers.BooleanField(required=False)


class NewRouteSerializer(RouteChangesSerializer):
    name = serializers.CharField(max_length=64)
    kind = serializers.ChoiceField(KINDS)
    severity = serializers.ChoiceField(SEVERITIES)


class RouteSerializer(Shown):
    id = serializers.UUIDField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(KINDS)
    addresses = serializers.ListField(child=serializers.CharField())
    url = serializers.CharField()
    severity = serializers.ChoiceField(SEVERITIES)
    rules = serializers.ListField(child=serializers.CharField())
    namespaces = serializers.ListField(child=serializers.CharField())
    after_minutes = serializers.IntegerField()
    digest_minutes = serializers.IntegerField()
    quiet_from = serializers.IntegerField(allow_null=True, help_text="A minute of the day, in UTC.")
    quiet_to = serializers.IntegerField(allow_null=True)
    enabled = serializers.BooleanField()
    disabled_why = serializers.CharField()
    failing_since = serializers.DateTimeField(allow_null=True)
    said = serializers.CharField(help_text="How it went last.")
    sent_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    created_by = serializers.CharField()


class MadeRouteSerializer(RouteSerializer):
    secret = serializers.CharField(
        allow_null=True, help_text="What a webhook is signed with; shown this once."
    )


class AlertDeliverySerializer(Shown):
    id = serializers.UUIDField()
    route = serializers.UUIDField()
    route_name = serializers.CharField()
    kind = serializers.ChoiceField(Delivery.Kind.values)
    state = serializers.ChoiceField(Delivery.State.values)
    title = serializers.CharField()
    alerts = serializers.ListField(child=serializers.UUIDField())
    attempts = serializers.IntegerField()
    said = serializers.CharField()
    made_at = serializers.DateTimeField()
    next_at = serializers.DateTimeField(allow_null=True, help_text="When it is tried again.")
    sent_at = serializers.DateTimeField(allow_null=True)

"""The shapes of pending writes on the wire."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

Shown = serializers.Serializer[Any]
STATES = ("pending", "released", "refused", "withdrawn", "expired")
KINDS = ("put", "patch", "action", "rollback", "delete")


class PendingAskerSerializer(Shown):
    type = serializers.CharField()
    id = serializers.UUIDField()
    name = serializers.CharField()


class PendingOperationSerializer(Shown):
    namespace = serializers.CharField(allow_null=True)
    key = serializers.CharField()
    operation = serializers.ChoiceField(KINDS)
    base_version = serializers.IntegerField(allow_null=True)
    current_version = serializers.IntegerField(allow_null=True)
    has_moved = serializers.BooleanField()
    size_bytes = serializers.IntegerField()
    version = serializers.IntegerField(allow_null=True, help_text="What it wrote, once released.")


class PendingSerializer(Shown):
    id = serializers.UUIDField()
    state = serializers.ChoiceField(STATES)
    approval = serializers.UUIDField(help_text="The request that others agree to.")
    asked_by = PendingAskerSerializer()
    run = serializers.CharField(allow_null=True)
    is_transaction = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)
    operations = PendingOperationSerializer(many=True)


class PendingEffectSerializer(Shown):
    namespace = serializers.CharField(allow_null=True)
    key = serializers.CharField()
    patch = serializers.ListField(child=serializers.DictField(), allow_null=True)
    refused = serializers.CharField(allow_null=True)


class PendingRadiusSerializer(Shown):
    entries = serializers.IntegerField()
    namespaces = serializers.IntegerField()
    size_bytes = serializers.IntegerField()
    readers = serializers.IntegerField(help_text="Who read there within 30 days.")


class PendingEffectsSerializer(Shown):
    items = PendingEffectSerializer(many=True)
    radius = PendingRadiusSerializer()

"""Shapes of the backups' API: strict ones are what is taken, the others what is shown."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from stateward.web.drf.serializers import StrictSerializer

Shown = serializers.Serializer[Any]


class RestoreRequestSerializer(StrictSerializer):
    into = serializers.CharField(max_length=63)
    confirm = serializers.CharField(max_length=63)


class AskedSerializer(Shown):
    run_id = serializers.UUIDField()


class BackupSerializer(Shown):
    id = serializers.UUIDField()
    name = serializers.CharField()
    state = serializers.ChoiceField(choices=["running", "done", "failed", "expired"])
    started_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    taken_at = serializers.DateTimeField(allow_null=True)
    entries = serializers.IntegerField()
    rows = serializers.IntegerField()
    bytes = serializers.IntegerField()
    sha256 = serializers.CharField()
    key_id = serializers.CharField()
    tree_size = serializers.IntegerField(allow_null=True)
    run_id = serializers.UUIDField(allow_null=True)
    error = serializers.CharField()


class DrillCheckSerializer(Shown):
    name = serializers.CharField()
    passed = serializers.BooleanField()
    said = serializers.CharField()


class DrillSerializer(Shown):
    id = serializers.UUIDField()
    backup_id = serializers.UUIDField(allow_null=True)
    state = serializers.ChoiceField(choices=["running", "passed", "failed"])
    started_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    restore_seconds = serializers.FloatField(allow_null=True)
    checks = DrillCheckSerializer(many=True)
    run_id = serializers.UUIDField(allow_null=True)
    error = serializers.CharField()


class RestoreSerializer(Shown):
    id = serializers.UUIDField()
    backup_id = serializers.UUIDField(allow_null=True)
    state = serializers.ChoiceField(choices=["running", "done", "failed"])
    archive = serializers.CharField()
    target = serializers.CharField()
    target_id = serializers.UUIDField(allow_null=True)
    started_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    report = serializers.DictField()
    run_id = serializers.UUIDField(allow_null=True)
    error = serializers.CharField()


class PlanSerializer(Shown):
    archive = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment]  # DRF takes it off the class
    taken_at = serializers.DateTimeField()
    target = serializers.CharField()
    is_new = serializers.BooleanField()
    entries = serializers.IntegerField()
    bytes = serializers.IntegerField()
    writes = serializers.DictField(child=serializers.IntegerField())
    leaves_out = serializers.ListField(child=serializers.CharField())


class BackupKeySerializer(Shown):
    key_id = serializers.CharField()
    ed25519 = serializers.CharField()

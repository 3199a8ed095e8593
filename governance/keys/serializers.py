"""Shapes of the API of keys: strict ones are what is taken, the others what is shown."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from governance.keys.models import STATES
from governance.keys.services import MAX_REASON
from stateward.gate.keys.subjects import MAX_PATH
from stateward.web.drf.serializers import StrictSerializer

Shown = serializers.Serializer[Any]
VERSION_STATES = ("active", "decrypt_only", "retired", "destroyed")
KEY_STATES = ("active", "moving", "destroyed")


class KeyReasonSerializer(StrictSerializer):
    reason = serializers.CharField(max_length=MAX_REASON)


class KeyRotationSerializer(StrictSerializer):
    reason = serializers.CharField(default="asked for", max_length=MAX_REASON)


class ReencryptionSerializer(StrictSerializer):
    dry_run = serializers.BooleanField(
        default=False, help_text="Count what is under each version, and change nothing."
    )
    rows_per_second = serializers.IntegerField(
        default=0, min_value=0, max_value=1_000_000, help_text="0: as the installation says."
    )


class NewDestructionSerializer(KeyReasonSerializer):
    version = serializers.IntegerField(
        default=None,
        allow_null=True,
        min_value=1,
        help_text="null: the whole key, and with it everything under it.",
    )


class SubjectRuleSerializer(StrictSerializer):
    path = serializers.CharField(
        allow_null=True,
        max_length=MAX_PATH,
        help_text="A JSON pointer into the value, or a key with {} in it. null: no rule.",
    )


class SubjectRuleAnswerSerializer(SubjectRuleSerializer):
    people = serializers.IntegerField(help_text="Who have a key of their own in it.")
    shredded = serializers.IntegerField(help_text="Whose key was destroyed.")


class KeyCountSerializer(Shown):
    store = serializers.CharField()
    version = serializers.IntegerField()
    rows = serializers.IntegerField()
    bytes = serializers.IntegerField()


class KeyVersionSerializer(Shown):
    version = serializers.IntegerField()
    state = serializers.ChoiceField(VERSION_STATES)
    is_compromised = serializers.BooleanField()
    messages = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    turned_at = serializers.DateTimeField(allow_null=True)
    retired_at = serializers.DateTimeField(allow_null=True)
    destroyed_at = serializers.DateTimeField(allow_null=True)
    values = serializers.IntegerField(help_text="Under it when it was last counted.")


class KeyDestructionSerializer(Shown):
    id = serializers.UUIDField()
    namespace = serializers.CharField()
    key = serializers.UUIDField()
    version = serializers.IntegerField(allow_null=True)
    state = serializers.ChoiceField(STATES)
    reason = serializers.CharField()
    asked_by = serializers.CharField()
    asked_at = serializers.DateTimeField()
    due_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)
    said = serializers.CharField(help_text="Why it was refused in the end.")
    counts = serializers.DictField(child=serializers.IntegerField())


class KeyCustodySerializer(Shown):
    namespace = serializers.CharField()
    key = serializers.UUIDField(allow_null=True)
    state = serializers.ChoiceField(KEY_STATES)
    is_compromised = serializers.BooleanField()
    versions = KeyVersionSerializer(many=True)
    counts = KeyCountSerializer(many=True)
    counted_at = serializers.DateTimeField(allow_null=True)
    backups = serializers.IntegerField(help_text="Kept ones that hold something under it.")
    destructions = KeyDestructionSerializer(many=True)


class ReencryptionAnswerSerializer(Shown):
    run = serializers.UUIDField(allow_null=True, help_text="Under /api/v1/jobs.")
    counts = KeyCountSerializer(many=True)


class ExposedValueSerializer(Shown):
    key = serializers.CharField()
    version = serializers.IntegerField()
    at = serializers.DateTimeField()
    operation = serializers.CharField()
    size_bytes = serializers.IntegerField()
    is_still_under = serializers.BooleanField()
    has_value = serializers.BooleanField()


class TenantKeyRotationSerializer(Shown):
    rewrapped = serializers.IntegerField()


class ShredSerializer(Shown):
    statement = serializers.CharField(help_text="Canonical JSON, as it is signed.")
    signature = serializers.CharField(help_text="Ed25519, in hex.")
    signer = serializers.CharField(help_text="The public key, in hex.")


class ShredLedgerSerializer(Shown):
    items = ShredSerializer(many=True)

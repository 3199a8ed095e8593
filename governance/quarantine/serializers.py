"""The shapes of quarantines and of what they review."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from governance.quarantine.writes import STANDINGS
from stateward.web.drf.serializers import StrictSerializer

Shown = serializers.Serializer[Any]
VERDICTS = ("keep", "roll_back")
CHANGES = ("created", "changed", "deleted")


class NewQuarantineSerializer(StrictSerializer):
    agent = serializers.UUIDField()
    since = serializers.DateTimeField()
    reason = serializers.CharField(max_length=2_000, required=False, allow_blank=True)
    alert = serializers.UUIDField(required=False, allow_null=True)


class ReleaseQuarantineSerializer(StrictSerializer):
    note = serializers.CharField(max_length=2_000, required=False, allow_blank=True)
    keep_rest = serializers.BooleanField(required=False)
    resume = serializers.BooleanField(required=False)


class WriteNamedSerializer(StrictSerializer):
    id = serializers.UUIDField()
    if_version = serializers.IntegerField(required=False, min_value=1)


class NewVerdictSerializer(StrictSerializer):
    verdict = serializers.ChoiceField(VERDICTS)
    writes = serializers.ListField(
        child=WriteNamedSerializer(),
        required=False,
        allow_null=True,
        allow_empty=False,
        max_length=1_000,
    )
    dry_run = serializers.BooleanField(required=False)


class QuarantineCountsSerializer(Shown):
    clean = serializers.IntegerField()
    changed_since = serializers.IntegerField()
    leased = serializers.IntegerField()
    lost = serializers.IntegerField()
    gone = serializers.IntegerField()
    kept = serializers.IntegerField()
    rolled_back = serializers.IntegerField()


class QuarantineSerializer(Shown):
    id = serializers.UUIDField()
    agent = serializers.UUIDField()
    agent_name = serializers.CharField()
    alert = serializers.UUIDField(allow_null=True)
    reason = serializers.CharField()
    since = serializers.DateTimeField()
    opened_at = serializers.DateTimeField()
    opened_by = serializers.CharField()
    closed_at = serializers.DateTimeField(allow_null=True)
    closed_by = serializers.CharField()
    note = serializers.CharField()


class QuarantineDetailSerializer(QuarantineSerializer):
    writes = serializers.IntegerField()
    entries = QuarantineCountsSerializer()


class QuarantinedWriteSerializer(Shown):
    id = serializers.UUIDField(help_text="The audit record of the agent's first write to it.")
    namespace = serializers.CharField()
    key = serializers.CharField()
    change = serializers.ChoiceField(CHANGES)
    writes = serializers.IntegerField()
    first_version = serializers.IntegerField()
    last_version = serializers.IntegerField()
    before_version = serializers.IntegerField(allow_null=True)
    current_version = serializers.IntegerField(allow_null=True)
    first_at = serializers.DateTimeField()
    last_at = serializers.DateTimeField()
    updated_by = serializers.CharField(allow_null=True)
    leased_by = serializers.CharField(allow_null=True)
    standing = serializers.ChoiceField(STANDINGS)
    decided_by = serializers.CharField(allow_null=True)


class NotDecidedSerializer(Shown):
    id = serializers.UUIDField()
    code = serializers.CharField()
    detail = serializers.CharField()


class VerdictsSerializer(Shown):
    verdict = serializers.ChoiceField(VERDICTS)
    dry_run = serializers.BooleanField()
    entries = serializers.IntegerField()
    refused = NotDecidedSerializer(many=True)
    has_more = serializers.BooleanField(help_text="Ask again: one call takes 1,000 entries.")

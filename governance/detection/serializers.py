"""The shapes of alerts, rules and suppressions on the wire."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from governance.detection.models import SEVERITIES, Alert
from stateward.web.drf.serializers import StrictSerializer

Shown = serializers.Serializer[Any]
STATES = Alert.State.values


class NoteSerializer(StrictSerializer):
    note = serializers.CharField(max_length=2000, required=False, allow_blank=True)


class ResolutionSerializer(StrictSerializer):
    note = serializers.CharField(max_length=2000)


class AssignmentSerializer(StrictSerializer):
    owner = serializers.UUIDField(allow_null=True)


class RuleChangesSerializer(StrictSerializer):
    enabled = serializers.BooleanField(required=False)
    severity = serializers.ChoiceField(SEVERITIES, required=False)
    owner = serializers.UUIDField(required=False, allow_null=True)
    thresholds = serializers.DictField(child=serializers.IntegerField(), required=False)


class NewSuppressionSerializer(StrictSerializer):
    rule = serializers.CharField(max_length=40)
    subject_type = serializers.CharField(max_length=16, required=False, allow_blank=True)
    subject_id = serializers.CharField(max_length=128, required=False, allow_blank=True)
    reason = serializers.CharField(max_length=2000)
    ends_at = serializers.DateTimeField()


class SubjectSerializer(Shown):
    type = serializers.CharField()
    id = serializers.CharField()
    name = serializers.CharField()


class AlertSerializer(Shown):
    id = serializers.UUIDField()
    rule = serializers.CharField()
    title = serializers.CharField()
    said = serializers.CharField()
    severity = serializers.ChoiceField(SEVERITIES)
    state = serializers.ChoiceField(STATES)
    subject = SubjectSerializer()
    count = serializers.IntegerField()
    first_at = serializers.DateTimeField()
    last_at = serializers.DateTimeField()
    opened_at = serializers.DateTimeField()
    changed_at = serializers.DateTimeField()
    owner = serializers.UUIDField(allow_null=True)
    tags = serializers.ListField(child=serializers.CharField())
    audit = serializers.DictField(
        child=serializers.CharField(), help_text="Parameters of GET /audit/records that show them."
    )


class AlertDetailSerializer(AlertSerializer):
    records = serializers.ListField(
        child=serializers.UUIDField(), help_text="The newest audit records it counts."
    )


class AlertEventSerializer(Shown):
    id = serializers.UUIDField()
    at = serializers.DateTimeField()
    event = serializers.CharField()
    note = serializers.CharField()
    actor = SubjectSerializer()


class ThresholdSerializer(Shown):
    name = serializers.CharField()
    says = serializers.CharField()
    value = serializers.IntegerField()
    usual = serializers.IntegerField()
    least = serializers.IntegerField()
    most = serializers.IntegerField()


class RuleSerializer(Shown):
    name = serializers.CharField()
    number = serializers.IntegerField()
    title = serializers.CharField()
    why = serializers.CharField()
    advice = serializers.CharField()
    enabled = serializers.BooleanField()
    severity = serializers.ChoiceField(SEVERITIES)
    owner = serializers.UUIDField(allow_null=True)
    thresholds = ThresholdSerializer(many=True)
    tags = serializers.ListField(child=serializers.CharField())
    interval_seconds = serializers.IntegerField()
    evaluated_at = serializers.DateTimeField(allow_null=True)
    is_late = serializers.BooleanField()
    error = serializers.CharField(allow_null=True)
    changed_at = serializers.DateTimeField(allow_null=True)
    changed_by = serializers.CharField()


class RulesSerializer(Shown):
    items = RuleSerializer(many=True)


class SuppressionSerializer(Shown):
    id = serializers.UUIDField()
    rule = serializers.CharField()
    subject_type = serializers.CharField()
    subject_id = serializers.CharField()
    reason = serializers.CharField()
    ends_at = serializers.DateTimeField()
    created_at = serializers.DateTimeField()
    created_by = serializers.CharField()
    suppressed = serializers.IntegerField()

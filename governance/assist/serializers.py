"""Shapes of the model's help over REST."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from governance.policies.serializers import PolicySerializer
from stateward.web.drf.serializers import StrictSerializer

Shown = serializers.Serializer[Any]


class EntryToExplainSerializer(StrictSerializer):
    namespace = serializers.CharField(max_length=512)
    key = serializers.CharField(max_length=512, trim_whitespace=False)


class NamespaceToSearchSerializer(StrictSerializer):
    namespace = serializers.CharField(max_length=512)


class SentenceSerializer(StrictSerializer):
    sentence = serializers.CharField(max_length=4_000)


class AssistStatusSerializer(Shown):
    enabled = serializers.BooleanField()
    model = serializers.CharField(allow_null=True)
    calls_a_minute = serializers.IntegerField()
    tokens_a_day = serializers.IntegerField()


class PointSerializer(Shown):
    text = serializers.CharField()
    severity = serializers.ChoiceField(choices=["low", "medium", "high"], required=False)
    versions = serializers.ListField(child=serializers.IntegerField())
    keys = serializers.ListField(child=serializers.CharField())


class TokensSerializer(Shown):
    input = serializers.IntegerField()
    output = serializers.IntegerField()


class AssistedSerializer(Shown):
    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=["explain", "anomalies", "policy"])
    said_by = serializers.CharField()
    model = serializers.CharField()
    summary = serializers.CharField()
    points = PointSerializer(many=True)
    masked = serializers.DictField(child=serializers.IntegerField())
    shown_characters = serializers.IntegerField()
    tokens = TokensSerializer()


class DraftedSerializer(AssistedSerializer):
    policy = PolicySerializer(allow_null=True)

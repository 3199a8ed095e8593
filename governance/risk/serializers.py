"""The shapes of risks on the wire."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

Shown = serializers.Serializer[Any]
RISK_LEVELS = ("none", "low", "medium", "high")


class RiskTermSerializer(Shown):
    name = serializers.CharField()
    count = serializers.IntegerField()
    points = serializers.FloatField(help_text="What is left of them now.")


class AgentRiskSerializer(Shown):
    agent = serializers.UUIDField()
    name = serializers.CharField()
    score = serializers.IntegerField(help_text="0 to 100; an hour weighs half a day later.")
    level = serializers.ChoiceField(RISK_LEVELS)
    terms = RiskTermSerializer(many=True)


class RiskHourSerializer(Shown):
    hour = serializers.DateTimeField()
    points = serializers.FloatField()
    denials = serializers.IntegerField()
    failures = serializers.IntegerField()
    alerts = serializers.IntegerField()


class AgentRiskDetailSerializer(AgentRiskSerializer):
    hours = RiskHourSerializer(many=True)


class AgentRisksSerializer(Shown):
    items = AgentRiskSerializer(many=True)

"""Capacity and measurements on the wire."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from stateward.web.drf.serializers import StrictSerializer

MOST = 2**62


class QuotaSerializer(StrictSerializer):
    entries = serializers.IntegerField(min_value=1, max_value=MOST, allow_null=True)
    bytes = serializers.IntegerField(min_value=1, max_value=MOST, allow_null=True)
    writes_per_day = serializers.IntegerField(
        min_value=1, max_value=MOST, allow_null=True, required=False
    )
    refuses = serializers.BooleanField(
        required=False, help_text="Whether writes past it are refused; else it is a plan."
    )


class UsedSerializer(serializers.Serializer[Any]):
    entries = serializers.IntegerField(help_text="That live.")
    bytes = serializers.IntegerField(help_text="Of values and revisions, as they were written.")
    writes_today = serializers.IntegerField(help_text="Since midnight UTC.")


class QuotaAnswerSerializer(QuotaSerializer):
    used = UsedSerializer()


class ForecastSerializer(serializers.Serializer[Any]):
    in_days = serializers.IntegerField()
    missing_days = serializers.IntegerField(help_text="To be measured before there is a forecast.")
    on = serializers.DateField(allow_null=True)
    low = serializers.IntegerField(allow_null=True)
    expected = serializers.IntegerField(allow_null=True)
    high = serializers.IntegerField(allow_null=True)


class GrowerSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    bytes = serializers.IntegerField()
    more = serializers.IntegerField(help_text="Than so many days before.")
    days = serializers.IntegerField()


class CapacitySerializer(serializers.Serializer[Any]):
    tenant = serializers.CharField()
    entries = serializers.IntegerField(help_text="That live.")
    bytes = serializers.IntegerField(help_text="Of values and revisions, as they were written.")
    measured_days = serializers.IntegerField()
    growth_per_day = serializers.IntegerField(allow_null=True, help_text="Bytes.")
    entries_per_day = serializers.FloatField(allow_null=True)
    forecast = ForecastSerializer()
    quota = QuotaSerializer()
    disk_used = serializers.FloatField(allow_null=True, help_text="Share of the volume.")
    runs_out = serializers.ChoiceField(("bytes", "entries", "disk"), allow_null=True)
    exhausted_on = serializers.DateField(allow_null=True)
    exhausted_between = serializers.ListField(
        child=serializers.DateField(allow_null=True), allow_null=True
    )
    namespaces = GrowerSerializer(many=True)
    agents = GrowerSerializer(many=True)


class CapacityReportSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    at = serializers.DateTimeField()
    report = CapacitySerializer()


class MetricPointSerializer(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    count = serializers.IntegerField()
    mean = serializers.FloatField(allow_null=True, help_text="Seconds.")
    p50 = serializers.FloatField(allow_null=True)
    p95 = serializers.FloatField(allow_null=True)
    p99 = serializers.FloatField(allow_null=True)


class MetricSeriesSerializer(serializers.Serializer[Any]):
    series = serializers.CharField()
    step_seconds = serializers.IntegerField()
    points = MetricPointSerializer(many=True)


class RecordCountsSerializer(serializers.Serializer[Any]):
    step_seconds = serializers.IntegerField()
    steps = serializers.ListField(child=serializers.DateTimeField())
    counted_at = serializers.DateTimeField(allow_null=True)
    counts = serializers.ListField(child=serializers.DictField())


class StoredSerializer(serializers.Serializer[Any]):
    day = serializers.DateField()
    id = serializers.UUIDField()
    name = serializers.CharField()
    entries = serializers.IntegerField()
    bytes = serializers.IntegerField()
    revisions = serializers.IntegerField()
    revision_bytes = serializers.IntegerField()

"""Analytics of a namespace over REST."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from governance.capacity.analytics import DAYS, MOST_DAYS, body, look_at
from stateward.kernel.errors import Malformed
from stateward.web.drf.pages import known_parameters
from stateward.web.drf.requests import ActorRequest
from stateward.web.drf.views import ApiView


class AnalyticsDaySerializer(serializers.Serializer[Any]):
    day = serializers.DateField(help_text="UTC.")
    entries = serializers.IntegerField(help_text="That live, as last measured that day.")
    bytes = serializers.IntegerField()
    revisions = serializers.IntegerField()
    revision_bytes = serializers.IntegerField()
    writes = serializers.IntegerField()
    removals = serializers.IntegerField(help_text="Of the writes: delete, expire, purge.")
    keys_written = serializers.IntegerField()
    value_bytes = serializers.IntegerField(help_text="Of the values written.")
    stored_bytes = serializers.IntegerField(help_text="Put into tables for them, sealed.")
    reads = serializers.IntegerField()
    conflicts = serializers.IntegerField(help_text="Tries that another write was quicker than.")
    conflict_rate = serializers.FloatField(allow_null=True)
    write_amplification = serializers.FloatField(
        allow_null=True, help_text="Stored bytes for each byte of value."
    )


class HotKeySerializer(serializers.Serializer[Any]):
    key = serializers.CharField()
    writes = serializers.IntegerField(help_text="In seven days.")


class LargeKeySerializer(serializers.Serializer[Any]):
    key = serializers.CharField()
    size_bytes = serializers.IntegerField()


class DeadKeySerializer(LargeKeySerializer):
    written_at = serializers.DateTimeField()


class DeadSerializer(serializers.Serializer[Any]):
    after_days = serializers.IntegerField(allow_null=True)
    keys = serializers.IntegerField()
    bytes = serializers.IntegerField()
    oldest = DeadKeySerializer(many=True)


class AnalyticsSerializer(serializers.Serializer[Any]):
    namespace = serializers.CharField()
    analysed_at = serializers.DateTimeField(allow_null=True)
    days = AnalyticsDaySerializer(many=True)
    hottest = HotKeySerializer(many=True)
    largest = LargeKeySerializer(many=True)
    dead = DeadSerializer()


class AnalyticsView(ApiView):
    """Counted by a job each hour; of the keys, those the caller may know of."""

    @extend_schema(
        operation_id="get_namespace_analytics",
        parameters=[OpenApiParameter("days", int, description="30 unless given; at most 400.")],
        responses=AnalyticsSerializer,
    )
    def get(self, request: ActorRequest, name: str) -> Response:
        known_parameters(request, "days")
        found = look_at(request.actor, request.call, name, days=_days(request))
        return Response(body(name, found))


def _days(request: ActorRequest) -> int:
    text = request.query_params.get("days", str(DAYS))
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text[:6]) <= MOST_DAYS:
        raise Malformed(f"days is a whole number from 1 to {MOST_DAYS}.")
    return int(text)

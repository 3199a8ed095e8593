"""What bounds a namespace, over REST."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from stateward.state.bounds import NO_BOUNDS, NO_QUOTA, Bounds, Quota
from stateward.state.services import bounding
from stateward.state.usage import Sum
from stateward.web.drf.pages import known_parameters
from stateward.web.drf.requests import ActorRequest
from stateward.web.drf.serializers import StrictSerializer
from stateward.web.drf.views import ApiView

MOST, MOST_INTEGER = 2**62, 2**31 - 1


def _count(says: str, most: int = MOST_INTEGER) -> serializers.IntegerField:
    return serializers.IntegerField(
        min_value=1, max_value=most, allow_null=True, required=False, help_text=says
    )


class NamespaceQuotaSerializer(StrictSerializer):
    entries = serializers.IntegerField(
        min_value=1, max_value=MOST, allow_null=True, required=False, help_text="That live."
    )
    bytes = serializers.IntegerField(
        min_value=1, max_value=MOST, allow_null=True, required=False,
        help_text="Of values and revisions, as they were written.",
    )  # fmt: skip
    writes_per_day = serializers.IntegerField(
        min_value=1, max_value=MOST, allow_null=True, required=False
    )


class NamespaceUsedSerializer(StrictSerializer):
    entries = serializers.IntegerField()
    bytes = serializers.IntegerField()
    writes_today = serializers.IntegerField(help_text="Since midnight UTC.")


class NamespaceQuotaAnswerSerializer(NamespaceQuotaSerializer):
    used = NamespaceUsedSerializer()


class NamespaceQuotaView(ApiView):
    """What a namespace may hold: writes past it are refused."""

    @extend_schema(operation_id="get_namespace_quota", responses=NamespaceQuotaAnswerSerializer)
    def get(self, request: ActorRequest, name: str) -> Response:
        known_parameters(request)
        return Response(_body(*bounding.namespace_quota(request.actor, request.call, name)))

    @extend_schema(
        operation_id="set_namespace_quota",
        request=NamespaceQuotaSerializer,
        responses=NamespaceQuotaAnswerSerializer,
    )
    def put(self, request: ActorRequest, name: str) -> Response:
        quota = Quota(**self.read(NamespaceQuotaSerializer))
        bounding.set_namespace_quota(request.actor, request.call, name, quota)
        return Response(_body(*bounding.namespace_quota(request.actor, request.call, name)))

    @extend_schema(operation_id="lift_namespace_quota", request=None, responses={204: None})
    def delete(self, request: ActorRequest, name: str) -> Response:
        bounding.set_namespace_quota(request.actor, request.call, name, NO_QUOTA)
        return Response(status=204)


class BoundsSerializer(StrictSerializer):
    keep_revisions = _count("Of each key so many keep their values; the newest always does.")
    keep_history_bytes = _count("Of each key the newest whose values are so many together.")
    keep_entries = _count("The newest; older ones are purged.")
    compress_over_bytes = _count("New values of at least so many are stored compressed.")
    compress_after_days = _count("Revisions so old are stored compressed.", 36_500)
    dead_after_days = _count("Keys not written for so long are counted as dead.", 36_500)


class TierSerializer(StrictSerializer):
    trimmed_revisions = serializers.IntegerField()
    trimmed_bytes = serializers.IntegerField()
    purged_entries = serializers.IntegerField()
    cold_revisions = serializers.IntegerField()
    cold_bytes_before = serializers.IntegerField(help_text="Sealed, before they were compressed.")
    cold_bytes_after = serializers.IntegerField()
    looked_revisions = serializers.IntegerField()


class BoundsAnswerSerializer(BoundsSerializer):
    done = TierSerializer(help_text="What they have come to since they were first set.")


class NamespaceBoundsView(ApiView):
    """How much history and how many entries a namespace keeps, and what it compresses."""

    @extend_schema(operation_id="get_namespace_bounds", responses=BoundsAnswerSerializer)
    def get(self, request: ActorRequest, name: str) -> Response:
        known_parameters(request)
        return self._answer(request, name)

    @extend_schema(
        operation_id="set_namespace_bounds",
        request=BoundsSerializer,
        responses=BoundsAnswerSerializer,
    )
    def put(self, request: ActorRequest, name: str) -> Response:
        bounds = Bounds(**self.read(BoundsSerializer))
        bounding.set_namespace_bounds(request.actor, request.call, name, bounds)
        return self._answer(request, name)

    @extend_schema(operation_id="lift_namespace_bounds", request=None, responses={204: None})
    def delete(self, request: ActorRequest, name: str) -> Response:
        bounding.set_namespace_bounds(request.actor, request.call, name, NO_BOUNDS)
        return Response(status=204)

    def _answer(self, request: ActorRequest, name: str) -> Response:
        bounds, done = bounding.namespace_bounds(request.actor, request.call, name)
        return Response(bounds._asdict() | {"done": done._asdict()})


def _body(quota: Quota, used: Sum) -> dict[str, object]:
    shown = {"entries": used.entries, "bytes": used.bytes, "writes_today": used.writes}
    return quota._asdict() | {"used": shown}

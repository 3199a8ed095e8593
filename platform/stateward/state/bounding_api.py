"""What bounds a namespace, over REST."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from stateward.state.bounds import NO_QUOTA, Quota
from stateward.state.services import bounding
from stateward.state.usage import Sum
from stateward.web.drf.pages import known_parameters
from stateward.web.drf.requests import ActorRequest
from stateward.web.drf.serializers import StrictSerializer
from stateward.web.drf.views import ApiView

MOST = 2**62


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


def _body(quota: Quota, used: Sum) -> dict[str, object]:
    shown = {"entries": used.entries, "bytes": used.bytes, "writes_today": used.writes}
    return quota._asdict() | {"used": shown}

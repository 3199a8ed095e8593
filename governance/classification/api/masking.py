"""What a namespace masks for who may not decrypt restricted values."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from stateward.state.detectors.kinds import GROUPS, NAMES
from stateward.state.services.masking import MOST, namespace_masks, set_namespace_masks
from stateward.web.drf.pages import known_parameters
from stateward.web.drf.requests import ActorRequest
from stateward.web.drf.serializers import StrictSerializer
from stateward.web.drf.views import ApiView


class NamespaceMaskingSerializer(StrictSerializer):
    kinds = serializers.ListField(
        child=serializers.ChoiceField([*GROUPS, *NAMES]), max_length=MOST,
        help_text="Kinds and groups of them; empty: nothing is masked.",
    )  # fmt: skip


class NewNamespaceMaskingSerializer(NamespaceMaskingSerializer):
    reason = serializers.CharField(
        default="", allow_blank=True, max_length=1000, help_text="Asked for to mask less."
    )


class NamespaceMaskingView(ApiView):
    @extend_schema(operation_id="get_namespace_masking", responses=NamespaceMaskingSerializer)
    def get(self, request: ActorRequest, name: str) -> Response:
        known_parameters(request)
        return Response({"kinds": list(namespace_masks(request.actor, request.call, name))})

    @extend_schema(
        operation_id="set_namespace_masking",
        request=NewNamespaceMaskingSerializer,
        responses=NamespaceMaskingSerializer,
    )
    def put(self, request: ActorRequest, name: str) -> Response:
        fields = self.read(NewNamespaceMaskingSerializer)
        chosen = set_namespace_masks(
            request.actor, request.call, name, fields["kinds"], reason=fields["reason"]
        )
        return Response({"kinds": list(chosen)})

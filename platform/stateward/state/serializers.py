"""Namespaces on the wire."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from stateward.state.models import CLASSIFICATIONS, CONCURRENCIES, SCOPES, Namespace
from stateward.web.drf.serializers import StrictSerializer

MAX_TTL_SECONDS = 100 * 365 * 86_400


class OwnerSerializer(StrictSerializer):
    type = serializers.ChoiceField(choices=["agent", "member"])
    id = serializers.UUIDField()


class LabelsField(serializers.DictField):
    """At most 32 texts of up to 255 characters, under names of 1 to 63."""

    child = serializers.CharField(max_length=255, allow_blank=True)

    def to_internal_value(self, data: Any) -> Any:
        labels = super().to_internal_value(data)
        if len(labels) > 32 or any(not 0 < len(name) <= 63 for name in labels):
            raise serializers.ValidationError(
                "At most 32 labels, each under a name of 1 to 63 characters."
            )
        return labels


class NamespaceChangesSerializer(StrictSerializer):
    scope = serializers.ChoiceField(choices=SCOPES, required=False)
    concurrency = serializers.ChoiceField(choices=CONCURRENCIES, required=False)
    reducer = serializers.JSONField(required=False, allow_null=True)
    crdt = serializers.JSONField(required=False, allow_null=True)
    schema = serializers.JSONField(required=False, allow_null=True)
    classification = serializers.ChoiceField(choices=CLASSIFICATIONS, required=False)
    owner = OwnerSerializer(required=False)
    labels = LabelsField(required=False)
    default_ttl_seconds = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=MAX_TTL_SECONDS
    )
    reason = serializers.CharField(
        required=False,
        max_length=1000,
        help_text="Why: asked for where the classification is lowered from confidential or more.",
    )


class NewNamespaceSerializer(NamespaceChangesSerializer):
    reason = None  # type: ignore[assignment]  # a new one was nothing before
    name = serializers.CharField(max_length=640, trim_whitespace=False)
    owner = None  # type: ignore[assignment]  # whoever makes it owns it


class NamespaceSerializer(serializers.ModelSerializer[Namespace]):
    owner = serializers.SerializerMethodField()

    class Meta:
        model = Namespace
        fields = (
            "name",
            "scope",
            "concurrency",
            "reducer",
            "crdt",
            "schema",
            "schema_version",
            "classification",
            "owner",
            "labels",
            "default_ttl_seconds",
            "created_at",
            "updated_at",
        )

    def get_owner(self, namespace: Namespace) -> dict[str, str]:
        return {"type": namespace.owner_type, "id": str(namespace.owner_id)}

"""The shapes of grants, groups and access on the wire."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from governance.grants.models import Grant
from governance.grants.services.grants import MAX_REASON
from governance.grants.words import OBJECT_TYPES, PRINCIPAL_TYPES
from governance.people.serializers import LineField
from stateward.web.drf.serializers import StrictSerializer


class GrantPrincipalSerializer(StrictSerializer):
    type = serializers.ChoiceField(PRINCIPAL_TYPES)
    id = serializers.CharField(max_length=64)


class GrantObjectSerializer(StrictSerializer):
    type = serializers.ChoiceField(OBJECT_TYPES)
    id = serializers.CharField(
        max_length=640, help_text="A tenant's slug, a namespace's name, an agent's or policy's id."
    )


class NewGrantSerializer(StrictSerializer):
    principal = GrantPrincipalSerializer()
    object = GrantObjectSerializer()
    actions = serializers.ListField(
        child=serializers.CharField(max_length=100), min_length=1, max_length=64
    )
    restricted = serializers.BooleanField(
        required=False, help_text="Whether it reaches what is classified restricted."
    )
    ends_at = serializers.DateTimeField(required=False, allow_null=True)
    reason = LineField(max_length=MAX_REASON)


class GrantPrincipalNamedSerializer(GrantPrincipalSerializer):
    name = serializers.CharField()


class GrantObjectNamedSerializer(GrantObjectSerializer):
    name = serializers.CharField()


class GiverSerializer(serializers.Serializer[Any]):
    type = serializers.CharField()
    id = serializers.UUIDField()
    name = serializers.CharField()


class GrantSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    principal = GrantPrincipalNamedSerializer()
    object = GrantObjectNamedSerializer()
    actions = serializers.ListField(child=serializers.CharField())
    restricted = serializers.BooleanField()
    ends_at = serializers.DateTimeField(allow_null=True)
    has_ended = serializers.BooleanField()
    reason = serializers.CharField()
    given_by = GiverSerializer()
    created_at = serializers.DateTimeField()


class ChangeSerializer(serializers.Serializer[Any]):
    action = serializers.CharField()
    changed = serializers.IntegerField(help_text="Places where it becomes possible.")
    same = serializers.IntegerField(help_text="Places where it is possible already.")
    refused = serializers.IntegerField(help_text="Places where something refuses it all the same.")
    reason = serializers.CharField(allow_blank=True, help_text="Why, of the first of those.")


class GrantPreviewSerializer(serializers.Serializer[Any]):
    changes = ChangeSerializer(many=True)
    places = serializers.IntegerField(help_text="Namespaces there are; 0 where it is one thing.")
    looked_at = serializers.IntegerField(help_text="Places that were asked about.")
    principals = serializers.IntegerField(help_text="To how many it is given: a group's members.")
    asked = serializers.IntegerField(help_text="How many of them were asked about.")


class NewGroupSerializer(StrictSerializer):
    name = LineField(max_length=100)
    description = LineField(max_length=500, required=False, allow_blank=True)


class GroupChangesSerializer(NewGroupSerializer):
    name = LineField(max_length=100, required=False)


class GroupSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    description = serializers.CharField()
    created_at = serializers.DateTimeField()


class GroupMemberSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField(source="member_id")
    name = serializers.CharField(source="member.person.name")
    email = serializers.EmailField(source="member.person.email")
    added_by = serializers.CharField()
    added_at = serializers.DateTimeField()


class SourceSerializer(serializers.Serializer[Any]):
    kind = serializers.CharField(help_text="role, policy or grant")
    label = serializers.CharField()  # type: ignore[assignment]  # ours is the member of that name
    name = serializers.CharField()
    id = serializers.CharField(allow_null=True)


class VerdictSerializer(serializers.Serializer[Any]):
    action = serializers.CharField()
    allowed = serializers.BooleanField()
    outcome = serializers.CharField()
    reason = serializers.CharField()
    ends_at = serializers.DateTimeField(allow_null=True)
    sources = SourceSerializer(many=True)


class AccessSerializer(serializers.Serializer[Any]):
    principal = GrantPrincipalNamedSerializer()
    object = GrantObjectNamedSerializer()
    verdicts = VerdictSerializer(many=True)


def grant_body(grant: Grant) -> dict[str, Any]:
    shown = {
        "id": grant.id,
        "principal": {
            "type": grant.principal_type,
            "id": str(grant.principal_id),
            "name": grant.principal_name,
        },
        "object": {"type": grant.object_type, "id": grant.object_id, "name": grant.object_name},
        "actions": grant.actions,
        "restricted": grant.restricted,
        "ends_at": grant.ends_at,
        "has_ended": grant.has_ended,
        "reason": grant.reason,
        "given_by": {"type": grant.giver_type, "id": grant.giver_id, "name": grant.giver_name},
        "created_at": grant.created_at,
    }
    return dict(GrantSerializer(shown).data)

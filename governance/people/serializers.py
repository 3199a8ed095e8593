"""The shapes of tenants, members, invitations, agents and credentials on the wire."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from stateward.tenancy.limits import LEAST_PER_SECOND, MOST_BURST, MOST_PER_SECOND
from stateward.tenancy.models import AGENT_ROLES, MEMBER_ROLES, RISK_CLASSES, Agent, Credential
from stateward.web.drf.serializers import StrictSerializer


class LineField(serializers.CharField):
    """One line of text: no control characters, nothing that could pass for another line in a
    list or log.
    """

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if not text.isprintable():
            raise serializers.ValidationError("has characters that cannot be printed")
        return text


def member_roles() -> serializers.ListField:
    roles = serializers.ChoiceField(MEMBER_ROLES)
    return serializers.ListField(child=roles, min_length=1, max_length=len(MEMBER_ROLES))


class AgentRolesField(serializers.ListField):
    child = serializers.ChoiceField(AGENT_ROLES)


class NewAgentSerializer(StrictSerializer):
    name = LineField(max_length=100)
    roles = AgentRolesField(min_length=1, max_length=len(AGENT_ROLES))
    framework = LineField(max_length=100, required=False, allow_blank=True)
    team = LineField(max_length=100, required=False, allow_blank=True)
    environment = LineField(max_length=50, required=False, allow_blank=True)
    risk_class = serializers.ChoiceField(RISK_CLASSES, required=False)
    owner = serializers.UUIDField(required=False, allow_null=True)
    purpose = serializers.CharField(max_length=2000, required=False, allow_blank=True)


class AgentChangesSerializer(NewAgentSerializer):
    name = LineField(max_length=100, required=False)
    roles = AgentRolesField(min_length=1, max_length=len(AGENT_ROLES), required=False)


class AgentSerializer(NewAgentSerializer):
    id = serializers.UUIDField()
    status = serializers.ChoiceField(Agent.Status.choices)
    owner = serializers.UUIDField(source="owner_id", allow_null=True)
    created_at = serializers.DateTimeField()


class PauseSerializer(StrictSerializer):
    reason = serializers.CharField(max_length=500, required=False, allow_blank=True)


class NewCredentialSerializer(StrictSerializer):
    # (serializers themselves have a label; ours is the member of that name)
    label = LineField(max_length=200, required=False, allow_blank=True)  # type: ignore[assignment]
    scopes = serializers.ListField(
        child=serializers.CharField(max_length=64), required=False, allow_null=True, max_length=64
    )
    expires_at = serializers.DateTimeField(required=False)


class RotationSerializer(StrictSerializer):
    overlap_seconds = serializers.IntegerField(min_value=0, max_value=30 * 86_400, required=False)


class CredentialSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    holder = serializers.SerializerMethodField()
    key_id = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    scopes = serializers.ListField(child=serializers.CharField(), allow_null=True)
    created_at = serializers.DateTimeField()
    created_by = serializers.CharField()
    expires_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)
    replaced_by = serializers.UUIDField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True)
    last_used_address = serializers.IPAddressField(allow_null=True)

    def get_holder(self, credential: Credential) -> dict[str, str]:
        if credential.agent_id is not None:
            return {"type": "agent", "id": str(credential.agent_id)}
        return {"type": "member", "id": str(credential.member_id)}


class IssuedCredentialSerializer(CredentialSerializer):
    api_key = serializers.CharField(allow_null=True, help_text="Shown once; null in a repeat.")


class MemberSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    email = serializers.EmailField(source="person.email")
    name = serializers.CharField(source="person.name")
    roles = serializers.ListField(child=serializers.ChoiceField(MEMBER_ROLES))
    is_active = serializers.BooleanField()
    last_sign_in_at = serializers.DateTimeField(source="person.last_login", allow_null=True)
    created_at = serializers.DateTimeField()


class RolesSerializer(StrictSerializer):
    roles = member_roles()


class NewInvitationSerializer(StrictSerializer):
    email = serializers.EmailField()
    roles = member_roles()


class InvitationSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    email = serializers.EmailField()
    roles = serializers.ListField(child=serializers.ChoiceField(MEMBER_ROLES))
    invited_by = serializers.CharField()
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()


class NewInvitationAnswerSerializer(InvitationSerializer):
    link = serializers.CharField(allow_null=True, help_text="Shown once; null in a repeat.")


class AcceptanceSerializer(StrictSerializer):
    link = serializers.CharField(max_length=200)
    name = LineField(max_length=200, required=False, allow_blank=True)
    password = serializers.CharField(max_length=1000, required=False, trim_whitespace=False)


class TenantSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    slug = serializers.CharField()
    name = serializers.CharField()
    status = serializers.CharField()
    created_at = serializers.DateTimeField()


class LimitsSerializer(StrictSerializer):
    most_credential_days = serializers.IntegerField(min_value=1, max_value=3650, required=False)
    invitation_days = serializers.IntegerField(min_value=1, max_value=90, required=False)
    deletion_grace_days = serializers.IntegerField(min_value=1, max_value=365, required=False)


class RateLimitSerializer(StrictSerializer):
    requests_per_second = serializers.FloatField(
        min_value=LEAST_PER_SECOND, max_value=MOST_PER_SECOND
    )
    burst = serializers.IntegerField(
        min_value=1, max_value=MOST_BURST, help_text="How many requests may come at once."
    )


class OwnTenantSerializer(TenantSerializer):
    limits = LimitsSerializer()


class TenantChangesSerializer(StrictSerializer):
    name = LineField(max_length=200, required=False)
    limits = LimitsSerializer(required=False)


class NewTenantSerializer(StrictSerializer):
    slug = serializers.CharField(max_length=63)
    name = LineField(max_length=200, required=False)


class ClosingSerializer(StrictSerializer):
    reason = serializers.CharField(max_length=1000, required=False, allow_blank=True)


class ConfirmationSerializer(StrictSerializer):
    slug = serializers.CharField(max_length=63)


class ClosureSerializer(serializers.Serializer[Any]):
    reason = serializers.CharField()
    closed_by = serializers.UUIDField()
    closed_at = serializers.DateTimeField()
    delete_after = serializers.DateTimeField()
    asked_by = serializers.UUIDField(allow_null=True)
    asked_at = serializers.DateTimeField(allow_null=True)
    approved_by = serializers.UUIDField(allow_null=True)
    approved_at = serializers.DateTimeField(allow_null=True)

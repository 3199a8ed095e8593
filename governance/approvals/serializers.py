"""Approvals on the wire."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from stateward.gate.approvals.kinds import MOST_NEEDED
from stateward.gate.approvals.models import VERDICTS, ApprovalRequest
from stateward.gate.approvals.queries import Number, standing
from stateward.gate.approvals.services import MAX_REASON
from stateward.kernel.clock import rfc3339
from stateward.web.drf.serializers import StrictSerializer

STANDINGS = ("pending", "approved", "refused", "withdrawn", "used", "void", "expired")


class AskerSerializer(StrictSerializer):
    type = serializers.ChoiceField(("agent", "member", "system"))
    id = serializers.UUIDField()
    name = serializers.CharField()


class ApprovalSubjectSerializer(StrictSerializer):
    type = serializers.CharField()
    id = serializers.CharField()
    name = serializers.CharField()


class VoteSerializer(StrictSerializer):
    id = serializers.UUIDField()
    verdict = serializers.ChoiceField(VERDICTS)
    member_id = serializers.UUIDField()
    name = serializers.CharField()
    reason = serializers.CharField(allow_blank=True)
    at = serializers.DateTimeField()


class ApprovalSerializer(StrictSerializer):
    id = serializers.UUIDField()
    kind = serializers.CharField(help_text="What is asked for, such as policy.activate.")
    subject = ApprovalSubjectSerializer()
    summary = serializers.CharField()
    reason = serializers.CharField(allow_blank=True)
    content = serializers.DictField(help_text="What exactly is asked for.")
    sha256 = serializers.CharField(help_text="Of the content's canonical JSON; a vote names it.")
    needed = serializers.IntegerField(help_text="People who must agree.")
    status = serializers.ChoiceField(STANDINGS)
    asked_by = AskerSerializer()
    asked_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    votes = VoteSerializer(many=True)


class NewVoteSerializer(StrictSerializer):
    verdict = serializers.ChoiceField(VERDICTS)
    sha256 = serializers.CharField(max_length=64, help_text="Of the content that you looked at.")
    reason = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=MAX_REASON
    )


class ApprovalSettingSerializer(StrictSerializer):
    kind = serializers.CharField()
    title = serializers.CharField()
    number = serializers.IntegerField(help_text="Other people who must agree.")
    is_own = serializers.BooleanField(help_text="Whether the tenant set it; else it is shipped.")
    approve = serializers.CharField(help_text="The action whoever agrees must be permitted.")


class ApprovalSettingsSerializer(StrictSerializer):
    items = ApprovalSettingSerializer(many=True)


class NewNumberSerializer(StrictSerializer):
    number = serializers.IntegerField(min_value=0, max_value=MOST_NEEDED)
    reason = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=MAX_REASON
    )


def approval_body(request: ApprovalRequest) -> dict[str, Any]:
    return {
        "id": str(request.id),
        "kind": request.kind,
        "subject": {
            "type": request.subject_type,
            "id": request.subject_id,
            "name": request.subject_name,
        },
        "summary": request.summary,
        "reason": request.reason,
        "content": request.content,
        "sha256": request.sha256,
        "needed": request.needed,
        "status": standing(request),
        "asked_by": {
            "type": request.asked_by_type,
            "id": str(request.asked_by_id),
            "name": request.asked_by_name,
        },
        "asked_at": rfc3339(request.asked_at),
        "expires_at": rfc3339(request.expires_at),
        "votes": [
            {
                "id": str(one.id),
                "verdict": one.verdict,
                "member_id": str(one.member_id),
                "name": one.member_name,
                "reason": one.reason,
                "at": rfc3339(one.at),
            }
            for one in sorted(request.votes.all(), key=lambda vote: vote.id)
        ],
    }


def number_body(one: Number) -> dict[str, Any]:
    return {
        "kind": one.kind.name,
        "title": one.kind.title,
        "number": one.number,
        "is_own": one.is_own,
        "approve": one.kind.approve,
    }

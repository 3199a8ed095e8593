"""Shapes of the retention API: strict ones are what is taken, the others what is shown."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from governance.retention.terms import CLOCKS, KINDS, MAX_DAYS
from stateward.state.models import CLASSIFICATIONS
from stateward.state.patterns import MAX_PATTERN
from stateward.web.drf.serializers import StrictSerializer

Shown = serializers.Serializer[Any]

# ``label`` is a member of the contract and also an attribute of DRF's own; DRF takes declared
# fields off the class, so that both live.


class TermsSerializer(StrictSerializer):
    kind = serializers.ChoiceField(choices=KINDS)
    namespace = serializers.CharField(default="", allow_blank=True, max_length=640)
    key_pattern = serializers.CharField(
        default="", allow_blank=True, max_length=MAX_PATTERN, trim_whitespace=False
    )
    classification = serializers.ChoiceField(
        default="", choices=["", *CLASSIFICATIONS], allow_blank=True
    )
    label = serializers.CharField(default="", allow_blank=True, max_length=320)  # type: ignore[assignment]  # as above
    clock = serializers.CharField(
        default="created", max_length=16, help_text=f"One of {', '.join(CLOCKS)}."
    )
    days = serializers.IntegerField(min_value=0, max_value=MAX_DAYS)
    erase_audit = serializers.BooleanField(default=False)


class NewRuleSerializer(TermsSerializer):
    name = serializers.CharField(max_length=100)
    note = serializers.CharField(default="", allow_blank=True, max_length=2000)


class NewRuleVersionSerializer(TermsSerializer):
    note = serializers.CharField(default="", allow_blank=True, max_length=2000)


class LooseningSerializer(StrictSerializer):
    name = serializers.CharField(max_length=100)
    terms = TermsSerializer(allow_null=True, help_text="What it shall say; null: it shall end.")
    reason = serializers.CharField(max_length=2000)


class EndRuleSerializer(StrictSerializer):
    note = serializers.CharField(default="", allow_blank=True, max_length=2000)


class DraftSerializer(TermsSerializer):
    replaces = serializers.UUIDField(default=None, allow_null=True)


class PreviewRequestSerializer(StrictSerializer):
    rule = DraftSerializer(default=None, allow_null=True)


class CustodianSerializer(StrictSerializer):
    type = serializers.ChoiceField(choices=["agent", "member"])
    id = serializers.UUIDField()


class NewHoldSerializer(StrictSerializer):
    matter = serializers.CharField(max_length=100)
    reason = serializers.CharField(max_length=2000)
    namespace = serializers.CharField(default="", allow_blank=True, max_length=640)
    key_pattern = serializers.CharField(
        default="", allow_blank=True, max_length=MAX_PATTERN, trim_whitespace=False
    )
    custodian = CustodianSerializer(default=None, allow_null=True)


class ReleaseSerializer(StrictSerializer):
    reason = serializers.CharField(max_length=2000)


class RetentionActorSerializer(Shown):
    type = serializers.CharField()
    id = serializers.UUIDField()
    name = serializers.CharField()


class RetentionTermsSerializer(Shown):
    version = serializers.IntegerField()
    ends = serializers.BooleanField(help_text="Whether this version ends the rule.")
    namespace = serializers.CharField()
    key_pattern = serializers.CharField()
    classification = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # as above
    clock = serializers.CharField()
    days = serializers.IntegerField()
    erase_audit = serializers.BooleanField()
    note = serializers.CharField()
    takes_effect_at = serializers.DateTimeField()
    created_at = serializers.DateTimeField()
    created_by = RetentionActorSerializer()


class RetentionRuleSerializer(Shown):
    id = serializers.UUIDField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(choices=KINDS)
    state = serializers.ChoiceField(["in_force", "waiting", "changing", "ending", "ended"])
    in_force = RetentionTermsSerializer(allow_null=True)
    pending = RetentionTermsSerializer(allow_null=True)
    created_at = serializers.DateTimeField()


class HoldSerializer(Shown):
    id = serializers.UUIDField()
    matter = serializers.CharField()
    reason = serializers.CharField()
    namespace = serializers.CharField()
    key_pattern = serializers.CharField()
    custodian = RetentionActorSerializer(allow_null=True)
    placed_at = serializers.DateTimeField()
    placed_by = RetentionActorSerializer()
    released_at = serializers.DateTimeField(allow_null=True)
    released_by = RetentionActorSerializer(allow_null=True)
    release_reason = serializers.CharField()


class ShareSerializer(Shown):
    entries = serializers.IntegerField()
    bytes = serializers.IntegerField(help_text="Of the current values; history comes on top.")
    held = serializers.IntegerField()
    retained = serializers.IntegerField()


class RuleShareSerializer(ShareSerializer):
    rule = serializers.CharField()
    id = serializers.UUIDField()
    version = serializers.IntegerField()


class NamespaceShareSerializer(ShareSerializer):
    namespace = serializers.CharField()


class RetentionSampleSerializer(Shown):
    namespace = serializers.CharField()
    key = serializers.CharField()
    version = serializers.IntegerField()
    size_bytes = serializers.IntegerField()
    deleted = serializers.BooleanField()
    becomes = serializers.ChoiceField(["due", "held", "retained"])
    delete_at = serializers.DateTimeField(allow_null=True)
    rule = serializers.CharField(allow_null=True)
    retain_until = serializers.DateTimeField(allow_null=True)
    retained_by = serializers.CharField(allow_null=True)


class PreviewSerializer(ShareSerializer):
    tenant = serializers.CharField()
    at = serializers.DateTimeField()
    unruled = serializers.IntegerField()
    unruled_namespaces = serializers.ListField(child=serializers.CharField())
    looked_at = serializers.IntegerField()
    complete = serializers.BooleanField()
    by_rule = RuleShareSerializer(many=True)
    by_namespace = NamespaceShareSerializer(many=True)
    samples = RetentionSampleSerializer(many=True)


class PurgeBatchSerializer(Shown):
    id = serializers.UUIDField()
    at = serializers.DateTimeField()
    run_id = serializers.UUIDField(allow_null=True)
    rule = serializers.CharField()
    rule_id = serializers.UUIDField()
    rule_version = serializers.IntegerField()
    listed = serializers.IntegerField()
    held = serializers.IntegerField()
    left_out = serializers.IntegerField()
    entries = serializers.IntegerField()
    bytes = serializers.IntegerField()
    revisions = serializers.IntegerField()
    audit_payloads = serializers.IntegerField()
    holds_in_force = serializers.IntegerField()
    holds_checked_at = serializers.DateTimeField()
    ids_sha256 = serializers.CharField()
    record_id = serializers.UUIDField()


class ResolutionSerializer(Shown):
    namespace = serializers.CharField()
    key = serializers.CharField()
    becomes = serializers.ChoiceField(["unruled", "kept", "waiting", "retained", "held", "due"])
    delete_at = serializers.DateTimeField(allow_null=True)
    rule = serializers.CharField(allow_null=True)
    retain_until = serializers.DateTimeField(allow_null=True)
    retained_by = serializers.CharField(allow_null=True)
    is_held = serializers.BooleanField()

"""Shapes of the policies' API: strict ones are what is taken, the others what is shown."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from governance.policies.building import EFFECTS, OPERATORS, WHAT, WHO
from governance.policies.difference import DIRECTIONS, KINDS
from governance.policies.findings import CODES
from governance.policies.templates import SLOT_KINDS
from stateward.gate.policy.levels import LEVELS
from stateward.web.drf.serializers import StrictSerializer

Shown = serializers.Serializer[Any]

# _NAMES: ``context``, ``label`` and ``errors`` are members of the contract and also attributes of
# DRF's own; DRF takes declared fields off the class, so that both live.


class PolicyTextField(serializers.CharField):
    """Taken as it is: spaces and line ends are part of what is hashed."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(trim_whitespace=False, allow_blank=True, **kwargs)


class NewPolicySerializer(StrictSerializer):
    name = serializers.CharField(max_length=100)
    text = PolicyTextField()
    description = serializers.CharField(default="", allow_blank=True, max_length=2000)


class NewVersionSerializer(StrictSerializer):
    text = PolicyTextField()
    note = serializers.CharField(default="", allow_blank=True, max_length=2000)


class ReferenceSerializer(StrictSerializer):
    type = serializers.CharField(max_length=32)
    id = serializers.CharField(max_length=1200, trim_whitespace=False)


class ActivationSerializer(StrictSerializer):
    version = serializers.IntegerField(min_value=1, max_value=2**31 - 1)
    level = serializers.ChoiceField(
        LEVELS, default="hard", help_text="How firmly it decides: shadow, advisory, soft, hard."
    )


class NewActivationApprovalSerializer(StrictSerializer):
    version = serializers.IntegerField(
        min_value=1, max_value=2**31 - 1, allow_null=True, help_text="null: out of force."
    )
    level = serializers.ChoiceField(LEVELS, default="hard")
    reason = serializers.CharField(default="", allow_blank=True, max_length=2000)


class RollbackSerializer(StrictSerializer):
    emergency = serializers.BooleanField(
        default=False, help_text="Without anybody's agreement; others look at it afterwards."
    )
    reason = serializers.CharField(default="", allow_blank=True, max_length=2000)


class NewOverrideSerializer(StrictSerializer):
    principal = ReferenceSerializer()
    action = serializers.CharField(max_length=64)
    resource = ReferenceSerializer()
    hours = serializers.IntegerField(min_value=1, max_value=72)
    reason = serializers.CharField(max_length=2000)


class PolicySettingsSerializer(StrictSerializer):
    dry_run_hours = serializers.IntegerField(
        min_value=0,
        max_value=720,
        help_text="How old a version's dry run may be when it is put in force; 0: none needed.",
    )


class PolicyTextSerializer(StrictSerializer):
    text = PolicyTextField()


class QuestionSerializer(StrictSerializer):
    principal = ReferenceSerializer()
    action = serializers.CharField(max_length=64)
    resource = ReferenceSerializer()
    context = serializers.DictField(default=dict)  # type: ignore[assignment]  # see _NAMES


class NewDryRunSerializer(StrictSerializer):
    version = serializers.IntegerField(
        required=False, min_value=1, max_value=2**31 - 1, help_text="By default the newest."
    )
    since = serializers.DateTimeField(required=False, help_text="By default a week before until.")
    until = serializers.DateTimeField(required=False, help_text="By default now.")
    namespace = serializers.CharField(
        default="", allow_blank=True, max_length=640, help_text="With all beneath it."
    )


class PrincipalSerializer(Shown):
    type = serializers.CharField()
    id = serializers.UUIDField()
    name = serializers.CharField()


class PolicySerializer(Shown):
    id = serializers.UUIDField()
    name = serializers.CharField()
    description = serializers.CharField()
    active_version = serializers.IntegerField(allow_null=True, help_text="null: not in force")
    level = serializers.ChoiceField(LEVELS, help_text="How firmly the active version decides.")
    latest_version = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    text = serializers.CharField(
        required=False, help_text="Of the newest version; with one policy, not in lists."
    )


class PolicyVersionSerializer(Shown):
    version = serializers.IntegerField()
    text = serializers.CharField()
    sha256 = serializers.CharField()
    note = serializers.CharField()
    created_at = serializers.DateTimeField()
    created_by = PrincipalSerializer()


class PolicyActivationSerializer(Shown):
    from_version = serializers.IntegerField(allow_null=True)
    to_version = serializers.IntegerField(allow_null=True)
    from_level = serializers.ChoiceField(LEVELS)
    to_level = serializers.ChoiceField(LEVELS)
    emergency = serializers.BooleanField()
    at = serializers.DateTimeField()
    actor = PrincipalSerializer()


class TextFaultSerializer(Shown):
    pointer = serializers.CharField()
    message = serializers.CharField()
    line = serializers.IntegerField()
    column = serializers.IntegerField()


class DraftFindingSerializer(Shown):
    code = serializers.ChoiceField(CODES)
    line = serializers.IntegerField()
    column = serializers.IntegerField()
    message = serializers.CharField()
    other = serializers.CharField(allow_null=True, help_text="The rule it is about as well.")


class ValidationSerializer(Shown):
    valid = serializers.BooleanField()
    errors = TextFaultSerializer(many=True)  # type: ignore[assignment]  # see _NAMES
    findings = DraftFindingSerializer(many=True, help_text="What is sure, and may surprise.")


class BeforeAfterSerializer(Shown):
    before = serializers.CharField(allow_null=True)
    after = serializers.CharField(allow_null=True)


class PolicyChangeSerializer(Shown):
    kind = serializers.ChoiceField(KINDS)
    effect = serializers.ChoiceField(["permit", "forbid"])
    reach = serializers.ChoiceField(
        DIRECTIONS, help_text="Whether the statement matches more requests, fewer, or others."
    )
    subject = BeforeAfterSerializer()
    resource = BeforeAfterSerializer()
    actions_added = serializers.ListField(child=serializers.CharField())
    actions_removed = serializers.ListField(child=serializers.CharField())
    conditions_added = serializers.ListField(child=serializers.CharField())
    conditions_removed = serializers.ListField(child=serializers.CharField())


class PolicyDifferenceSerializer(Shown):
    changes = PolicyChangeSerializer(many=True)


class RuleFactsSerializer(Shown):
    kind = serializers.ChoiceField(["role", "policy", "grant", "override"])
    label = serializers.CharField()  # type: ignore[assignment]  # see _NAMES
    name = serializers.CharField()
    version = serializers.IntegerField(allow_null=True)
    policy_id = serializers.CharField(allow_null=True)
    effect = serializers.ChoiceField(["permit", "forbid"])
    text = serializers.CharField()
    line = serializers.IntegerField()
    column = serializers.IntegerField()
    level = serializers.ChoiceField(LEVELS)


class NearMissSerializer(Shown):
    rule = RuleFactsSerializer()
    clause = serializers.CharField()
    negated = serializers.BooleanField()
    line = serializers.IntegerField()
    column = serializers.IntegerField()
    held_before = serializers.IntegerField()
    values = serializers.DictField()
    error = serializers.CharField(allow_null=True)


class RuleErrorSerializer(Shown):
    rule = serializers.CharField()
    message = serializers.CharField()


class ExplanationSerializer(Shown):
    id = serializers.UUIDField()
    outcome = serializers.ChoiceField(
        ["allow", "deny_forbid", "deny_no_match", "deny_error", "deny_invariant"]
    )
    allowed = serializers.BooleanField()
    code = serializers.CharField()
    reason = serializers.CharField()
    determining = RuleFactsSerializer(many=True)
    advised = RuleFactsSerializer(many=True, help_text="Let pass, with a warning.")
    shadow = RuleFactsSerializer(
        many=True, help_text="Would have changed the outcome, were they to decide."
    )
    near_misses = NearMissSerializer(many=True)
    errors = RuleErrorSerializer(many=True)  # type: ignore[assignment]  # see _NAMES
    policy_set = serializers.CharField()
    principal_snapshot = serializers.CharField()
    resource_snapshot = serializers.CharField()
    microseconds = serializers.IntegerField()


class DryRunAnswerSerializer(Shown):
    outcome = serializers.ChoiceField(
        ["allow", "deny_forbid", "deny_no_match", "deny_error", "deny_invariant"]
    )
    reason = serializers.CharField()
    determining = serializers.ListField(child=serializers.CharField())


class DryRunSampleSerializer(Shown):
    at = serializers.DateTimeField()
    count = serializers.IntegerField()
    record = serializers.UUIDField(
        required=False, help_text="Of the audit; none for counted reads."
    )
    in_force = DryRunAnswerSerializer(required=False)
    tried = DryRunAnswerSerializer(required=False)


class DryRunGroupSerializer(Shown):
    change = serializers.ChoiceField(["allow_to_deny", "deny_to_allow", "undecidable"])
    actor = PrincipalSerializer()
    action = serializers.CharField()
    namespace = serializers.CharField(allow_null=True)
    reason = serializers.CharField()
    count = serializers.IntegerField()
    samples = DryRunSampleSerializer(
        many=True, required=False, help_text="For whoever may read the audit."
    )


class DryRunResultSerializer(Shown):
    decisions = serializers.IntegerField()
    records = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    allow_to_deny = serializers.IntegerField()
    deny_to_allow = serializers.IntegerField()
    undecidable = serializers.IntegerField()
    invariant = serializers.IntegerField()
    otherwise_today = serializers.IntegerField()
    same_rules = serializers.IntegerField()
    same_rules_differ = serializers.IntegerField()
    other_groups = serializers.IntegerField()
    groups = DryRunGroupSerializer(many=True)


class DryRunSerializer(Shown):
    id = serializers.UUIDField()
    policy = serializers.UUIDField()
    version = serializers.IntegerField()
    sha256 = serializers.CharField()
    since = serializers.DateTimeField()
    until = serializers.DateTimeField()
    namespace = serializers.CharField()
    run = serializers.UUIDField(allow_null=True)
    asked_by = PrincipalSerializer()
    asked_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    result = DryRunResultSerializer(
        allow_null=True, required=False, help_text="With one dry run, not in lists."
    )


class CasePrincipalSerializer(StrictSerializer):
    type = serializers.ChoiceField(["agent", "member"])
    id = serializers.CharField(required=False, allow_null=True, max_length=64)
    roles = serializers.ListField(child=serializers.CharField(max_length=64), required=False)
    mfa = serializers.BooleanField(required=False)
    attributes = serializers.DictField(required=False)


class CaseResourceSerializer(StrictSerializer):
    type = serializers.CharField(max_length=32)
    id = serializers.CharField(required=False, allow_blank=True, max_length=640)
    attributes = serializers.DictField(required=False)
    labels = serializers.DictField(required=False)


class PolicyCaseSerializer(StrictSerializer):
    name = serializers.CharField(max_length=100)
    principal = CasePrincipalSerializer()
    action = serializers.CharField(max_length=64)
    resource = CaseResourceSerializer()
    context = serializers.DictField(required=False)  # type: ignore[assignment]  # see _NAMES
    expected = serializers.ChoiceField(["allow", "deny"])


class PolicyCasesSerializer(StrictSerializer):
    items = PolicyCaseSerializer(many=True)


class CaseRunSerializer(StrictSerializer):
    version = serializers.IntegerField(required=False, min_value=1, max_value=2**31 - 1)
    text = PolicyTextField(required=False)


class CaseResultSerializer(Shown):
    name = serializers.CharField()
    expected = serializers.ChoiceField(["allow", "deny"])
    outcome = serializers.ChoiceField(
        ["allow", "deny_forbid", "deny_no_match", "deny_error", "deny_invariant"]
    )
    passed = serializers.BooleanField()
    reason = serializers.CharField()
    determining = serializers.ListField(child=serializers.CharField())


class CaseResultsSerializer(Shown):
    passed = serializers.BooleanField()
    items = CaseResultSerializer(many=True)


class InForceSerializer(Shown):
    policy = serializers.UUIDField()
    name = serializers.CharField()
    version = serializers.IntegerField()
    level = serializers.ChoiceField(LEVELS)
    sha256 = serializers.CharField()
    since = serializers.DateTimeField()


class InForceListSerializer(Shown):
    at = serializers.DateTimeField()
    items = InForceSerializer(many=True)


class OverrideSerializer(Shown):
    id = serializers.UUIDField()
    principal = ReferenceSerializer()
    action = serializers.CharField()
    resource = ReferenceSerializer()
    reason = serializers.CharField()
    approvals = serializers.ListField(child=serializers.UUIDField())
    given_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()


class UnmatchedSerializer(Shown):
    since = serializers.DateTimeField(help_text="How far back was looked.")
    records = serializers.IntegerField()
    items = InForceSerializer(many=True)


class PolicySlotSerializer(Shown):
    name = serializers.CharField()
    title = serializers.CharField()
    kind = serializers.ChoiceField(SLOT_KINDS)
    example = serializers.CharField()


class PolicyTemplateSerializer(Shown):
    name = serializers.CharField()
    title = serializers.CharField()
    says = serializers.CharField()
    slots = PolicySlotSerializer(many=True)


class PolicyTemplatesSerializer(Shown):
    items = PolicyTemplateSerializer(many=True)


class SlotsSerializer(StrictSerializer):
    slots = serializers.DictField(child=serializers.CharField(max_length=200))


class ConditionSerializer(StrictSerializer):
    field = serializers.CharField(max_length=200)
    operator = serializers.ChoiceField(OPERATORS)
    values = serializers.ListField(child=serializers.CharField(max_length=200), max_length=50)


class RuleFormSerializer(StrictSerializer):
    effect = serializers.ChoiceField(EFFECTS)
    who = serializers.ChoiceField(WHO)
    who_name = serializers.CharField(allow_blank=True, max_length=200)
    actions = serializers.ListField(
        child=serializers.CharField(max_length=64), max_length=100, help_text="None: all of them."
    )
    what = serializers.ChoiceField(WHAT)
    what_name = serializers.CharField(allow_blank=True, max_length=640)
    conditions = ConditionSerializer(many=True, help_text="All must hold.")
    exceptions = ConditionSerializer(many=True, help_text="None may hold.")


class FormAnswerSerializer(StrictSerializer):
    form = RuleFormSerializer(allow_null=True)

"""Shapes of the classification API: strict ones are what is taken, the others what is shown."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from governance.classification.models import (
    ACTS,
    COVERAGES,
    SCAN_STATES,
    SUGGESTION_STATES,
    ClassificationRule,
    ClassificationScan,
    ClassificationSuggestion,
)
from governance.classification.services import FASTEST, MOST_AT_ONCE
from stateward.state.detectors.kinds import GROUPS, NAMES
from stateward.state.models import CLASSIFICATIONS
from stateward.web.drf.serializers import StrictSerializer

Shown = serializers.Serializer[Any]
VERDICTS = ("accept", "dismiss")


class ClassificationPrincipalSerializer(Shown):
    type = serializers.CharField()
    id = serializers.UUIDField()
    name = serializers.CharField()


class ClassificationTallySerializer(Shown):
    kind = serializers.ChoiceField(NAMES)
    entries = serializers.IntegerField(help_text="In which it was found.")
    findings = serializers.IntegerField()
    score = serializers.IntegerField(help_text="Of the surest finding, percent.")


class ClassificationSuggestionSerializer(serializers.ModelSerializer[ClassificationSuggestion]):
    namespace = serializers.CharField(source="namespace.name")
    was = serializers.ChoiceField(CLASSIFICATIONS)
    to = serializers.ChoiceField(CLASSIFICATIONS)
    state = serializers.ChoiceField(
        SUGGESTION_STATES,
        help_text="raised: by a rule; void: what was found is gone, or it is kept so already.",
    )
    kinds = ClassificationTallySerializer(many=True, help_text="What speaks for it.")
    decided_by = serializers.SerializerMethodField()

    class Meta:
        model = ClassificationSuggestion
        fields = (
            "id", "namespace", "was", "to", "score", "kinds", "state", "reason", "decided_by",
            "decided_at", "created_at", "updated_at",
        )  # fmt: skip

    @extend_schema_field(ClassificationPrincipalSerializer(allow_null=True))
    def get_decided_by(self, found: ClassificationSuggestion) -> dict[str, str] | None:
        if found.decided_by_id is None:
            return None
        return {
            "type": found.decided_by_type, "id": str(found.decided_by_id),
            "name": found.decided_by_name,
        }  # fmt: skip


class ClassificationDecisionSerializer(StrictSerializer):
    ids = serializers.ListField(
        child=serializers.UUIDField(), min_length=1, max_length=MOST_AT_ONCE
    )
    verdict = serializers.ChoiceField(VERDICTS)
    reason = serializers.CharField(
        default="", allow_blank=True, max_length=1000, help_text="Asked for where one is dismissed."
    )


class ClassificationDecidedSerializer(Shown):
    items = ClassificationSuggestionSerializer(many=True)


class ClassificationFindingSerializer(Shown):
    key = serializers.CharField()
    version = serializers.IntegerField(help_text="That was looked at.")
    kind = serializers.ChoiceField(NAMES)
    pointer = serializers.CharField(
        allow_null=True,
        help_text="Places in a list are one (*); null: you may not read the value.",
    )
    score = serializers.IntegerField(help_text="Percent.")
    reason = serializers.CharField()
    times = serializers.IntegerField()
    found_at = serializers.DateTimeField()


class ClassificationOverviewSerializer(Shown):
    namespace = serializers.CharField()
    classification = serializers.ChoiceField(CLASSIFICATIONS)
    kinds = ClassificationTallySerializer(many=True)
    scanned_at = serializers.DateTimeField(allow_null=True)
    coverage = serializers.ChoiceField(COVERAGES, allow_null=True)
    entries = serializers.IntegerField(help_text="As the newest scan saw them.")
    looked = serializers.IntegerField()
    unread = serializers.IntegerField(help_text="Too large to be looked through, or unreadable.")


class NewClassificationScanSerializer(StrictSerializer):
    namespace = serializers.CharField(
        default="", allow_blank=True, max_length=640, help_text="Left out: every namespace."
    )
    coverage = serializers.ChoiceField(COVERAGES, default="full")
    sample_percent = serializers.IntegerField(default=10, min_value=1, max_value=100)
    entries_per_second = serializers.IntegerField(default=1000, min_value=1, max_value=FASTEST)


class ClassificationScanSerializer(serializers.ModelSerializer[ClassificationScan]):
    coverage = serializers.ChoiceField(COVERAGES)
    state = serializers.ChoiceField(SCAN_STATES)
    counts = serializers.DictField(child=serializers.IntegerField())
    asked_by = serializers.SerializerMethodField()
    job_run = serializers.UUIDField(help_text="Under /api/v1/jobs: progress, log, events.")

    class Meta:
        model = ClassificationScan
        fields = (
            "id", "namespace", "coverage", "sample_percent", "entries_per_second", "state",
            "job_run", "counts", "asked_by", "created_at", "finished_at",
        )  # fmt: skip

    @extend_schema_field(ClassificationPrincipalSerializer)
    def get_asked_by(self, scan: ClassificationScan) -> dict[str, str]:
        return {"type": scan.actor_type, "id": str(scan.actor_id), "name": scan.actor_name}


class ClassificationTermsSerializer(StrictSerializer):
    kinds = serializers.ListField(
        child=serializers.ChoiceField([*GROUPS, *NAMES]), required=False, max_length=40,
        help_text="Kinds and groups of them; empty: all.",
    )  # fmt: skip
    acts = serializers.ChoiceField(ACTS, required=False)
    min_score = serializers.IntegerField(required=False, min_value=1, max_value=100)
    min_entries = serializers.IntegerField(required=False, min_value=1, max_value=1_000_000)
    follows = serializers.BooleanField(
        required=False, help_text="Look at what is written, some minutes after."
    )
    sample_percent = serializers.IntegerField(required=False, min_value=1, max_value=100)


class NewClassificationRuleSerializer(ClassificationTermsSerializer):
    namespace = serializers.CharField(
        default="", allow_blank=True, max_length=640, help_text="With all beneath it."
    )


class ClassificationRuleSerializer(serializers.ModelSerializer[ClassificationRule]):
    kinds = serializers.ListField(child=serializers.CharField())
    acts = serializers.ChoiceField(ACTS)
    set_by = serializers.SerializerMethodField()

    class Meta:
        model = ClassificationRule
        fields = (
            "id", "namespace", "kinds", "acts", "min_score", "min_entries", "follows",
            "sample_percent", "set_by", "created_at", "updated_at",
        )  # fmt: skip

    @extend_schema_field(ClassificationPrincipalSerializer)
    def get_set_by(self, rule: ClassificationRule) -> dict[str, str]:
        return {"type": rule.set_by_type, "id": str(rule.set_by_id), "name": rule.set_by_name}

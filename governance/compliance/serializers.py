"""Shapes of compliance's API: strict ones are what is taken, the others what is shown."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from governance.compliance.models import OUTCOMES, SEVERITIES, STATUSES, TRIGGERS
from stateward.web.drf.serializers import StrictSerializer

Shown = serializers.Serializer[Any]

# _NAMES: ``label`` is a member of the contract and also an attribute of DRF's own; DRF takes
# declared fields off the class, so that both live.


class NewScanSerializer(StrictSerializer):
    check = serializers.CharField(required=False, max_length=16, help_text="Left out: every check.")


class FindingChangeSerializer(StrictSerializer):
    status = serializers.ChoiceField(["open", "in_progress"], required=False)
    owner = serializers.UUIDField(required=False, allow_null=True, help_text="A member's id.")
    due_on = serializers.DateField(required=False, allow_null=True)


class NewExceptionSerializer(StrictSerializer):
    finding = serializers.UUIDField()
    reason = serializers.CharField(max_length=2000)
    expires_at = serializers.DateTimeField()
    owner = serializers.UUIDField(
        required=False, help_text="The member who answers for it; left out: whoever accepts it."
    )


class ScanSerializer(Shown):
    id = serializers.UUIDField()
    trigger = serializers.ChoiceField(TRIGGERS)
    check = serializers.CharField(allow_null=True, help_text="null: every check")
    asked_by = serializers.DictField(child=serializers.CharField())
    run = serializers.UUIDField(allow_null=True)
    started_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    rules_sha256 = serializers.CharField()
    audit_record = serializers.UUIDField(allow_null=True)
    counts = serializers.DictField(child=serializers.IntegerField())


class ItemSerializer(Shown):
    kind = serializers.CharField()
    id = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # see _NAMES
    detail = serializers.CharField()
    finding = serializers.UUIDField()
    status = serializers.CharField()
    owner = serializers.CharField()


class EvidenceSerializer(Shown):
    kind = serializers.CharField()
    id = serializers.CharField()
    said = serializers.CharField()


class ResultSerializer(Shown):
    check = serializers.CharField()
    version = serializers.IntegerField()
    scan = serializers.UUIDField()
    at = serializers.DateTimeField()
    outcome = serializers.ChoiceField(OUTCOMES)
    said = serializers.CharField()
    population = serializers.IntegerField(allow_null=True)
    failing = serializers.IntegerField()
    accepted = serializers.IntegerField()
    items = ItemSerializer(many=True)
    evidence = EvidenceSerializer(many=True)
    duration_ms = serializers.IntegerField()


class ScanDetailSerializer(ScanSerializer):
    results = ResultSerializer(many=True)
    results_sha256 = serializers.CharField(allow_null=True)


class CheckSerializer(Shown):
    id = serializers.CharField()
    title = serializers.CharField()
    area = serializers.CharField()
    severity = serializers.ChoiceField(SEVERITIES)
    version = serializers.IntegerField()
    proves = serializers.CharField()
    does_not_prove = serializers.CharField()
    last = ResultSerializer(allow_null=True)


class FindingSerializer(Shown):
    id = serializers.UUIDField()
    check = serializers.CharField()
    severity = serializers.ChoiceField(SEVERITIES)
    status = serializers.ChoiceField(STATUSES)
    item = serializers.DictField(child=serializers.CharField())
    detail = serializers.CharField()
    first_seen_at = serializers.DateTimeField()
    last_seen_at = serializers.DateTimeField()
    resolved_at = serializers.DateTimeField(allow_null=True)
    regressed_at = serializers.DateTimeField(allow_null=True)
    regressions = serializers.IntegerField()
    accepted_until = serializers.DateTimeField(allow_null=True)
    owner = serializers.DictField(child=serializers.CharField(), allow_null=True)
    due_on = serializers.DateField(allow_null=True)


class FindingEventSerializer(Shown):
    event = serializers.CharField()
    at = serializers.DateTimeField()
    actor = serializers.DictField(child=serializers.CharField())
    scan = serializers.UUIDField(allow_null=True)
    audit_record = serializers.UUIDField(allow_null=True)
    details = serializers.DictField()


class ExceptionSerializer(Shown):
    id = serializers.UUIDField()
    finding = serializers.UUIDField()
    check = serializers.CharField()
    reason = serializers.CharField()
    owner = serializers.DictField(child=serializers.CharField())
    created_at = serializers.DateTimeField()
    created_by = serializers.DictField(child=serializers.CharField())
    expires_at = serializers.DateTimeField()
    in_force = serializers.BooleanField()
    ended_at = serializers.DateTimeField(allow_null=True)
    ended_as = serializers.CharField(allow_null=True)


class FindingDetailSerializer(FindingSerializer):
    history = FindingEventSerializer(many=True)
    exceptions = ExceptionSerializer(many=True)


class ControlSerializer(Shown):
    id = serializers.CharField()
    title = serializers.CharField()
    coverage = serializers.ChoiceField(["proven", "failing", "partly", "not_proven"])
    checks = serializers.DictField(child=serializers.CharField(), help_text="Outcome by check.")


class FrameworkSerializer(Shown):
    id = serializers.CharField()
    title = serializers.CharField()
    edition = serializers.CharField()
    verified_by = serializers.CharField(allow_null=True, help_text="null: nobody has verified it")
    verified_on = serializers.CharField(allow_null=True)
    coverage = serializers.DictField(child=serializers.IntegerField())


class FrameworkDetailSerializer(FrameworkSerializer):
    controls = ControlSerializer(many=True)

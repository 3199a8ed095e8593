"""Versions of schemas and runs of work on them, on the wire."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from governance.schemas.models import KINDS, STATES, SchemaRun
from governance.schemas.queries import MAX_PREVIEW
from governance.schemas.services import MAX_ERRORS
from stateward.state.models import SchemaVersion
from stateward.web.drf.serializers import StrictSerializer

VERSION_STATES = ("draft", "active", "retired")
COVERAGES = ("", "stored", "new_writes")
VERDICTS = ("compatible", "incompatible", "unknown")
WORDS = ("full", "backward", "forward", "none", "unknown")


class SchemaPrincipalSerializer(StrictSerializer):
    type = serializers.CharField()
    id = serializers.UUIDField()
    name = serializers.CharField()


class SchemaFaultSerializer(StrictSerializer):
    pointer = serializers.CharField()
    message = serializers.CharField()


class SchemaMigrationSerializer(StrictSerializer):
    steps = serializers.ListField(child=serializers.DictField(), help_text="See docs/schemas.md.")
    inverse = serializers.ListField(
        child=serializers.DictField(),
        required=False,
        allow_null=True,
        help_text="The way back; left out, that of the steps themselves where each has one.",
    )


class NewSchemaVersionSerializer(StrictSerializer):
    schema = serializers.JSONField(allow_null=True, help_text="null: anything goes.")
    note = serializers.CharField(required=False, allow_blank=True, max_length=1000)
    base = serializers.IntegerField(
        required=False, min_value=0, help_text="The version it is made from; left out, the active."
    )
    migration = SchemaMigrationSerializer(required=False, allow_null=True)


class SchemaVersionSerializer(serializers.ModelSerializer[SchemaVersion]):
    version = serializers.IntegerField(source="number")
    state = serializers.ChoiceField(VERSION_STATES)
    coverage = serializers.ChoiceField(
        COVERAGES,
        help_text="stored: all that was stored fitted; new_writes: that was not so, or not asked.",
    )
    created_by = serializers.SerializerMethodField()
    migration = serializers.SerializerMethodField()
    is_pending = serializers.SerializerMethodField(help_text="Being activated just now.")

    class Meta:
        model = SchemaVersion
        fields = (
            "version", "state", "is_pending", "schema", "base", "migration", "note", "coverage",
            "created_by", "created_at", "activated_at", "retired_at",
        )  # fmt: skip

    @extend_schema_field(SchemaPrincipalSerializer)
    def get_created_by(self, version: SchemaVersion) -> dict[str, str]:
        return {
            "type": version.author_type,
            "id": str(version.author_id),
            "name": version.author_name,
        }

    @extend_schema_field(SchemaMigrationSerializer(allow_null=True))
    def get_migration(self, version: SchemaVersion) -> dict[str, Any] | None:
        if version.steps is None:
            return None
        return {"steps": version.steps, "inverse": version.inverse}

    def get_is_pending(self, version: SchemaVersion) -> bool:
        return bool(self.context["pending"] == version.number)


class SchemaAnswerSerializer(StrictSerializer):
    verdict = serializers.ChoiceField(VERDICTS)
    reasons = SchemaFaultSerializer(many=True)


class SchemaCompatibilitySerializer(StrictSerializer):
    version = serializers.IntegerField()
    compared_with = serializers.IntegerField(help_text="0: no schema.")
    compatibility = serializers.ChoiceField(WORDS)
    backward = SchemaAnswerSerializer(help_text="What fitted the other version fits this one.")
    forward = SchemaAnswerSerializer(help_text="What fits this version fitted the other one.")


class SchemaRunNoteSerializer(StrictSerializer):
    note = serializers.CharField(required=False, allow_blank=True, max_length=1000)


class SchemaActivationSerializer(SchemaRunNoteSerializer):
    only_new_writes = serializers.BooleanField(
        required=False,
        default=False,
        help_text="Activate though stored values break it; they stay, and the version says so.",
    )


class SchemaMigrationRunSerializer(SchemaActivationSerializer):
    max_errors = serializers.IntegerField(
        required=False,
        default=0,
        min_value=0,
        max_value=MAX_ERRORS,
        help_text="Stop when more values than these fail.",
    )


class SchemaPreviewAskedSerializer(StrictSerializer):
    limit = serializers.IntegerField(required=False, default=5, min_value=1, max_value=MAX_PREVIEW)
    after = serializers.CharField(
        required=False, default="", allow_blank=True, max_length=512, trim_whitespace=False
    )


class SchemaPreviewedSerializer(StrictSerializer):
    key = serializers.CharField()
    version = serializers.IntegerField()
    before = serializers.JSONField()
    after = serializers.JSONField(allow_null=True, help_text="null where it fails.")
    errors = SchemaFaultSerializer(many=True)  # type: ignore[assignment]  # the wire's word for them


class SchemaPreviewSerializer(StrictSerializer):
    items = SchemaPreviewedSerializer(many=True)
    next_after = serializers.CharField(allow_null=True)


class SchemaSampleSerializer(StrictSerializer):
    key = serializers.CharField()
    version = serializers.IntegerField()
    code = serializers.CharField()
    errors = SchemaFaultSerializer(many=True)  # type: ignore[assignment]  # the wire's word for them


class SchemaRunSerializer(serializers.ModelSerializer[SchemaRun]):
    kind = serializers.ChoiceField(KINDS)
    state = serializers.ChoiceField(STATES)
    version = serializers.IntegerField(source="number")
    counts = serializers.DictField(child=serializers.IntegerField())
    asked_by = serializers.SerializerMethodField()
    job_run = serializers.UUIDField(help_text="Under /api/v1/jobs: progress, log, events.")

    class Meta:
        model = SchemaRun
        fields = (
            "id", "kind", "state", "version", "version_before", "only_new_writes", "max_errors",
            "note", "undoes", "job_run", "counts", "asked_by", "created_at", "finished_at",
        )  # fmt: skip

    @extend_schema_field(SchemaPrincipalSerializer)
    def get_asked_by(self, run: SchemaRun) -> dict[str, str]:
        return {"type": run.actor_type, "id": str(run.actor_id), "name": run.actor_name}


class SchemaRunDetailSerializer(SchemaRunSerializer):
    samples = serializers.SerializerMethodField(
        help_text="Entries it names, as far as you may know of them; places with the right to read."
    )
    samples_hidden = serializers.SerializerMethodField()

    class Meta(SchemaRunSerializer.Meta):
        fields = (*SchemaRunSerializer.Meta.fields, "samples", "samples_hidden")  # type: ignore[assignment]

    @extend_schema_field(SchemaSampleSerializer(many=True))
    def get_samples(self, run: SchemaRun) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.context["samples"]
        return found

    def get_samples_hidden(self, run: SchemaRun) -> int:
        return int(self.context["hidden"])

"""A run on the wire."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from stateward.operations.jobs.queries import JobRun, Line
from stateward.operations.jobs.registry import jobs
from stateward.web.drf.serializers import StrictSerializer

STATES = ("queued", "running", "done", "failed", "cancelled")


class ProgressSerializer(StrictSerializer):
    done = serializers.IntegerField()
    total = serializers.IntegerField(allow_null=True)
    stage = serializers.CharField()


class AskedBySerializer(StrictSerializer):
    type = serializers.ChoiceField(("agent", "member", "system"))
    id = serializers.UUIDField(allow_null=True)


class LineSerializer(StrictSerializer):
    number = serializers.IntegerField()
    at = serializers.DateTimeField()
    text = serializers.CharField()


class JobRunSerializer(serializers.Serializer[JobRun]):
    id = serializers.UUIDField()
    job = serializers.CharField(source="name")
    title = serializers.SerializerMethodField()
    scope = serializers.SerializerMethodField(help_text="tenant, or platform: for all tenants.")
    state = serializers.ChoiceField(STATES)
    slot = serializers.DateTimeField(allow_null=True, help_text="Its time in the timetable.")
    asked_by = serializers.SerializerMethodField()
    queued_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    attempts = serializers.IntegerField()
    progress = serializers.SerializerMethodField()
    heartbeat_at = serializers.DateTimeField(source="beat_at", allow_null=True)
    is_being_cancelled = serializers.BooleanField(source="is_cancelled")
    has_findings = serializers.BooleanField()
    result = serializers.SerializerMethodField(help_text="Counts; null for the platform's.")
    error = serializers.CharField(allow_null=True)
    retry_of = serializers.UUIDField(allow_null=True)
    params = serializers.DictField()

    def get_title(self, run: JobRun) -> str:
        return title_of(run)

    def get_scope(self, run: JobRun) -> str:
        return "tenant" if run.tenant_id else "platform"

    @extend_schema_field(AskedBySerializer)
    def get_asked_by(self, run: JobRun) -> dict[str, Any]:
        return {"type": run.actor_type, "id": str(run.actor_id) if run.actor_id else None}

    @extend_schema_field(ProgressSerializer)
    def get_progress(self, run: JobRun) -> dict[str, Any]:
        return {"done": run.done, "total": run.total, "stage": run.stage}

    def get_result(self, run: JobRun) -> dict[str, Any] | None:
        """The platform's counts are of all tenants together."""
        return dict(run.result) if run.result is not None and run.tenant_id else None


class JobRunDetailSerializer(JobRunSerializer):
    lines = serializers.SerializerMethodField()

    @extend_schema_field(LineSerializer(many=True))
    def get_lines(self, run: JobRun) -> list[dict[str, Any]]:
        found: list[Line] = self.context["lines"]
        return [LineSerializer(line._asdict()).data for line in found]


def title_of(run: JobRun) -> str:
    """What people call the run's job."""
    return jobs()[run.name].title if run.name in jobs() else run.name

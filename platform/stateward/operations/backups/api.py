"""Backups over REST: parse, one service or query, render. The work itself is a job's run."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.response import Response

from stateward.gate.policy.permits import permit, whole_tenant
from stateward.kernel.clock import rfc3339
from stateward.kernel.errors import Fault, Malformed, NotFound
from stateward.operations.backups import services
from stateward.operations.backups.models import Backup, Drill, Restore
from stateward.operations.backups.queries import (
    readable_backup,
    readable_backups,
    readable_drills,
    readable_restores,
)
from stateward.operations.backups.serializers import (
    AskedSerializer,
    BackupKeySerializer,
    BackupSerializer,
    DrillSerializer,
    PlanSerializer,
    RestoreRequestSerializer,
    RestoreSerializer,
)
from stateward.operations.backups.signing import key_id, public_key
from stateward.web.drf.pages import known_parameters, page_by_id
from stateward.web.drf.requests import ActorRequest
from stateward.web.drf.serializers import StrictSerializer, page_of
from stateward.web.drf.views import ApiView

PAGE = [OpenApiParameter("limit", int), OpenApiParameter("cursor")]


class BackupsView(ApiView):
    @extend_schema(
        operation_id="list_backups", parameters=PAGE, responses=page_of(BackupSerializer)
    )
    def get(self, request: ActorRequest) -> Response:
        known_parameters(request)
        found = readable_backups(request.actor, request.call)
        return page_by_id(request, found, backup_body, newest_first=True)

    @extend_schema(operation_id="create_backup", request=None, responses={202: AskedSerializer})
    def post(self, request: ActorRequest) -> Response:
        self.read_optional(StrictSerializer)
        return _asked(services.ask_for_backup(request.actor, request.call))


class BackupView(ApiView):
    @extend_schema(operation_id="get_backup", responses=BackupSerializer)
    def get(self, request: ActorRequest, backup_id: UUID) -> Response:
        known_parameters(request)
        return Response(backup_body(readable_backup(request.actor, request.call, backup_id)))


class PlanView(ApiView):
    """What restoring it would write. Nothing is written, and any refusal is the restore's own."""

    @extend_schema(
        operation_id="plan_restore",
        parameters=[OpenApiParameter("into", required=True, description="The target's slug.")],
        responses=PlanSerializer,
    )
    def get(self, request: ActorRequest, backup_id: UUID) -> Response:
        known_parameters(request, "into")
        into = request.query_params.get("into")
        if not into:
            fault = Fault("", "the parameter into is missing")
            raise Malformed("Name the tenant to restore into.", errors=(fault,))
        return Response(services.plan(request.actor, request.call, backup_id, into).as_json())


class RestoresOfBackupView(ApiView):
    @extend_schema(
        operation_id="restore_backup",
        request=RestoreRequestSerializer,
        responses={202: RestoreSerializer},
    )
    def post(self, request: ActorRequest, backup_id: UUID) -> Response:
        fields = self.read(RestoreRequestSerializer)
        made = services.ask_for_restore(request.actor, request.call, backup_id, **fields)
        location = f"/api/v1/backups/restores/{made.id}"
        return Response(restore_body(made), status=202, headers={"Location": location})


class RestoresView(ApiView):
    @extend_schema(
        operation_id="list_restores", parameters=PAGE, responses=page_of(RestoreSerializer)
    )
    def get(self, request: ActorRequest) -> Response:
        known_parameters(request)
        found = readable_restores(request.actor, request.call)
        return page_by_id(request, found, restore_body, newest_first=True)


class RestoreView(ApiView):
    @extend_schema(operation_id="get_restore", responses=RestoreSerializer)
    def get(self, request: ActorRequest, restore_id: UUID) -> Response:
        known_parameters(request)
        found = readable_restores(request.actor, request.call).filter(id=restore_id).first()
        if found is None:
            raise NotFound
        return Response(restore_body(found))


class DrillsView(ApiView):
    @extend_schema(operation_id="list_drills", parameters=PAGE, responses=page_of(DrillSerializer))
    def get(self, request: ActorRequest) -> Response:
        known_parameters(request)
        found = readable_drills(request.actor, request.call)
        return page_by_id(request, found, drill_body, newest_first=True)

    @extend_schema(operation_id="hold_drill", request=None, responses={202: AskedSerializer})
    def post(self, request: ActorRequest) -> Response:
        self.read_optional(StrictSerializer)
        return _asked(services.ask_for_drill(request.actor, request.call))


class DrillView(ApiView):
    @extend_schema(operation_id="get_drill", responses=DrillSerializer)
    def get(self, request: ActorRequest, drill_id: UUID) -> Response:
        known_parameters(request)
        found = readable_drills(request.actor, request.call).filter(id=drill_id).first()
        if found is None:
            raise NotFound
        return Response(drill_body(found))


class BackupKeyView(ApiView):
    """The public key that archives are signed with: keep it elsewhere."""

    @extend_schema(operation_id="get_backup_key", responses=BackupKeySerializer)
    def get(self, request: ActorRequest) -> Response:
        known_parameters(request)
        permit(request.actor, request.call, "backup.read", whole_tenant(request.actor))
        public = public_key()
        return Response({"key_id": key_id(public), "ed25519": public.hex()})


def backup_body(backup: Backup) -> dict[str, Any]:
    return {
        "id": str(backup.id),
        "name": backup.name,
        "state": backup.state,
        **_times(backup),
        "taken_at": rfc3339(backup.taken_at) if backup.taken_at else None,
        "entries": backup.entries,
        "rows": backup.rows,
        "bytes": backup.bytes,
        "sha256": backup.sha256,
        "key_id": backup.key_id,
        "tree_size": backup.tree_size,
    }


def drill_body(drill: Drill) -> dict[str, Any]:
    return {
        "id": str(drill.id),
        "backup_id": str(drill.backup_id) if drill.backup_id else None,
        "state": drill.state,
        **_times(drill),
        "restore_seconds": drill.restore_seconds,
        "checks": drill.checks,
    }


def restore_body(restore: Restore) -> dict[str, Any]:
    return {
        "id": str(restore.id),
        "backup_id": str(restore.backup_id) if restore.backup_id else None,
        "state": restore.state,
        "archive": restore.archive,
        "target": restore.target,
        "target_id": str(restore.target_id) if restore.target_id else None,
        **_times(restore),
        "report": restore.report,
    }


def _times(row: Backup | Drill | Restore) -> dict[str, Any]:
    return {
        "started_at": rfc3339(row.started_at),
        "finished_at": rfc3339(row.finished_at) if row.finished_at else None,
        "run_id": str(row.run_id) if row.run_id else None,
        "error": row.error,
    }


def _asked(run_id: UUID) -> Response:
    location = f"/api/v1/jobs/{run_id}"
    return Response({"run_id": str(run_id)}, status=202, headers={"Location": location})

"""Versions of a namespace's schema over REST: parse, one service or query, render."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.response import Response

from governance.schemas import queries, services
from governance.schemas.models import SchemaRun
from governance.schemas.serializers import (
    NewSchemaVersionSerializer,
    SchemaActivationSerializer,
    SchemaCompatibilitySerializer,
    SchemaMigrationRunSerializer,
    SchemaPreviewAskedSerializer,
    SchemaPreviewSerializer,
    SchemaRunDetailSerializer,
    SchemaRunNoteSerializer,
    SchemaRunSerializer,
    SchemaVersionSerializer,
)
from stateward.kernel.errors import Fault, Malformed
from stateward.state.evolution.compatibility import Answer
from stateward.state.models import Namespace, SchemaVersion
from stateward.web.cursors import decode_cursor, encode_cursor
from stateward.web.drf.pages import known_parameters, limit_of, page
from stateward.web.drf.requests import ActorRequest
from stateward.web.drf.serializers import StrictSerializer, page_of
from stateward.web.drf.views import ApiView

PAGE = [OpenApiParameter("limit", int), OpenApiParameter("cursor")]


class SchemaVersionsView(ApiView):
    """The versions of a namespace's schema, newest first."""

    @extend_schema(
        operation_id="list_schema_versions",
        parameters=PAGE,
        responses=page_of(SchemaVersionSerializer),
    )
    def get(self, request: ActorRequest, name: str) -> Response:
        known_parameters(request)
        limit, before = limit_of(request), _number(request)
        namespace, found = queries.versions(request.actor, request.call, name)
        found = [one for one in found if before is None or one.number < before]
        following = found[limit - 1].number if len(found) > limit else None
        items = [_version(namespace, one) for one in found[:limit]]
        return page(items, encode_cursor([following]) if following else None)

    @extend_schema(
        operation_id="create_schema_version",
        request=NewSchemaVersionSerializer,
        responses={201: SchemaVersionSerializer},
        description="A draft: nothing is judged by it until it is activated.",
    )
    def post(self, request: ActorRequest, name: str) -> Response:
        fields = self.read(NewSchemaVersionSerializer)
        migration = fields.pop("migration", None) or {}
        namespace, made = services.draft(request.actor, request.call, name, {**fields, **migration})
        location = f"/api/v1/namespaces/{namespace.name}/schemas/{made.number}"
        return Response(_version(namespace, made), status=201, headers={"Location": location})


class SchemaVersionView(ApiView):
    @extend_schema(operation_id="get_schema_version", responses=SchemaVersionSerializer)
    def get(self, request: ActorRequest, name: str, number: int) -> Response:
        known_parameters(request)
        return Response(_version(*queries.version(request.actor, request.call, name, number)))

    @extend_schema(
        operation_id="retire_schema_version",
        responses=SchemaVersionSerializer,
        description="Puts a draft aside.",
    )
    def delete(self, request: ActorRequest, name: str, number: int) -> Response:
        known_parameters(request)
        return Response(_version(*services.put_aside(request.actor, request.call, name, number)))


class SchemaCompatibilityView(ApiView):
    """What the schemas alone say: of stored values a check tells."""

    @extend_schema(
        operation_id="get_schema_compatibility",
        parameters=[OpenApiParameter("with", int, description="Left out: the active version.")],
        responses=SchemaCompatibilitySerializer,
    )
    def get(self, request: ActorRequest, name: str, number: int) -> Response:
        known_parameters(request, "with")
        other = request.query_params.get("with")
        if other is not None and not (other.isascii() and other.isdigit() and len(other) <= 9):
            raise Malformed(
                "with is the number of a version.",
                errors=(Fault("", "the parameter with is not a version"),),
            )
        compared, found = queries.compatibility(
            request.actor, request.call, name, number, None if other is None else int(other)
        )
        return Response(
            {
                "version": number,
                "compared_with": compared,
                "compatibility": found.word,
                "backward": _answer(found.backward),
                "forward": _answer(found.forward),
            }
        )


class SchemaPreviewView(ApiView):
    @extend_schema(
        operation_id="preview_schema_version",
        request=SchemaPreviewAskedSerializer,
        responses={200: SchemaPreviewSerializer},
        description="Stored entries before and after the version's migration. Nothing is written.",
    )
    def post(self, request: ActorRequest, name: str, number: int) -> Response:
        asked = self.read_optional(SchemaPreviewAskedSerializer)
        found, following = queries.preview(
            request.actor, request.call, name, number,
            limit=asked.get("limit", 5), after=asked.get("after", ""),
        )  # fmt: skip
        items = [
            {
                "key": one.key, "version": one.version, "before": one.before, "after": one.after,
                "errors": list(one.errors),
            }
            for one in found
        ]  # fmt: skip
        return Response({"items": items, "next_after": following})


class _Starting(ApiView):
    kind: ClassVar[str]
    asked: ClassVar[type[StrictSerializer]]

    def start(self, request: ActorRequest, name: str, number: int) -> Response:
        fields = self.read_optional(self.asked)
        run = services.start_run(request.actor, request.call, name, number, self.kind, **fields)
        return _started(name, run)


class SchemaCheckView(_Starting):
    """Against each stored value, by a job."""

    kind, asked = "check", SchemaRunNoteSerializer

    @extend_schema(
        operation_id="check_schema_version",
        request=SchemaRunNoteSerializer,
        responses={202: SchemaRunSerializer},
    )
    def post(self, request: ActorRequest, name: str, number: int) -> Response:
        return self.start(request, name, number)


class SchemaActivationView(_Starting):
    """Refused by the run where stored values break the version, unless ``only_new_writes``."""

    kind, asked = "activate", SchemaActivationSerializer

    @extend_schema(
        operation_id="activate_schema_version",
        request=SchemaActivationSerializer,
        responses={202: SchemaRunSerializer},
    )
    def post(self, request: ActorRequest, name: str, number: int) -> Response:
        return self.start(request, name, number)


class SchemaMigrationView(_Starting):
    """Brings every stored value to the version, then activates it."""

    kind, asked = "migrate", SchemaMigrationRunSerializer

    @extend_schema(
        operation_id="migrate_to_schema_version",
        request=SchemaMigrationRunSerializer,
        responses={202: SchemaRunSerializer},
    )
    def post(self, request: ActorRequest, name: str, number: int) -> Response:
        return self.start(request, name, number)


class SchemaRunsView(ApiView):
    @extend_schema(
        operation_id="list_schema_runs", parameters=PAGE, responses=page_of(SchemaRunSerializer)
    )
    def get(self, request: ActorRequest, name: str) -> Response:
        known_parameters(request)
        found, following = queries.runs(
            request.actor, request.call, name, before=_run(request), limit=limit_of(request)
        )
        items = [SchemaRunSerializer(one).data for one in found]
        return page(items, encode_cursor([str(following)]) if following else None)


class SchemaRunView(ApiView):
    @extend_schema(operation_id="get_schema_run", responses=SchemaRunDetailSerializer)
    def get(self, request: ActorRequest, name: str, run_id: UUID) -> Response:
        known_parameters(request)
        seen = queries.run(request.actor, request.call, name, run_id)
        context = {"samples": seen.samples, "hidden": seen.hidden}
        return Response(SchemaRunDetailSerializer(seen.run, context=context).data)


class SchemaRunCancelView(ApiView):
    @extend_schema(
        operation_id="cancel_schema_run", request=None, responses={200: SchemaRunSerializer}
    )
    def post(self, request: ActorRequest, name: str, run_id: UUID) -> Response:
        self.read_optional(StrictSerializer)
        run = services.cancel_run(request.actor, request.call, name, run_id)
        return Response(SchemaRunSerializer(run).data)


class SchemaRunUndoView(ApiView):
    @extend_schema(
        operation_id="undo_schema_run",
        request=SchemaRunNoteSerializer,
        responses={202: SchemaRunSerializer},
        description="Values go back where nobody has written since; the others are named.",
    )
    def post(self, request: ActorRequest, name: str, run_id: UUID) -> Response:
        fields = self.read_optional(SchemaRunNoteSerializer)
        return _started(
            name, services.undo_run(request.actor, request.call, name, run_id, **fields)
        )


def _version(namespace: Namespace, version: SchemaVersion) -> dict[str, Any]:
    context = {"pending": namespace.pending_version}
    return dict(SchemaVersionSerializer(version, context=context).data)


def _answer(answer: Answer) -> dict[str, Any]:
    return {
        "verdict": answer.verdict,
        "reasons": [{"pointer": one.pointer, "message": one.message} for one in answer.reasons],
    }


def _started(name: str, run: SchemaRun) -> Response:
    location = f"/api/v1/namespaces/{name}/schema-runs/{run.id}"
    return Response(SchemaRunSerializer(run).data, status=202, headers={"Location": location})


def _number(request: ActorRequest) -> int | None:
    cursor = request.query_params.get("cursor")
    if cursor is None:
        return None
    place = decode_cursor(cursor, length=1)[0]
    if not isinstance(place, int):
        raise Malformed("The cursor is not one that was given out here.")
    return place


def _run(request: ActorRequest) -> UUID | None:
    cursor = request.query_params.get("cursor")
    if cursor is None:
        return None
    try:
        return UUID(str(decode_cursor(cursor, length=1)[0]))
    except ValueError:
        raise Malformed("The cursor is not one that was given out here.") from None

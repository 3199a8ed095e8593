"""Evidence over REST: records, seals and proofs, and the bundle that proves them elsewhere."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, BinaryIO, cast
from uuid import UUID

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.response import Response

from governance.evidence.acts import permit_export, permit_reading, record_export
from governance.evidence.files import table_response
from governance.evidence.queries import (
    FILTERS,
    as_detail,
    as_items,
    filter_from,
    namespace_names,
)
from governance.evidence.serializers import (
    AuditKeysSerializer,
    AuditRecordDetailSerializer,
    AuditRecordSerializer,
    AuditSurveySerializer,
    ConsistencyProofSerializer,
    InclusionProofSerializer,
    SignedCheckpointSerializer,
)
from stateward.gate.audit import verify
from stateward.gate.audit.bundle import write_bundle
from stateward.gate.audit.notes import origin_of
from stateward.gate.audit.proofs import (
    StoredCheckpoint,
    consistency_proof,
    inclusion_proof,
    latest_checkpoint,
    list_checkpoints,
)
from stateward.gate.audit.queries import (
    Position,
    find_record,
    search_records,
    survey_records,
)
from stateward.gate.audit.sealing_key import public_keys
from stateward.kernel.clock import parse_rfc3339, rfc3339
from stateward.kernel.errors import Fault, Malformed
from stateward.tenancy.scope import run_flow
from stateward.web.cursors import decode_cursor, encode_cursor
from stateward.web.drf.pages import known_parameters, limit_of, page
from stateward.web.drf.requests import ActorRequest
from stateward.web.drf.serializers import page_of
from stateward.web.drf.views import ApiView

TEXT = "text/plain; charset=utf-8"
IN_MEMORY = 4 * 1024 * 1024  # bytes of a bundle's body; past it, a temporary file
CHUNK = 64 * 1024
PARAMETERS = [
    OpenApiParameter("from", OpenApiTypes.DATETIME),
    OpenApiParameter("to", OpenApiTypes.DATETIME, description="Not included."),
    OpenApiParameter("actor", description="An id, or a name."),
    OpenApiParameter(
        "action", description="state.write, state.* for the group; several with commas."
    ),
    OpenApiParameter("outcome", description="allow, deny (every denial), deny_forbid, …"),
    *(OpenApiParameter(name) for name in FILTERS[5:-1]),
    OpenApiParameter("q", description="Typed: actor:booker AND NOT action:state.*"),
]


class RecordsView(ApiView):
    @extend_schema(
        operation_id="list_audit_records",
        parameters=[*PARAMETERS, OpenApiParameter("limit", int), OpenApiParameter("cursor")],
        responses=page_of(AuditRecordSerializer),
    )
    def get(self, request: ActorRequest) -> Response:
        known_parameters(request, *FILTERS)
        permit_reading(request.actor, request.call)
        wanted = filter_from(request.actor.tenant_id, request.query_params)
        records, following = run_flow(
            search_records(wanted, before=_position(request), limit=limit_of(request))
        )
        cursor = encode_cursor([rfc3339(following.at), str(following.id)]) if following else None
        return page(as_items(request.actor.tenant_id, records), cursor)


class SurveyView(ApiView):
    @extend_schema(
        operation_id="survey_audit_records",
        parameters=PARAMETERS,
        responses=AuditSurveySerializer,
    )
    def get(self, request: ActorRequest) -> Response:
        known_parameters(request, *FILTERS)
        permit_reading(request.actor, request.call)
        survey = run_flow(
            survey_records(filter_from(request.actor.tenant_id, request.query_params))
        )
        return Response(
            {
                "count": survey.count,
                "is_complete": survey.is_complete,
                "facets": {
                    name: [
                        {"value": one.value, "label": one.label, "count": one.count}
                        for one in found
                    ]
                    for name, found in survey.facets.items()
                },
                "buckets": [
                    {"start": rfc3339(one.start), "allowed": one.allowed, "denied": one.denied}
                    for one in survey.buckets
                ],
            }
        )


class RecordView(ApiView):
    @extend_schema(operation_id="get_audit_record", responses=AuditRecordDetailSerializer)
    def get(self, request: ActorRequest, record_id: UUID) -> Response:
        known_parameters(request)
        permit_reading(request.actor, request.call)
        record = run_flow(find_record(request.actor.tenant_id, record_id))
        names = namespace_names(request.actor.tenant_id, [record.namespace_id])
        return Response(as_detail(record, names))


class ProofView(ApiView):
    """With ``Accept: text/plain`` as a C2SP tlog-proof."""

    @extend_schema(operation_id="prove_audit_record", responses=InclusionProofSerializer)
    def get(self, request: ActorRequest, record_id: UUID) -> HttpResponseBase:
        known_parameters(request)
        permit_reading(request.actor, request.call)
        proof = run_flow(inclusion_proof(request.actor.tenant_id, record_id))
        if _wants_text(request):
            return HttpResponse(proof.as_text(), content_type=TEXT)
        return Response(proof.as_json())


class CheckpointsView(ApiView):
    @extend_schema(
        operation_id="list_audit_checkpoints", responses=page_of(SignedCheckpointSerializer)
    )
    def get(self, request: ActorRequest) -> Response:
        known_parameters(request)
        permit_reading(request.actor, request.call)
        limit = limit_of(request)
        cursor = request.query_params.get("cursor")
        below = _size("cursor", str(decode_cursor(cursor, length=1)[0])) if cursor else None
        found = run_flow(list_checkpoints(request.actor.tenant_id, below=below, limit=limit + 1))
        more = encode_cursor([found[limit - 1].size]) if len(found) > limit else None
        return page([_checkpoint(one) for one in found[:limit]], more)


class LatestCheckpointView(ApiView):
    """With ``Accept: text/plain`` as the signed note alone: the file to keep elsewhere."""

    @extend_schema(operation_id="get_latest_audit_checkpoint", responses=SignedCheckpointSerializer)
    def get(self, request: ActorRequest) -> HttpResponseBase:
        known_parameters(request)
        permit_reading(request.actor, request.call)
        checkpoint = run_flow(latest_checkpoint(request.actor.tenant_id))
        if _wants_text(request):
            return HttpResponse(checkpoint.note, content_type=TEXT)
        return Response(_checkpoint(checkpoint))


class ConsistencyView(ApiView):
    @extend_schema(
        operation_id="prove_audit_consistency",
        parameters=[
            OpenApiParameter("from", int, required=True),
            OpenApiParameter("to", int, required=True),
        ],
        responses=ConsistencyProofSerializer,
    )
    def get(self, request: ActorRequest) -> Response:
        known_parameters(request, "from", "to")
        permit_reading(request.actor, request.call)
        old, new = (_size(name, request.query_params.get(name, "")) for name in ("from", "to"))
        proof = run_flow(consistency_proof(request.actor.tenant_id, old, new))
        return Response(proof.as_json())


class KeysView(ApiView):
    """With ``Accept: text/plain`` as the file that ``verify.py --key`` takes."""

    @extend_schema(operation_id="list_audit_keys", responses=AuditKeysSerializer)
    def get(self, request: ActorRequest) -> HttpResponseBase:
        known_parameters(request)
        permit_reading(request.actor, request.call)
        origin = origin_of(request.actor.tenant_id)
        keys = [str(key) for key in run_flow(public_keys(origin))]
        if _wants_text(request):
            return HttpResponse("".join(f"{key}\n" for key in keys), content_type=TEXT)
        return Response({"origin": origin, "keys": keys})


class BundleView(ApiView):
    """The records that match, with all that proves them. Each export is on record itself."""

    @extend_schema(
        operation_id="export_audit_bundle",
        parameters=[
            *PARAMETERS,
            OpenApiParameter(
                "checkpoint",
                int,
                many=True,
                description="Sizes of checkpoints kept elsewhere, to be proved consistent.",
            ),
        ],
        responses={(200, "text/plain"): OpenApiResponse(OpenApiTypes.STR)},
    )
    def get(self, request: ActorRequest) -> HttpResponseBase:
        known_parameters(request, *FILTERS, "checkpoint")
        decision = permit_export(request.actor, request.call)
        wanted = filter_from(request.actor.tenant_id, request.query_params)
        asked = request.query_params.getlist("checkpoint")
        sizes = [_size("checkpoint", text) for text in asked[:100]]
        body = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115  # the answer closes it
        try:
            manifest = run_flow(write_bundle(wanted, cast(BinaryIO, body), checkpoint_sizes=sizes))
            details = {"filter": wanted.as_json(), "bytes": len(manifest.encode()) + body.tell()}
            record_export(request.call, decision, details)
        except BaseException:
            body.close()
            raise
        body.seek(0)
        answer = StreamingHttpResponse(_stream(manifest, body), content_type=TEXT)
        name = f"audit-{request.actor.tenant_slug}.bundle"
        answer["Content-Disposition"] = f'attachment; filename="{name}"'
        return answer


class TableView(ApiView):
    """The records that match, newest first, as a file for people or programs. On record itself."""

    @extend_schema(
        operation_id="export_audit_table",
        parameters=[*PARAMETERS, OpenApiParameter("format", enum=["csv", "ndjson"])],
        responses={(200, "text/csv"): OpenApiResponse(OpenApiTypes.STR)},
    )
    def get(self, request: ActorRequest) -> HttpResponseBase:
        known_parameters(request, *FILTERS, "format")
        decision = permit_export(request.actor, request.call)
        wanted = filter_from(request.actor.tenant_id, request.query_params)
        form = request.query_params.get("format", "csv")
        if form not in {"csv", "ndjson"}:
            raise Malformed(
                "format is csv or ndjson.",
                errors=(Fault("", "the parameter format is neither csv nor ndjson"),),
            )
        return table_response(request.actor, request.call, decision, wanted, form)


class VerifierView(ApiView):
    """The offline verifier: one file of standard-library Python."""

    @extend_schema(
        operation_id="get_audit_verifier",
        responses={(200, "text/x-python"): OpenApiResponse(OpenApiTypes.STR)},
    )
    def get(self, request: ActorRequest) -> HttpResponseBase:
        known_parameters(request)
        answer = HttpResponse(
            Path(verify.__file__).read_bytes(), content_type="text/x-python; charset=utf-8"
        )
        answer["Content-Disposition"] = 'attachment; filename="verify.py"'
        return answer


def _stream(manifest: str, body: IO[bytes]) -> Iterator[bytes]:
    with body:
        yield manifest.encode()
        while piece := body.read(CHUNK):
            yield piece


def _position(request: ActorRequest) -> Position | None:
    cursor = request.query_params.get("cursor")
    if cursor is None:
        return None
    at, record_id = decode_cursor(cursor, length=2)
    try:
        return Position(parse_rfc3339(str(at)), UUID(str(record_id)))
    except (Malformed, ValueError):
        raise Malformed("The cursor is not one that was given out here.") from None


def _size(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 16):
        raise Malformed(
            f"{name} is the size of a tree, a whole number.",
            errors=(Fault("", f"the parameter {name} is not a whole number"),),
        )
    return int(text)


def _wants_text(request: ActorRequest) -> bool:
    return str(request.META.get("HTTP_ACCEPT", "")).startswith("text/plain")


def _checkpoint(checkpoint: StoredCheckpoint) -> dict[str, Any]:
    return {
        "size": checkpoint.size,
        "root_hash": verify.encode64(checkpoint.root),
        "note": checkpoint.note,
        "sealed_at": rfc3339(checkpoint.sealed_at),
        "renewed_at": rfc3339(checkpoint.renewed_at),
    }

"""The auditor's two questions over REST: who read this, and what had a run read before it wrote."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.response import Response

from governance.evidence.acts import permit_reading
from governance.evidence.lineage import lineage_of, version_read
from governance.evidence.queries import as_items, namespace_ids_of
from governance.evidence.readers import Read, Reader, Readers, readers_of
from governance.evidence.serializers import LineageSerializer, ReadersSerializer
from stateward.gate.audit.queries import AuditRecord
from stateward.kernel.clock import now, parse_rfc3339, rfc3339
from stateward.kernel.errors import Fault, Malformed
from stateward.tenancy.scope import run_flow
from stateward.web.drf.pages import known_parameters
from stateward.web.drf.requests import ActorRequest
from stateward.web.drf.views import ApiView

USUAL = timedelta(days=30)
LONGEST = timedelta(days=400)
MOST_TEXT = 1024


class ReadersView(ApiView):
    """Who read an entry, by which decision, and which of those records are proven now."""

    @extend_schema(
        operation_id="list_readers",
        parameters=[
            OpenApiParameter("namespace", required=True),
            OpenApiParameter("key", required=True),
            OpenApiParameter("from", OpenApiTypes.DATETIME, description="30 days ago."),
            OpenApiParameter("to", OpenApiTypes.DATETIME, description="Not included."),
        ],
        responses=ReadersSerializer,
    )
    def get(self, request: ActorRequest) -> Response:
        known_parameters(request, "namespace", "key", "from", "to")
        permit_reading(request.actor, request.call)
        tenant_id = request.actor.tenant_id
        query = request.query_params
        until = parse_rfc3339(query["to"]) if query.get("to") else now() + timedelta(seconds=1)
        since = parse_rfc3339(query["from"]) if query.get("from") else until - USUAL
        if not timedelta(0) < until - since <= LONGEST:
            raise _malformed("from", "before to, and at most 400 days")
        ids = namespace_ids_of(tenant_id, _text(request, "namespace"))
        flow = readers_of(tenant_id, ids, _text(request, "key"), since=since, until=until)
        return Response(_body(run_flow(flow)))


class LineageView(ApiView):
    """What the run of this write had read and written before it."""

    @extend_schema(operation_id="trace_audit_record", responses=LineageSerializer)
    def get(self, request: ActorRequest, record_id: UUID) -> Response:
        known_parameters(request)
        permit_reading(request.actor, request.call)
        found = run_flow(lineage_of(request.actor.tenant_id, record_id))
        return Response(
            {
                "run": found.written.run,
                "reads": _told(request, found.reads),
                "writes": _told(request, found.writes),
                "counted_reads": found.counted,
                "is_complete": found.is_complete,
            }
        )


def _told(request: ActorRequest, records: list[AuditRecord]) -> list[dict[str, Any]]:
    items = as_items(request.actor.tenant_id, records)
    for item, record in zip(items, records, strict=True):
        if item["version"] is None:
            item["version"] = version_read(record)
    return items


def _body(found: Readers) -> dict[str, Any]:
    checkpoint = found.proven.checkpoint
    return {
        "readers": [_reader(one, found) for one in found.readers],
        "refused": [_reader(one, found) for one in found.refused],
        "counted_reads": found.counted,
        "counted_actors": found.counted_actors,
        "is_complete": found.is_complete,
        "seal": {
            "proven": len(found.proven.places),
            "waiting": len(found.proven.waiting),
            "broken": [str(one) for one in sorted(found.proven.broken)],
            "tree_size": checkpoint.size if checkpoint else 0,
            "sealed_at": rfc3339(checkpoint.sealed_at) if checkpoint else None,
        },
    }


def _reader(reader: Reader, found: Readers) -> dict[str, Any]:
    return {
        "type": reader.type,
        "id": str(reader.id),
        "name": reader.name,
        "count": len(reader.reads),
        "first": rfc3339(reader.first),
        "last": rfc3339(reader.last),
        "purposes": reader.purposes,
        "why": [
            {"determining": by.split(", ") if by else [], "reason": reason, "count": count}
            for by, reason, count in reader.why
        ],
        "reads": [_read(one, found) for one in reader.reads],
    }


def _read(read: Read, found: Readers) -> dict[str, Any]:
    record = read.record
    return {
        "record": str(record.id),
        "at": rfc3339(record.at),
        "operation": read.operation,
        "version": read.version,
        "purpose": read.purpose or None,
        "is_certain": read.is_certain,
        "run": record.run,
        "place": found.proven.places.get(record.id),
    }


def _text(request: ActorRequest, name: str) -> str:
    text = request.query_params.get(name, "")
    if not text or len(text) > MOST_TEXT or "\x00" in text:
        raise _malformed(name, "given, and not too long")
    return text


def _malformed(name: str, says: str) -> Malformed:
    return Malformed(
        f"The parameter {name} is to be {says}.",
        errors=(Fault("", f"the parameter {name} is not well formed"),),
    )

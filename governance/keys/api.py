"""Keys over REST: parse, one service or query, render."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.response import Response

from governance.approvals.serializers import ApprovalSerializer, approval_body
from governance.keys import destroying, queries, services
from governance.keys import serializers as shapes
from governance.keys.models import KeyDestruction
from governance.keys.queries import Custody
from governance.keys.stores import Under
from governance.keys.usage import Noted
from stateward.gate.keys.versions import KeyVersion
from stateward.kernel.clock import rfc3339
from stateward.kernel.errors import Malformed
from stateward.web.cursors import decode_cursor, encode_cursor
from stateward.web.drf.pages import known_parameters, limit_of, page
from stateward.web.drf.requests import ActorRequest
from stateward.web.drf.serializers import StrictSerializer, page_of
from stateward.web.drf.views import ApiView

PAGE = [OpenApiParameter("limit", int), OpenApiParameter("cursor")]


class KeysView(ApiView):
    @extend_schema(
        operation_id="list_keys", parameters=PAGE, responses=page_of(shapes.KeyCustodySerializer)
    )
    def get(self, request: ActorRequest) -> Response:
        known_parameters(request)
        cursor = request.query_params.get("cursor")
        after = str(decode_cursor(cursor, length=1)[0]) if cursor else ""
        found, following = queries.custodies(
            request.actor, request.call, after=after, limit=limit_of(request)
        )
        items = [custody_body(one) for one in found]
        return page(items, encode_cursor([following]) if following else None)


class KeyView(ApiView):
    @extend_schema(operation_id="get_key", responses=shapes.KeyCustodySerializer)
    def get(self, request: ActorRequest, namespace: str) -> Response:
        known_parameters(request)
        return Response(custody_body(queries.custody_of(request.actor, request.call, namespace)))


class KeyRotationView(ApiView):
    @extend_schema(
        operation_id="rotate_key",
        request=shapes.KeyRotationSerializer,
        responses=shapes.KeyCustodySerializer,
    )
    def post(self, request: ActorRequest, namespace: str) -> Response:
        reason = self.read_optional(shapes.KeyRotationSerializer).get("reason", "asked for")
        services.rotate_key(request.actor, request.call, namespace, reason=reason)
        return Response(custody_body(queries.custody_of(request.actor, request.call, namespace)))


class ReencryptionView(ApiView):
    """Seal old values anew, or count what there is to do."""

    @extend_schema(
        operation_id="reencrypt_namespace",
        request=shapes.ReencryptionSerializer,
        responses={
            200: shapes.ReencryptionAnswerSerializer,
            202: shapes.ReencryptionAnswerSerializer,
        },
    )
    def post(self, request: ActorRequest, namespace: str) -> Response:
        fields = self.read(shapes.ReencryptionSerializer)
        if fields["dry_run"]:
            counts = services.count_now(request.actor, request.call, namespace)
            return Response({"run": None, "counts": _counts(counts)})
        run_id = services.reencrypt_now(
            request.actor, request.call, namespace, rows_per_second=fields["rows_per_second"]
        )
        location = f"/api/v1/jobs/{run_id}"
        body = {"run": str(run_id), "counts": []}
        return Response(body, status=202, headers={"Location": location})


class CompromiseView(ApiView):
    @extend_schema(
        operation_id="mark_key_compromised",
        request=shapes.KeyReasonSerializer,
        responses=shapes.KeyCustodySerializer,
    )
    def post(self, request: ActorRequest, namespace: str, version: int) -> Response:
        reason = self.read(shapes.KeyReasonSerializer)["reason"]
        services.mark_compromised(request.actor, request.call, namespace, version, reason=reason)
        return Response(custody_body(queries.custody_of(request.actor, request.call, namespace)))


class ExposedView(ApiView):
    """Every revision that was under a version, whether it still is or not."""

    @extend_schema(
        operation_id="list_values_under_key",
        parameters=PAGE,
        responses=page_of(shapes.ExposedValueSerializer),
    )
    def get(self, request: ActorRequest, namespace: str, version: int) -> Response:
        known_parameters(request)
        after = _place(request.query_params.get("cursor"))
        found, following = queries.exposed_rows(
            request.actor, request.call, namespace, version, after=after, limit=limit_of(request)
        )
        items = [
            {
                "key": one.key,
                "version": one.version,
                "at": rfc3339(one.at),
                "operation": one.operation,
                "size_bytes": one.size_bytes,
                "is_still_under": one.is_still,
                "has_value": one.has_value,
            }
            for one in found
        ]
        cursor = encode_cursor([following[0].isoformat(), str(following[1])]) if following else None
        return page(items, cursor)


class DestructionApprovalView(ApiView):
    """Ask the others who must agree that a key is destroyed."""

    @extend_schema(
        operation_id="ask_to_destroy_key",
        request=shapes.NewDestructionSerializer,
        responses={201: ApprovalSerializer},
    )
    def post(self, request: ActorRequest, namespace: str) -> Response:
        fields = self.read(shapes.NewDestructionSerializer)
        asked = destroying.ask_to_destroy(request.actor, request.call, namespace, **fields)
        location = f"/api/v1/approvals/{asked.id}"
        return Response(approval_body(asked), status=201, headers={"Location": location})


class DestructionsView(ApiView):
    @extend_schema(
        operation_id="destroy_key",
        request=shapes.NewDestructionSerializer,
        responses={201: shapes.KeyDestructionSerializer},
        description="When the days of grace are over. Until then DELETE takes it back.",
    )
    def post(self, request: ActorRequest, namespace: str) -> Response:
        fields = self.read(shapes.NewDestructionSerializer)
        made = destroying.destroy_later(request.actor, request.call, namespace, **fields)
        return Response(destruction_body(made), status=201)


class DestructionView(ApiView):
    @extend_schema(
        operation_id="undo_key_destruction",
        request=None,
        responses=shapes.KeyDestructionSerializer,
    )
    def delete(self, request: ActorRequest, namespace: str, destruction_id: UUID) -> Response:
        undone = destroying.undo(request.actor, request.call, destruction_id)
        return Response(destruction_body(undone))


class SubjectRuleView(ApiView):
    """Whether each person's values in the namespace are under a key of their own."""

    @extend_schema(operation_id="get_subject_rule", responses=shapes.SubjectRuleAnswerSerializer)
    def get(self, request: ActorRequest, namespace: str) -> Response:
        known_parameters(request)
        return self._answer(request, namespace)

    @extend_schema(
        operation_id="set_subject_rule",
        request=shapes.SubjectRuleSerializer,
        responses=shapes.SubjectRuleAnswerSerializer,
    )
    def put(self, request: ActorRequest, namespace: str) -> Response:
        path = self.read(shapes.SubjectRuleSerializer)["path"]
        services.set_subject_rule(request.actor, request.call, namespace, path)
        return self._answer(request, namespace)

    def _answer(self, request: ActorRequest, name: str) -> Response:
        namespace = queries.custody_of(request.actor, request.call, name).namespace
        people, shredded = queries.subjects_of(namespace)
        path = queries.subject_rule_of(namespace)
        return Response({"path": path, "people": people, "shredded": shredded})


class TenantKeyView(ApiView):
    @extend_schema(
        operation_id="rotate_tenant_key",
        request=None,
        responses=shapes.TenantKeyRotationSerializer,
        description="Wraps every data key of the tenant anew. No value is touched.",
    )
    def post(self, request: ActorRequest) -> Response:
        self.read_optional(StrictSerializer)
        return Response({"rewrapped": services.rotate_tenant(request.actor, request.call)})


class ShredLedgerView(ApiView):
    @extend_schema(operation_id="get_shred_ledger", responses=shapes.ShredLedgerSerializer)
    def get(self, request: ActorRequest) -> Response:
        known_parameters(request)
        found = queries.shred_ledger(request.actor, request.call)
        return Response(
            {
                "items": [
                    {
                        "statement": one.statement.decode(),
                        "signature": one.signature.hex(),
                        "signer": one.signer.hex(),
                    }
                    for one in found
                ]
            }
        )


def custody_body(custody: Custody) -> dict[str, Any]:
    return {
        "namespace": custody.namespace.name,
        "key": str(custody.versions[0].id) if custody.versions else None,
        "state": custody.state,
        "is_compromised": custody.is_compromised,
        "versions": [_version(custody, one) for one in custody.versions],
        "counts": _counts(custody.counts),
        "counted_at": _time(custody.counted_at),
        "backups": custody.backups,
        "destructions": [destruction_body(one) for one in custody.waiting],
    }


def destruction_body(one: KeyDestruction) -> dict[str, Any]:
    return {
        "id": str(one.id),
        "namespace": one.namespace_name,
        "key": str(one.key_id),
        "version": one.version,
        "state": one.state,
        "reason": one.reason,
        "asked_by": one.asked_by_name,
        "asked_at": rfc3339(one.asked_at),
        "due_at": rfc3339(one.due_at),
        "ended_at": _time(one.ended_at),
        "said": one.said,
        "counts": one.counts,
    }


def _version(custody: Custody, one: KeyVersion) -> dict[str, Any]:
    return {
        "version": one.version,
        "state": one.state,
        "is_compromised": one.is_compromised,
        "messages": one.messages,
        "created_at": rfc3339(one.created_at),
        "turned_at": _time(one.turned_at),
        "retired_at": _time(one.retired_at),
        "destroyed_at": _time(one.destroyed_at),
        "values": custody.under(one),
    }


def _counts(counts: Iterable[Under | Noted]) -> list[dict[str, Any]]:
    return [
        {"store": one.store, "version": one.version, "rows": one.rows, "bytes": one.bytes}
        for one in counts
    ]


def _time(moment: datetime | None) -> str | None:
    return rfc3339(moment) if moment is not None else None


def _place(cursor: str | None) -> tuple[datetime, UUID]:
    if cursor is None:
        return queries.EARLIEST, queries.NOBODY
    try:
        at, row_id = decode_cursor(cursor, length=2)
        return datetime.fromisoformat(str(at)), UUID(str(row_id))
    except ValueError:
        raise Malformed("The cursor is not one that was given out here.") from None

"""Pending writes over REST: polled by whoever asked, looked at by whoever may agree."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.response import Response

from stateward.gate.approvals.services import withdraw
from stateward.kernel.clock import rfc3339
from stateward.kernel.errors import Fault, Malformed
from stateward.state.pending.exceptions import PendingOver
from stateward.state.pending.reading import effects_of, find_pending, list_pending, radius_of
from stateward.state.pending.records import Pending
from stateward.state.pending.serializers import (
    STATES,
    PendingEffectsSerializer,
    PendingSerializer,
)
from stateward.tenancy.scope import run_flow
from stateward.web.cursors import decode_cursor, encode_cursor
from stateward.web.drf.pages import known_parameters, limit_of, page
from stateward.web.drf.requests import ActorRequest
from stateward.web.drf.serializers import page_of
from stateward.web.drf.views import ApiView


class PendingsView(ApiView):
    """Newest first: one's own, and those of entries that one may know of."""

    @extend_schema(
        operation_id="list_pending_writes",
        parameters=[
            OpenApiParameter("state", enum=STATES),
            OpenApiParameter("limit", int),
            OpenApiParameter("cursor"),
        ],
        responses=page_of(PendingSerializer),
    )
    def get(self, request: ActorRequest) -> Response:
        known_parameters(request, "state")
        state = request.query_params.get("state")
        if state is not None and state not in STATES:
            says = "state is none of those known here"
            raise Malformed(f"{says.capitalize()}.", errors=(Fault("", says),))
        found, following = run_flow(
            list_pending(
                request.actor,
                request.call,
                state=state,
                before=_place(request.query_params.get("cursor")),
                limit=limit_of(request),
            )
        )
        cursor = encode_cursor([str(following)]) if following else None
        return page([pending_body(one) for one in found], cursor)


class PendingView(ApiView):
    @extend_schema(operation_id="get_pending_write", responses=PendingSerializer)
    def get(self, request: ActorRequest, pending_id: UUID) -> Response:
        known_parameters(request)
        found = run_flow(find_pending(request.actor, request.call, pending_id))
        return Response(pending_body(found))

    @extend_schema(operation_id="withdraw_pending_write", request=None, responses={204: None})
    def delete(self, request: ActorRequest, pending_id: UUID) -> Response:
        """Take back what one asked for."""
        found = run_flow(find_pending(request.actor, request.call, pending_id))
        if found.state != "pending":
            raise PendingOver
        withdraw(request.actor, request.call, found.approval)
        return Response(status=204)


class PendingEffectsView(ApiView):
    @extend_schema(operation_id="get_pending_effects", responses=PendingEffectsSerializer)
    def get(self, request: ActorRequest, pending_id: UUID) -> Response:
        """What releasing it would change now, and how far that reaches. A read of the values."""
        known_parameters(request)
        found = run_flow(find_pending(request.actor, request.call, pending_id))
        effects = run_flow(effects_of(request.actor, request.call, found))
        radius = run_flow(radius_of(request.actor.tenant_id, found))
        items = [
            {
                "namespace": one.waiting.namespace,
                "key": one.waiting.key,
                "patch": one.patch,
                "refused": one.refused,
            }
            for one in effects
        ]
        return Response({"items": items, "radius": radius._asdict()})


def pending_body(one: Pending) -> dict[str, Any]:
    asked_by = one.asked_by
    return {
        "id": str(one.id),
        "state": one.state,
        "approval": str(one.approval),
        "asked_by": {"type": asked_by.type, "id": str(asked_by.id), "name": asked_by.name},
        "run": one.run,
        "is_transaction": one.is_transaction,
        "created_at": rfc3339(one.created_at),
        "expires_at": rfc3339(one.expires_at),
        "ended_at": rfc3339(one.ended_at) if one.ended_at else None,
        "operations": [
            {
                "namespace": waiting.namespace,
                "key": waiting.key,
                "operation": waiting.operation,
                "base_version": waiting.base_version,
                "current_version": waiting.now if waiting.is_alive else None,
                "has_moved": one.state == "pending" and waiting.has_moved,
                "size_bytes": waiting.size_bytes,
                "version": waiting.version,
            }
            for waiting in one.operations
        ],
    }


def _place(cursor: str | None) -> UUID | None:
    if cursor is None:
        return None
    try:
        return UUID(str(decode_cursor(cursor, length=1)[0]))
    except ValueError:
        raise Malformed("The cursor is not one that was given out here.") from None

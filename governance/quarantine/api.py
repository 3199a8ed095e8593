"""Quarantines over REST: parse, one service or query, render."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.response import Response

from governance.quarantine.models import Quarantine
from governance.quarantine.queries import find_quarantine, quarantines_of
from governance.quarantine.serializers import (
    NewQuarantineSerializer,
    NewVerdictSerializer,
    QuarantineDetailSerializer,
    QuarantinedWriteSerializer,
    QuarantineSerializer,
    ReleaseQuarantineSerializer,
    VerdictsSerializer,
)
from governance.quarantine.services.reviews import close_quarantine, managed, open_quarantine
from governance.quarantine.services.verdicts import Asked, Done, keep_writes, roll_back_writes
from governance.quarantine.writes import STANDINGS, Item, Place, readable_items, tally
from stateward.kernel.clock import parse_rfc3339, rfc3339
from stateward.kernel.errors import Fault, Malformed
from stateward.tenancy.scope import run_flow
from stateward.web.cursors import decode_cursor, encode_cursor
from stateward.web.drf.pages import known_parameters, limit_of, page, page_by_id
from stateward.web.drf.requests import ActorRequest
from stateward.web.drf.serializers import page_of
from stateward.web.drf.views import ApiView

PAGE = [OpenApiParameter("limit", int), OpenApiParameter("cursor")]


class QuarantinesView(ApiView):
    """Newest first, those that are over too."""

    @extend_schema(
        operation_id="list_quarantines",
        parameters=[*PAGE, OpenApiParameter("state", enum=["open", "closed"])],
        responses=page_of(QuarantineSerializer),
    )
    def get(self, request: ActorRequest) -> Response:
        known_parameters(request, "state")
        rows = quarantines_of(request.actor, request.call)
        state = request.query_params.get("state")
        if state not in {None, "open", "closed"}:
            raise _malformed("state is open or closed")
        if state is not None:
            rows = rows.filter(closed_at__isnull=state == "open")
        return page_by_id(request, rows, quarantine_body, newest_first=True)

    @extend_schema(
        operation_id="open_quarantine",
        request=NewQuarantineSerializer,
        responses={201: QuarantineDetailSerializer},
    )
    def post(self, request: ActorRequest) -> Response:
        fields = self.read(NewQuarantineSerializer)
        made = open_quarantine(
            actor=request.actor,
            call=request.call,
            agent_id=fields["agent"],
            since=fields["since"],
            reason=fields.get("reason", ""),
            alert_id=fields.get("alert"),
        )
        location = f"/api/v1/quarantines/{made.id}"
        return Response(_detail(made), status=201, headers={"Location": location})


class QuarantineView(ApiView):
    @extend_schema(operation_id="get_quarantine", responses=QuarantineDetailSerializer)
    def get(self, request: ActorRequest, quarantine_id: UUID) -> Response:
        known_parameters(request)
        return Response(_detail(find_quarantine(request.actor, request.call, quarantine_id)))


class QuarantinedWritesView(ApiView):
    """The entries it wrote, newest first: those that the caller may know of."""

    @extend_schema(
        operation_id="list_quarantined_writes",
        parameters=[*PAGE, OpenApiParameter("standing", enum=STANDINGS)],
        responses=page_of(QuarantinedWriteSerializer),
    )
    def get(self, request: ActorRequest, quarantine_id: UUID) -> Response:
        known_parameters(request, "standing")
        standing = request.query_params.get("standing")
        if standing is not None and standing not in STANDINGS:
            raise _malformed("standing is none of those known here")
        found = find_quarantine(request.actor, request.call, quarantine_id)
        told = run_flow(
            readable_items(
                request.actor,
                request.call,
                found,
                standing=standing,
                after=_place(request.query_params.get("cursor")),
                limit=limit_of(request),
            )
        )
        after = told.next_after
        cursor = encode_cursor([rfc3339(after.at), str(after.id)]) if after else None
        return page([item_body(one) for one in told.items], cursor)


class VerdictsView(ApiView):
    @extend_schema(
        operation_id="decide_on_writes",
        request=NewVerdictSerializer,
        responses=VerdictsSerializer,
    )
    def post(self, request: ActorRequest, quarantine_id: UUID) -> Response:
        """Keep writes, or roll them back. Without ``writes``: all that are undecided, or all that
        nobody else wrote since.
        """
        fields = self.read(NewVerdictSerializer)
        actor, call = request.actor, request.call
        found, decision = managed(actor, call, quarantine_id)
        writes, dry_run = fields.get("writes"), fields.get("dry_run", False)
        if fields["verdict"] == "keep":
            if dry_run:
                raise _malformed("only rolling back can be tried", "/dry_run")
            ids = None if writes is None else [one["id"] for one in writes]
            done = keep_writes(actor, call, found, decision, ids)
        else:
            asked = None if writes is None else [Asked(**one) for one in writes]
            done = roll_back_writes(actor, call, found, decision, asked, dry_run=dry_run)
        return Response(_done(fields["verdict"], done, dry_run=dry_run))


class QuarantineReleaseView(ApiView):
    @extend_schema(
        operation_id="close_quarantine",
        request=ReleaseQuarantineSerializer,
        responses=QuarantineSerializer,
    )
    def put(self, request: ActorRequest, quarantine_id: UUID) -> Response:
        fields = self.read_optional(ReleaseQuarantineSerializer)
        closed = close_quarantine(
            actor=request.actor,
            call=request.call,
            quarantine_id=quarantine_id,
            note=fields.get("note", ""),
            rest_is_kept=fields.get("keep_rest", False),
            resume=fields.get("resume", False),
        )
        return Response(quarantine_body(closed))


def quarantine_body(one: Quarantine) -> dict[str, Any]:
    return {
        "id": str(one.id),
        "agent": str(one.agent_id),
        "agent_name": one.agent_name,
        "alert": str(one.alert_id) if one.alert_id else None,
        "reason": one.reason,
        "since": rfc3339(one.since),
        "opened_at": rfc3339(one.opened_at),
        "opened_by": one.opened_by,
        "closed_at": _moment(one.closed_at),
        "closed_by": one.closed_by,
        "note": one.note,
    }


def item_body(item: Item) -> dict[str, Any]:
    return {
        "id": str(item.id),
        "namespace": item.namespace,
        "key": item.key,
        "change": item.change,
        "writes": item.writes,
        "first_version": item.first,
        "last_version": item.last,
        "before_version": item.before,
        "current_version": item.now,
        "first_at": rfc3339(item.first_at),
        "last_at": rfc3339(item.last_at),
        "updated_by": item.updated_by,
        "leased_by": item.leased_by if item.standing == "leased" else None,
        "standing": item.standing,
        "decided_by": item.by,
    }


def _detail(one: Quarantine) -> dict[str, Any]:
    told = run_flow(tally(one))
    counts = {standing: told.by_standing.get(standing, 0) for standing in STANDINGS}
    return quarantine_body(one) | {"writes": told.writes, "entries": counts}


def _done(verdict: str, done: Done, *, dry_run: bool) -> dict[str, Any]:
    return {
        "verdict": verdict,
        "dry_run": dry_run,
        "entries": len(done.items),
        "refused": [
            {"id": str(one.item.id), "code": one.code, "detail": one.detail} for one in done.refused
        ],
        "has_more": done.more,
    }


def _place(cursor: str | None) -> Place | None:
    if cursor is None:
        return None
    at, item_id = decode_cursor(cursor, length=2)
    try:
        return Place(parse_rfc3339(str(at)), UUID(str(item_id)))
    except ValueError:
        raise Malformed("The cursor is not one that was given out here.") from None


def _moment(moment: datetime | None) -> str | None:
    return rfc3339(moment) if moment else None


def _malformed(says: str, pointer: str = "") -> Malformed:
    return Malformed(f"{says.capitalize()}.", errors=(Fault(pointer, says),))

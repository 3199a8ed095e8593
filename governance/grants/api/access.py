"""Who can do what on an object, and what a principal can do on which objects, over REST."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.response import Response

from governance.grants.access import Verdict, chosen_actions, principals_page
from governance.grants.acts import giver, readable
from governance.grants.reports import may_list, what_can, who_can
from governance.grants.serializers import AccessSerializer
from governance.grants.words import OBJECT_TYPES
from stateward.kernel.errors import Malformed
from stateward.web.cursors import decode_cursor, encode_cursor
from stateward.web.drf.pages import known_parameters, limit_of, page
from stateward.web.drf.requests import ActorRequest
from stateward.web.drf.serializers import page_of
from stateward.web.drf.views import ApiView

PAGE = [OpenApiParameter("limit", int), OpenApiParameter("cursor")]
ACTIONS = OpenApiParameter("actions", description="Separated by commas; the usual ones without.")


class ObjectAccessView(ApiView):
    """Every principal's access to one object, as the gate decides it."""

    @extend_schema(
        operation_id="list_access_to_object",
        parameters=[
            OpenApiParameter("principals", enum=["member", "agent"]),
            ACTIONS,
            *PAGE,
        ],
        responses=page_of(AccessSerializer),
    )
    def get(self, request: ActorRequest, kind: str, name: str) -> Response:
        known_parameters(request, "principals", "actions")
        of = request.query_params.get("principals", "member")
        if of not in {"member", "agent"}:
            raise Malformed("principals is member or agent.")
        by = giver(request.actor, request.call)
        target = readable(by, kind, name)
        may_list(by, of)
        actions = chosen_actions(target.kind, request.query_params.get("actions"))
        after = _cursor(request)
        principals, following = principals_page(
            request.actor.tenant_id,
            "member" if of == "member" else "agent",
            after=_uuid(after) if after is not None else None,
            limit=limit_of(request),
        )
        about = {"type": kind, "id": target.id, "name": target.name}
        items = [
            {
                "principal": {
                    "type": row.principal.type,
                    "id": str(row.principal.id),
                    "name": row.principal.name,
                },
                "object": about,
                "verdicts": [_verdict(one) for one in row.verdicts],
            }
            for row in who_can(by, target, principals, actions)
        ]
        return page(items, encode_cursor([str(following)]) if following else None)


class PrincipalAccessView(ApiView):
    """What one principal can do, on the objects of a kind of which it can do anything."""

    @extend_schema(
        operation_id="list_access_of_principal",
        parameters=[OpenApiParameter("objects", enum=list(OBJECT_TYPES)), ACTIONS, *PAGE],
        responses=page_of(AccessSerializer),
    )
    def get(self, request: ActorRequest, kind: str, principal_id: UUID) -> Response:
        known_parameters(request, "objects", "actions")
        of = request.query_params.get("objects", "namespace")
        if of not in OBJECT_TYPES:
            raise Malformed(f"objects is one of {', '.join(OBJECT_TYPES)}.")
        found = what_can(
            giver(request.actor, request.call),
            (kind, str(principal_id)),
            of=of,
            actions=request.query_params.get("actions"),
            after=_cursor(request) or "",
            limit=limit_of(request),
        )
        items = [
            {
                "principal": {"type": kind, "id": str(principal_id), "name": found.principal.name},
                "object": {"type": of, "id": row.target.id, "name": row.target.name},
                "verdicts": [_verdict(one) for one in row.verdicts],
            }
            for row in found.rows
        ]
        return page(items, encode_cursor([found.following]) if found.following else None)


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "action": verdict.action,
        "allowed": verdict.allowed,
        "outcome": verdict.decision.outcome,
        "reason": verdict.decision.reason,
        "ends_at": verdict.ends_at,
        "sources": [
            {"kind": one.kind, "label": one.label, "name": one.name, "id": one.id}
            for one in verdict.sources
        ],
    }


def _cursor(request: ActorRequest) -> str | None:
    cursor = request.query_params.get("cursor")
    return None if cursor is None else str(decode_cursor(cursor, length=1)[0])


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Malformed("The cursor is not one that was given out here.") from None

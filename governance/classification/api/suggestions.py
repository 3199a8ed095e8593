"""Suggestions, and what they rest on."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.response import Response

from governance.classification import queries, services
from governance.classification.api.cursors import PAGE, before, paged
from governance.classification.models import SUGGESTION_STATES
from governance.classification.serializers import (
    ClassificationDecidedSerializer,
    ClassificationDecisionSerializer,
    ClassificationFindingSerializer,
    ClassificationOverviewSerializer,
    ClassificationSuggestionSerializer,
)
from stateward.kernel.errors import Fault, Malformed
from stateward.state.detectors.kinds import NAMES
from stateward.web.cursors import decode_cursor, encode_cursor
from stateward.web.drf.pages import known_parameters, limit_of, page
from stateward.web.drf.requests import ActorRequest
from stateward.web.drf.serializers import page_of
from stateward.web.drf.views import ApiView


class SuggestionsView(ApiView):
    """That a namespace should be kept more closely. Newest first."""

    @extend_schema(
        operation_id="list_classification_suggestions",
        parameters=[
            *PAGE,
            OpenApiParameter("state", enum=SUGGESTION_STATES),
            OpenApiParameter("namespace"),
        ],
        responses=page_of(ClassificationSuggestionSerializer),
    )
    def get(self, request: ActorRequest) -> Response:
        known_parameters(request, "state", "namespace")
        found, following = queries.suggestions(
            request.actor, request.call, state=one_of(request, "state", SUGGESTION_STATES),
            namespace=request.query_params.get("namespace", ""),
            before=before(request), limit=limit_of(request),
        )  # fmt: skip
        return paged([ClassificationSuggestionSerializer(one).data for one in found], following)


class DecisionsView(ApiView):
    @extend_schema(
        operation_id="decide_classification_suggestions",
        request=ClassificationDecisionSerializer,
        responses={200: ClassificationDecidedSerializer},
        description="All of them or none. Accepting raises the namespaces' classification.",
    )
    def post(self, request: ActorRequest) -> Response:
        fields = self.read(ClassificationDecisionSerializer)
        found = services.decide(
            request.actor, request.call, fields["ids"],
            verdict=fields["verdict"], reason=fields["reason"],
        )  # fmt: skip
        return Response({"items": [ClassificationSuggestionSerializer(one).data for one in found]})


class OverviewView(ApiView):
    """Each namespace: how it is kept, what was found in it, when it was last looked through."""

    @extend_schema(
        operation_id="list_classified_namespaces",
        parameters=PAGE,
        responses=page_of(ClassificationOverviewSerializer),
    )
    def get(self, request: ActorRequest) -> Response:
        known_parameters(request)
        limit, cursor = limit_of(request), request.query_params.get("cursor")
        after = "" if cursor is None else str(decode_cursor(cursor, length=1)[0] or "")
        rows = [
            one for one in queries.overview(request.actor, request.call)
            if one.namespace.name > after
        ]  # fmt: skip
        following = rows[limit - 1].namespace.name if len(rows) > limit else None
        items = [_overview(one) for one in rows[:limit]]
        return page(items, encode_cursor([following]) if following else None)


class FindingsView(ApiView):
    """Kinds, entries and places: never what stands there."""

    @extend_schema(
        operation_id="list_classification_findings",
        parameters=[*PAGE, OpenApiParameter("kind", enum=NAMES), OpenApiParameter("key")],
        responses=page_of(ClassificationFindingSerializer),
    )
    def get(self, request: ActorRequest, name: str) -> Response:
        known_parameters(request, "kind", "key")
        seen, following = queries.findings(
            request.actor, request.call, name, kind=one_of(request, "kind", NAMES),
            key=request.query_params.get("key", ""), before=before(request),
            limit=limit_of(request),
        )  # fmt: skip
        return paged([finding_body(one) for one in seen], following)


def finding_body(seen: queries.Seen) -> dict[str, Any]:
    found = seen.finding
    body = ClassificationFindingSerializer(found).data
    return {**body, "pointer": seen.pointer}


def _overview(one: queries.Overview) -> dict[str, Any]:
    standing = one.standing
    return {
        "namespace": one.namespace.name,
        "classification": one.namespace.classification,
        "kinds": [tally._asdict() for tally in one.tallies],
        "scanned_at": standing.scanned_at if standing else None,
        "coverage": standing.coverage if standing else None,
        "entries": standing.entries if standing else 0,
        "looked": standing.looked if standing else 0,
        "unread": standing.unread if standing else 0,
    }


def one_of(request: ActorRequest, name: str, names: tuple[str, ...]) -> str:
    said = request.query_params.get(name, "")
    if said and said not in names:
        message = f"the parameter {name} is one of {', '.join(names)}"
        raise Malformed(f"{name} is not one there is.", errors=(Fault("", message),))
    return said

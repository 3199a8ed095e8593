"""Namespaces over REST: parse, one service or query, render. Entries are the data plane's
(``dataplane.py``).
"""

from __future__ import annotations

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.response import Response

from stateward.kernel.errors import Malformed
from stateward.state.models import Namespace
from stateward.state.serializers import (
    NamespaceChangesSerializer,
    NamespaceSerializer,
    NewNamespaceSerializer,
)
from stateward.state.services.namespaces import (
    create_namespace,
    delete_namespace,
    find_namespace,
    readable_namespaces,
    update_namespace,
)
from stateward.web.cursors import decode_cursor, encode_cursor
from stateward.web.drf.pages import known_parameters, limit_of, page
from stateward.web.drf.requests import ActorRequest
from stateward.web.drf.serializers import page_of
from stateward.web.drf.views import ApiView


class NamespacesView(ApiView):
    @extend_schema(
        operation_id="list_namespaces",
        parameters=[
            OpenApiParameter("prefix"),
            OpenApiParameter("limit", int),
            OpenApiParameter("cursor"),
        ],
        responses=page_of(NamespaceSerializer),
    )
    def get(self, request: ActorRequest) -> Response:
        known_parameters(request, "prefix")
        cursor = request.query_params.get("cursor")
        after = "" if cursor is None else str(decode_cursor(cursor, length=1)[0] or "")
        found, following = readable_namespaces(
            request.actor,
            request.call,
            after=after,
            limit=limit_of(request),
            prefix=request.query_params.get("prefix", ""),
        )
        return page(
            [_body(one) for one in found], encode_cursor([following]) if following else None
        )

    @extend_schema(
        operation_id="create_namespace",
        request=NewNamespaceSerializer,
        responses={201: NamespaceSerializer},
    )
    def post(self, request: ActorRequest) -> Response:
        fields = self.read(NewNamespaceSerializer)
        namespace = create_namespace(request.actor, request.call, fields.pop("name"), fields)
        location = f"/api/v1/namespaces/{namespace.name}"
        return Response(_body(namespace), status=201, headers={"Location": location})


class NamespaceView(ApiView):
    @extend_schema(operation_id="get_namespace", responses=NamespaceSerializer)
    def get(self, request: ActorRequest, name: str) -> Response:
        known_parameters(request)
        return Response(_body(find_namespace(request.actor, request.call, name)))

    @extend_schema(
        operation_id="update_namespace",
        request=NamespaceChangesSerializer,
        responses=NamespaceSerializer,
    )
    def patch(self, request: ActorRequest, name: str) -> Response:
        fields = self.read(NamespaceChangesSerializer, partial=True)
        reason = fields.pop("reason", "")
        found = update_namespace(request.actor, request.call, name, fields, reason=reason)
        return Response(_body(found))

    @extend_schema(
        operation_id="delete_namespace",
        parameters=[OpenApiParameter("force", bool)],
        responses={204: None},
    )
    def delete(self, request: ActorRequest, name: str) -> Response:
        known_parameters(request, "force")
        force = request.query_params.get("force", "false")
        if force not in {"true", "false"}:
            raise Malformed("force is true or false.")
        delete_namespace(request.actor, request.call, name, force=force == "true")
        return Response(status=204)


def _body(namespace: Namespace) -> dict[str, object]:
    return dict(NamespaceSerializer(namespace).data)

"""Routes and deliveries over REST: parse, one service or query, render."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.response import Response

from governance.delivery.models import Delivery, Route
from governance.delivery.queries import deliveries_of, routes_of
from governance.delivery.sending import send
from governance.delivery.serializers import (
    AlertDeliverySerializer,
    MadeRouteSerializer,
    NewRouteSerializer,
    RouteChangesSerializer,
    RouteSerializer,
)
from governance.delivery.services import routes
from stateward.kernel.clock import rfc3339
from stateward.kernel.errors import Fault, Malformed, NotFound
from stateward.tenancy.scope import tenant_scope
from stateward.web.drf.pages import known_parameters, page_by_id
from stateward.web.drf.requests import ActorRequest
from stateward.web.drf.serializers import page_of
from stateward.web.drf.views import ApiView

PAGE = [OpenApiParameter("limit", int), OpenApiParameter("cursor")]
STATES = Delivery.State.values


class RoutesView(ApiView):
    secret_members = ("secret",)

    @extend_schema(
        operation_id="list_alert_routes", parameters=PAGE, responses=page_of(RouteSerializer)
    )
    def get(self, request: ActorRequest) -> Response:
        known_parameters(request)
        return page_by_id(request, routes_of(request.actor, request.call), route_body)

    @extend_schema(
        operation_id="create_alert_route",
        request=NewRouteSerializer,
        responses={201: MadeRouteSerializer},
    )
    def post(self, request: ActorRequest) -> Response:
        """A webhook's ``secret`` is in this answer and in no other."""
        fields = self.read(NewRouteSerializer)
        route, secret = routes.create_route(actor=request.actor, call=request.call, fields=fields)
        location = f"/api/v1/alert-routes/{route.id}"
        body = route_body(route) | {"secret": secret or None}
        return Response(body, status=201, headers={"Location": location})


class RouteView(ApiView):
    @extend_schema(operation_id="get_alert_route", responses=RouteSerializer)
    def get(self, request: ActorRequest, route_id: UUID) -> Response:
        known_parameters(request)
        found = routes_of(request.actor, request.call).filter(id=route_id).first()
        if found is None:
            raise NotFound
        return Response(route_body(found))

    @extend_schema(
        operation_id="change_alert_route", request=RouteChangesSerializer, responses=RouteSerializer
    )
    def patch(self, request: ActorRequest, route_id: UUID) -> Response:
        fields = self.read(RouteChangesSerializer)
        changed = routes.change_route(
            actor=request.actor, call=request.call, route_id=route_id, fields=fields
        )
        return Response(route_body(changed))

    @extend_schema(operation_id="delete_alert_route", request=None, responses={204: None})
    def delete(self, request: ActorRequest, route_id: UUID) -> Response:
        routes.delete_route(actor=request.actor, call=request.call, route_id=route_id)
        return Response(status=204)


class RouteTestView(ApiView):
    own_transactions = True  # it waits for another server

    @extend_schema(operation_id="test_alert_route", request=None, responses=AlertDeliverySerializer)
    def post(self, request: ActorRequest, route_id: UUID) -> Response:
        """Send a message that says it is a test, now, and answer what came of it."""
        with tenant_scope(request.actor.tenant_id):
            made = routes.make_test(actor=request.actor, call=request.call, route_id=route_id)
        send(made)
        with tenant_scope(request.actor.tenant_id):
            return Response(delivery_body(Delivery.objects.select_related("route").get(id=made.id)))


class DeliveriesView(ApiView):
    """What was sent, is to be sent, or was given up, newest first."""

    @extend_schema(
        operation_id="list_alert_deliveries",
        parameters=[*PAGE, OpenApiParameter("state", enum=STATES), OpenApiParameter("route")],
        responses=page_of(AlertDeliverySerializer),
    )
    def get(self, request: ActorRequest) -> Response:
        known_parameters(request, "state", "route")
        rows = deliveries_of(request.actor, request.call)
        if (state := request.query_params.get("state")) is not None:
            if state not in STATES:
                raise _malformed("state is waiting, sent or given_up")
            rows = rows.filter(state=state)
        if (route := request.query_params.get("route")) is not None:
            rows = rows.filter(route_id=_uuid(route))
        return page_by_id(request, rows, delivery_body, newest_first=True)


class DeliveryRetryView(ApiView):
    @extend_schema(operation_id="send_alert_again", request=None, responses=AlertDeliverySerializer)
    def post(self, request: ActorRequest, delivery_id: UUID) -> Response:
        """Let what was given up be tried once more."""
        again = routes.send_again(actor=request.actor, call=request.call, delivery_id=delivery_id)
        return Response(delivery_body(again))


def route_body(one: Route) -> dict[str, Any]:
    return {
        "id": str(one.id),
        "name": one.name,
        "kind": one.kind,
        "addresses": one.addresses,
        "url": one.url,
        "severity": one.severity,
        "rules": one.rules,
        "namespaces": one.namespaces,
        "after_minutes": one.after_minutes,
        "digest_minutes": one.digest_minutes,
        "quiet_from": one.quiet_from,
        "quiet_to": one.quiet_to,
        "enabled": one.enabled,
        "disabled_why": one.disabled_why,
        "failing_since": _moment(one.failing_since),
        "said": one.said,
        "sent_at": _moment(one.sent_at),
        "created_at": rfc3339(one.created_at),
        "created_by": one.created_by,
    }


def delivery_body(one: Delivery) -> dict[str, Any]:
    is_waiting = one.state == Delivery.State.WAITING
    return {
        "id": str(one.id),
        "route": str(one.route_id),
        "route_name": one.route.name,
        "kind": one.kind,
        "state": one.state,
        "title": one.title,
        "alerts": one.alerts,
        "attempts": one.attempts,
        "said": one.said,
        "made_at": rfc3339(one.made_at),
        "next_at": rfc3339(one.next_at) if is_waiting else None,
        "sent_at": _moment(one.sent_at),
    }


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise _malformed("route is the id of a route") from None


def _moment(moment: datetime | None) -> str | None:
    return rfc3339(moment) if moment else None


def _malformed(says: str) -> Malformed:
    return Malformed(f"{says.capitalize()}.", errors=(Fault("", says),))

"""Addresses of alert routes and of what was sent over them."""

from django.urls import path

from governance.delivery.api import (
    DeliveriesView,
    DeliveryRetryView,
    RoutesView,
    RouteTestView,
    RouteView,
)

ROUTES = "api/v1/alert-routes"
DELIVERIES = "api/v1/alert-deliveries"

urlpatterns = [
    path(ROUTES, RoutesView.as_view()),
    path(f"{ROUTES}/<uuid:route_id>", RouteView.as_view()),
    path(f"{ROUTES}/<uuid:route_id>/test", RouteTestView.as_view()),
    path(DELIVERIES, DeliveriesView.as_view()),
    path(f"{DELIVERIES}/<uuid:delivery_id>/retry", DeliveryRetryView.as_view()),
]

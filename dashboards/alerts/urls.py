"""Addresses of alerts and detection rules."""

from __future__ import annotations

from django.urls import URLPattern, path

from dashboards.alerts import acts, alerts, risk, routes, rules

ALERT = "alerts/<uuid:alert_id>"
ROUTE = "alerts/routes/<uuid:route_id>"

urlpatterns: list[URLPattern] = [
    path("alerts/", alerts.alerts, name="alerts"),
    path("alerts/rules/", rules.rules, name="detection_rules"),
    path("alerts/rules/<slug:rule>/", rules.rule, name="detection_rule"),
    path("alerts/suppressions/new", rules.suppress, name="suppression_new"),
    path("alerts/suppressions/<uuid:suppression_id>/lift", rules.lift, name="suppression_lift"),
    path("alerts/risk/", risk.risk, name="agent_risks"),
    path("alerts/routes/", routes.routes, name="alert_routes"),
    path("alerts/routes/new", routes.create, name="alert_route_new"),
    path(f"{ROUTE}/", routes.edit, name="alert_route_edit"),
    path(f"{ROUTE}/delete", routes.delete, name="alert_route_delete"),
    path(f"{ROUTE}/test", routes.test, name="alert_route_test"),
    path("alerts/deliveries/<uuid:delivery_id>/retry", routes.retry, name="alert_delivery_retry"),
    path(f"{ALERT}/", alerts.alert, name="alert"),
    path(f"{ALERT}/acknowledge", acts.acknowledge, name="alert_acknowledge"),
    path(f"{ALERT}/resolve", acts.resolve, name="alert_resolve"),
    path(f"{ALERT}/reopen", acts.reopen, name="alert_reopen"),
]

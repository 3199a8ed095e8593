"""Addresses of alerts and detection rules."""

from __future__ import annotations

from django.urls import URLPattern, path

from dashboards.alerts import acts, alerts, rules

ALERT = "alerts/<uuid:alert_id>"

urlpatterns: list[URLPattern] = [
    path("alerts/", alerts.alerts, name="alerts"),
    path("alerts/rules/", rules.rules, name="detection_rules"),
    path("alerts/rules/<slug:rule>/", rules.rule, name="detection_rule"),
    path("alerts/suppressions/new", rules.suppress, name="suppression_new"),
    path("alerts/suppressions/<uuid:suppression_id>/lift", rules.lift, name="suppression_lift"),
    path(f"{ALERT}/", alerts.alert, name="alert"),
    path(f"{ALERT}/acknowledge", acts.acknowledge, name="alert_acknowledge"),
    path(f"{ALERT}/resolve", acts.resolve, name="alert_resolve"),
    path(f"{ALERT}/reopen", acts.reopen, name="alert_reopen"),
]

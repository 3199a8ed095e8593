"""Addresses of alerts, detection rules and suppressions."""

from django.urls import path

from governance.detection.api.alerts import (
    AcknowledgementView,
    AlertHistoryView,
    AlertsView,
    AlertView,
    AssignmentView,
    ResolutionView,
)
from governance.detection.api.rules import (
    RulesView,
    RuleView,
    SuppressionsView,
    SuppressionView,
)

API = "api/v1"

urlpatterns = [
    path(f"{API}/alerts", AlertsView.as_view()),
    path(f"{API}/alerts/<uuid:alert_id>", AlertView.as_view()),
    path(f"{API}/alerts/<uuid:alert_id>/history", AlertHistoryView.as_view()),
    path(f"{API}/alerts/<uuid:alert_id>/acknowledgement", AcknowledgementView.as_view()),
    path(f"{API}/alerts/<uuid:alert_id>/resolution", ResolutionView.as_view()),
    path(f"{API}/alerts/<uuid:alert_id>/owner", AssignmentView.as_view()),
    path(f"{API}/detection/rules", RulesView.as_view()),
    path(f"{API}/detection/rules/<str:rule>", RuleView.as_view()),
    path(f"{API}/detection/suppressions", SuppressionsView.as_view()),
    path(f"{API}/detection/suppressions/<uuid:suppression_id>", SuppressionView.as_view()),
]

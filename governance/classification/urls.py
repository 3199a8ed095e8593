"""Addresses of classification."""

from django.urls import path

from governance.classification.api import masking, scans, suggestions

ROOT = "api/v1/classification"

urlpatterns = [
    path(f"{ROOT}/suggestions", suggestions.SuggestionsView.as_view()),
    path(f"{ROOT}/decisions", suggestions.DecisionsView.as_view()),
    path(f"{ROOT}/namespaces", suggestions.OverviewView.as_view()),
    path("api/v1/namespaces/<str:name>/findings", suggestions.FindingsView.as_view()),
    path("api/v1/namespaces/<str:name>/masking", masking.NamespaceMaskingView.as_view()),
    path(f"{ROOT}/scans", scans.ScansView.as_view()),
    path(f"{ROOT}/scans/<uuid:scan_id>", scans.ScanView.as_view()),
    path(f"{ROOT}/scans/<uuid:scan_id>/cancel", scans.ScanCancelView.as_view()),
    path(f"{ROOT}/rules", scans.RulesView.as_view()),
    path(f"{ROOT}/rules/<uuid:rule_id>", scans.RuleView.as_view()),
]

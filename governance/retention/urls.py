"""Addresses of retention rules and holds."""

from django.urls import path

from governance.retention.api.holds import (
    HoldsView,
    HoldView,
    ReleaseApprovalView,
    ReleaseView,
)
from governance.retention.api.looking import BatchesView, PreviewView, ResolutionView
from governance.retention.api.rules import (
    LooseningView,
    RulesView,
    RuleVersionsView,
    RuleView,
)

API = "api/v1/retention"

urlpatterns = [
    path(f"{API}/rules", RulesView.as_view()),
    path(f"{API}/rules/approval", LooseningView.as_view()),
    path(f"{API}/rules/<uuid:rule_id>", RuleView.as_view()),
    path(f"{API}/rules/<uuid:rule_id>/versions", RuleVersionsView.as_view()),
    path(f"{API}/preview", PreviewView.as_view()),
    path(f"{API}/resolution", ResolutionView.as_view()),
    path(f"{API}/batches", BatchesView.as_view()),
    path(f"{API}/holds", HoldsView.as_view()),
    path(f"{API}/holds/<uuid:hold_id>", HoldView.as_view()),
    path(f"{API}/holds/<uuid:hold_id>/release", ReleaseView.as_view()),
    path(f"{API}/holds/<uuid:hold_id>/release/approval", ReleaseApprovalView.as_view()),
]

"""Addresses of policies, explanations and AuthZEN."""

from django.urls import path

from governance.policies.api.authzen import ConfigurationView, EvaluationsView, EvaluationView
from governance.policies.api.dry_runs import DryRunsView, DryRunView
from governance.policies.api.life_cycle import (
    ActivationApprovalView,
    CaseRunsView,
    CasesView,
    DifferenceView,
    InForceView,
    OverridesView,
    PolicySettingsView,
)
from governance.policies.api.policies import (
    ActivationsView,
    ActivationView,
    ExplanationView,
    PoliciesView,
    PolicyView,
    RollbackView,
    ValidationView,
    VersionsView,
)
from governance.policies.api.templates import (
    FormTextView,
    FormView,
    TemplatesView,
    TemplateTextView,
    UnmatchedView,
)

API = "api/v1"

urlpatterns = [
    path(f"{API}/policies", PoliciesView.as_view()),
    path(f"{API}/policies/validation", ValidationView.as_view()),
    path(f"{API}/policies/form", FormView.as_view()),
    path(f"{API}/policies/form/text", FormTextView.as_view()),
    path(f"{API}/policies/templates", TemplatesView.as_view()),
    path(f"{API}/policies/templates/<slug:name>/text", TemplateTextView.as_view()),
    path(f"{API}/policies/unmatched", UnmatchedView.as_view()),
    path(f"{API}/policies/in-force", InForceView.as_view()),
    path(f"{API}/policies/settings", PolicySettingsView.as_view()),
    path(f"{API}/policies/<uuid:policy_id>", PolicyView.as_view()),
    path(f"{API}/policies/<uuid:policy_id>/difference", DifferenceView.as_view()),
    path(f"{API}/policies/<uuid:policy_id>/tests", CasesView.as_view()),
    path(f"{API}/policies/<uuid:policy_id>/tests/runs", CaseRunsView.as_view()),
    path(f"{API}/policies/<uuid:policy_id>/overrides", OverridesView.as_view()),
    path(f"{API}/policies/<uuid:policy_id>/activation/approval", ActivationApprovalView.as_view()),
    path(f"{API}/policies/<uuid:policy_id>/versions", VersionsView.as_view()),
    path(f"{API}/policies/<uuid:policy_id>/activation", ActivationView.as_view()),
    path(f"{API}/policies/<uuid:policy_id>/activations", ActivationsView.as_view()),
    path(f"{API}/policies/<uuid:policy_id>/rollback", RollbackView.as_view()),
    path(f"{API}/policies/<uuid:policy_id>/dry-runs", DryRunsView.as_view()),
    path(f"{API}/policies/dry-runs/<uuid:dry_run_id>", DryRunView.as_view()),
    path(f"{API}/decisions/explanation", ExplanationView.as_view()),
    path("access/v1/evaluation", EvaluationView.as_view()),
    path("access/v1/evaluations", EvaluationsView.as_view()),
    path(".well-known/authzen-configuration", ConfigurationView.as_view()),
]

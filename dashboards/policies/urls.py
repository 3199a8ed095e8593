"""Addresses of the rules."""

from __future__ import annotations

from django.urls import URLPattern, path

from dashboards.policies import activation, building, dry_runs, policies, tests

ONE = "policies/<uuid:policy_id>"

urlpatterns: list[URLPattern] = [
    path("policies/", policies.policies, name="policies"),
    path("policies/new", policies.create, name="policy_new"),
    path("policies/build", building.build, name="policy_build"),
    path("policies/validation", policies.validation, name="policy_validation"),
    path("policies/roles/<slug:name>", policies.role, name="role"),
    path(f"{ONE}/", policies.policy, name="policy"),
    path(f"{ONE}/activate", activation.activate, name="policy_activate"),
    path(f"{ONE}/deactivate", activation.deactivate, name="policy_deactivate"),
    path(f"{ONE}/dry-runs/", dry_runs.dry_runs, name="dry_runs"),
    path("policies/dry-runs/<uuid:dry_run_id>/", dry_runs.dry_run, name="dry_run"),
    path(f"{ONE}/tests/keep", tests.keep, name="policy_test_keep"),
    path(f"{ONE}/tests/remove", tests.remove, name="policy_test_remove"),
    path(f"{ONE}/roll-back", activation.roll_back, name="policy_roll_back"),
]

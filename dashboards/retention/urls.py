"""Addresses of retention and holds."""

from __future__ import annotations

from django.urls import URLPattern, path

from dashboards.retention import holds, rules

RULE = "retention/<uuid:rule_id>"
HOLD = "holds/<uuid:hold_id>"

urlpatterns: list[URLPattern] = [
    path("retention/", rules.retention, name="retention"),
    path("retention/new", rules.create, name="retention_new"),
    path("retention/preview", rules.draft_preview, name="retention_preview"),
    path(f"{RULE}/", rules.rule, name="retention_rule"),
    path(f"{RULE}/end", rules.end, name="retention_end"),
    path("holds/", holds.holds, name="holds"),
    path("holds/new", holds.place, name="hold_new"),
    path(f"{HOLD}/", holds.hold, name="hold"),
    path(f"{HOLD}/release", holds.release, name="hold_release"),
]

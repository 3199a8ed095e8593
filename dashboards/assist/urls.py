"""Addresses of the model's help, beside what it is about."""

from __future__ import annotations

from django.urls import URLPattern, path

from dashboards.assist import pages

urlpatterns: list[URLPattern] = [
    path(
        "namespaces/<str:namespace>/entries/<str:key>/explanation",
        pages.explain,
        name="entry_explain",
    ),
    path("namespaces/<str:name>/anomalies", pages.anomalies, name="namespace_anomalies"),
    path("policies/draft", pages.draft, name="policy_draft"),
]

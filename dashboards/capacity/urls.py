"""Addresses of capacity."""

from __future__ import annotations

from django.urls import URLPattern, path

from dashboards.capacity import analytics, bounding, pages

urlpatterns: list[URLPattern] = [
    path("capacity/", pages.capacity, name="capacity"),
    path("capacity/capacity.csv", pages.capacity_csv, name="capacity_csv"),
    path("capacity/quota", pages.quota, name="capacity_quota"),
    path("capacity/limit", bounding.tenant_limit, name="tenant_limit"),
    path(
        "agents/keys/<uuid:credential_id>/limit",
        bounding.credential_limit,
        name="credential_limit",
    ),
    path("namespaces/<str:name>/bounds", bounding.bounds, name="namespace_bounds"),
    path("namespaces/<str:name>/analytics", analytics.analytics, name="namespace_analytics"),
    path(
        "namespaces/<str:name>/analytics/<str:figure>.csv",
        analytics.analytics_csv,
        name="namespace_analytics_csv",
    ),
    path("capacity/reports/<uuid:report_id>/", pages.report, name="capacity_report"),
]

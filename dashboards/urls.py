"""The console's addresses: everything of a tenant lies under ``/t/<tenant>/``."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from dashboards import finding, overview

app_name = "console"

in_tenant: list[URLPattern | URLResolver] = [
    path("", overview.overview, name="overview"),
    path("find", finding.find, name="find"),
    path("traffic.csv", overview.traffic_csv, name="traffic_csv"),
]

in_tenant += [
    path("", include("dashboards.assist.urls")),
    path("", include("dashboards.state.urls")),
    path("", include("dashboards.feed.urls")),
    path("", include("dashboards.audit.urls")),
    path("", include("dashboards.sinks.urls")),
    path("", include("dashboards.policies.urls")),
    path("", include("dashboards.retention.urls")),
    path("", include("dashboards.privacy.urls")),
    path("", include("dashboards.classification.urls")),
    path("", include("dashboards.approvals.urls")),
    path("", include("dashboards.people.urls")),
    path("", include("dashboards.alerts.urls")),
    path("", include("dashboards.quarantine.urls")),
    path("", include("dashboards.pending.urls")),
    path("", include("dashboards.compliance.urls")),
    path("", include("dashboards.backups.urls")),
    path("", include("dashboards.jobs.urls")),
    path("", include("dashboards.access.urls")),
    path("", include("dashboards.metrics.urls")),
    path("", include("dashboards.capacity.urls")),
    path("", include("dashboards.keys.urls")),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("", overview.front_door, name="front_door"),
    path("t/<slug:tenant>/", include(in_tenant)),
]

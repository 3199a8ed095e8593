"""The console's addresses: everything of a tenant lies under ``/t/<tenant>/``."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from dashboards import overview

app_name = "console"

in_tenant: list[URLPattern | URLResolver] = [
    path("", overview.overview, name="overview"),
    path("traffic.csv", overview.traffic_csv, name="traffic_csv"),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("", overview.front_door, name="front_door"),
    path("t/<slug:tenant>/", include(in_tenant)),
]

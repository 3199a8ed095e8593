"""Addresses of the dashboards."""

from __future__ import annotations

from django.urls import URLPattern, path

from dashboards.metrics import pages

urlpatterns: list[URLPattern] = [
    path("metrics/", pages.dashboard, name="metrics"),
    path("metrics/<slug:name>/", pages.dashboard, name="dashboard"),
    path("metrics/<slug:name>/<slug:figure>.csv", pages.figure_csv, name="figure_csv"),
]

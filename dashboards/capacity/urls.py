"""Addresses of capacity."""

from __future__ import annotations

from django.urls import URLPattern, path

from dashboards.capacity import pages

urlpatterns: list[URLPattern] = [
    path("capacity/", pages.capacity, name="capacity"),
    path("capacity/capacity.csv", pages.capacity_csv, name="capacity_csv"),
    path("capacity/quota", pages.quota, name="capacity_quota"),
    path("capacity/reports/<uuid:report_id>/", pages.report, name="capacity_report"),
]

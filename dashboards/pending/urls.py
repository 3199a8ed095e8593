"""Addresses of writes that wait for agreement."""

from __future__ import annotations

from django.urls import URLPattern, path

from dashboards.pending import pages

urlpatterns: list[URLPattern] = [
    path("pending/<uuid:pending_id>/", pages.pending, name="pending"),
]

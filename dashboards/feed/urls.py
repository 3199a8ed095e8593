"""Addresses of the live feed. Its stream is the data plane's (``changes/events``)."""

from __future__ import annotations

from django.urls import URLPattern, path

from dashboards.feed import pages

urlpatterns: list[URLPattern] = [
    path("changes/", pages.changes, name="changes"),
    path("changes/events", pages.elsewhere, name="changes_events"),
]

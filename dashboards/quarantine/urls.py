"""Addresses of quarantines."""

from __future__ import annotations

from django.urls import URLPattern, path

from dashboards.quarantine import acts, reviews

ONE = "quarantines/<uuid:quarantine_id>"

urlpatterns: list[URLPattern] = [
    path("quarantines/", reviews.quarantines, name="quarantines"),
    path(f"{ONE}/", reviews.quarantine, name="quarantine"),
    path(f"{ONE}/writes/<uuid:record_id>/", reviews.write, name="quarantine_write"),
    path(f"{ONE}/keep", acts.keep, name="quarantine_keep"),
    path(f"{ONE}/roll-back", acts.roll_back, name="quarantine_roll_back"),
    path(f"{ONE}/end", acts.end, name="quarantine_end"),
    path("agents/<uuid:agent_id>/quarantine", acts.open_new, name="quarantine_new"),
]

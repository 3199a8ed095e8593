"""Addresses of subject requests."""

from __future__ import annotations

from django.urls import URLPattern, path

from dashboards.privacy import acts, declarations, requests

ONE = "subjects/<uuid:request_id>"

urlpatterns: list[URLPattern] = [
    path("subjects/", requests.subjects, name="subjects"),
    path("subjects/new", requests.receive, name="subject_new"),
    path("subjects/places/new", declarations.declare, name="subject_declare"),
    path(
        "subjects/places/<uuid:declaration_id>/remove",
        declarations.undeclare,
        name="subject_undeclare",
    ),
    path(f"{ONE}/", requests.subject, name="subject"),
    path(f"{ONE}/erase", acts.erase, name="subject_erase"),
    path(f"{ONE}/copy", acts.copy, name="subject_copy"),
    path(f"{ONE}/certificate", acts.certificate, name="subject_certificate"),
    path(f"{ONE}/take", acts.take, name="subject_take"),
    path(f"{ONE}/<slug:name>", acts.act, name="subject_act"),
]

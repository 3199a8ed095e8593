"""Addresses of quarantines."""

from django.urls import path

from governance.quarantine.api import (
    QuarantinedWritesView,
    QuarantineReleaseView,
    QuarantinesView,
    QuarantineView,
    VerdictsView,
)

API = "api/v1/quarantines"
ONE = f"{API}/<uuid:quarantine_id>"

urlpatterns = [
    path(API, QuarantinesView.as_view()),
    path(ONE, QuarantineView.as_view()),
    path(f"{ONE}/writes", QuarantinedWritesView.as_view()),
    path(f"{ONE}/verdicts", VerdictsView.as_view()),
    path(f"{ONE}/release", QuarantineReleaseView.as_view()),
]

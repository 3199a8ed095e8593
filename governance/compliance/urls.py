"""Addresses of compliance."""

from django.urls import path

from governance.compliance.api.findings import (
    ExceptionsView,
    ExceptionView,
    FindingsView,
    FindingView,
)
from governance.compliance.api.scans import (
    ChecksView,
    CheckView,
    FrameworksView,
    FrameworkView,
    ScansView,
    ScanView,
)

COMPLIANCE = "api/v1/compliance"

urlpatterns = [
    path(f"{COMPLIANCE}/checks", ChecksView.as_view()),
    path(f"{COMPLIANCE}/checks/<str:check_id>", CheckView.as_view()),
    path(f"{COMPLIANCE}/findings", FindingsView.as_view()),
    path(f"{COMPLIANCE}/findings/<uuid:finding_id>", FindingView.as_view()),
    path(f"{COMPLIANCE}/scans", ScansView.as_view()),
    path(f"{COMPLIANCE}/scans/<uuid:scan_id>", ScanView.as_view()),
    path(f"{COMPLIANCE}/exceptions", ExceptionsView.as_view()),
    path(f"{COMPLIANCE}/exceptions/<uuid:exception_id>", ExceptionView.as_view()),
    path(f"{COMPLIANCE}/frameworks", FrameworksView.as_view()),
    path(f"{COMPLIANCE}/frameworks/<str:framework_id>", FrameworkView.as_view()),
]

"""Addresses of compliance."""

from __future__ import annotations

from django.urls import URLPattern, path

from dashboards.compliance import board, checks, findings, reports

FINDING = "compliance/findings/<uuid:finding_id>"

urlpatterns: list[URLPattern] = [
    path("compliance/", board.board, name="compliance"),
    path("compliance/scan", board.scan, name="compliance_scan"),
    path("compliance/checks/", checks.checks, name="compliance_checks"),
    path("compliance/checks/<slug:check_id>/", checks.check, name="compliance_check"),
    path("compliance/frameworks/", checks.frameworks, name="compliance_frameworks"),
    path(
        "compliance/frameworks/<slug:framework_id>/", checks.framework, name="compliance_framework"
    ),
    path("compliance/report/", reports.report, name="compliance_report"),
    path("compliance/report/report.csv", reports.report_csv, name="compliance_report_csv"),
    path("compliance/report/report.pdf", reports.report_file, name="compliance_report_pdf"),
    path(f"{FINDING}/", findings.finding, name="compliance_finding"),
    path(f"{FINDING}/work", findings.work, name="compliance_finding_work"),
    path(f"{FINDING}/accept", findings.accept, name="compliance_finding_accept"),
    path(
        "compliance/exceptions/<uuid:exception_id>/withdraw",
        findings.withdraw,
        name="compliance_exception_withdraw",
    ),
]

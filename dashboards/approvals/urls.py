"""Addresses of approvals."""

from __future__ import annotations

from django.urls import URLPattern, path

from dashboards.approvals import approvals, numbers

ONE = "approvals/<uuid:approval_id>"

urlpatterns: list[URLPattern] = [
    path("approvals/", approvals.approvals, name="approvals"),
    path("approvals/numbers/", numbers.numbers, name="approval_numbers"),
    path(f"{ONE}/", approvals.approval, name="approval"),
    path(f"{ONE}/withdraw", approvals.withdraw, name="approval_withdraw"),
]

"""Addresses of approvals."""

from django.urls import path

from governance.approvals.api import (
    ApprovalsView,
    ApprovalView,
    SettingsView,
    SettingView,
    VotesView,
)

API = "api/v1/approvals"

urlpatterns = [
    path(API, ApprovalsView.as_view()),
    path(f"{API}/settings", SettingsView.as_view()),
    path(f"{API}/settings/<str:kind>", SettingView.as_view()),
    path(f"{API}/<uuid:approval_id>", ApprovalView.as_view()),
    path(f"{API}/<uuid:approval_id>/votes", VotesView.as_view()),
]

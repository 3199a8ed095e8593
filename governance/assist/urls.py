"""Addresses of the model's help."""

from django.urls import path

from governance.assist.api import AnomaliesView, AssistView, ExplainView, PolicyDraftsView

ASSIST = "api/v1/assist"

urlpatterns = [
    path(ASSIST, AssistView.as_view()),
    path(f"{ASSIST}/explain", ExplainView.as_view()),
    path(f"{ASSIST}/anomalies", AnomaliesView.as_view()),
    path(f"{ASSIST}/policy-drafts", PolicyDraftsView.as_view()),
]

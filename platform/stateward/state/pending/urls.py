"""Addresses of writes that wait for agreement."""

from django.urls import path

from stateward.state.pending.api import PendingEffectsView, PendingsView, PendingView

API = "api/v1/pending"

urlpatterns = [
    path(API, PendingsView.as_view()),
    path(f"{API}/<uuid:pending_id>", PendingView.as_view()),
    path(f"{API}/<uuid:pending_id>/effects", PendingEffectsView.as_view()),
]

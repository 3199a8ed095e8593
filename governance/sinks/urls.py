"""Addresses of sinks."""

from django.urls import path

from governance.sinks.api import PauseView, PlaceView, SinksView, SinkView, TestView

SINKS = "api/v1/audit/sinks"

urlpatterns = [
    path(SINKS, SinksView.as_view()),
    path(f"{SINKS}/<uuid:sink_id>", SinkView.as_view()),
    path(f"{SINKS}/<uuid:sink_id>/pause", PauseView.as_view()),
    path(f"{SINKS}/<uuid:sink_id>/place", PlaceView.as_view()),
    path(f"{SINKS}/<uuid:sink_id>/test", TestView.as_view()),
]

"""Addresses of sinks."""

from __future__ import annotations

from django.urls import URLPattern, path

from dashboards.sinks import pages

SINK = "sinks/<uuid:sink_id>"

urlpatterns: list[URLPattern] = [
    path("sinks/", pages.sinks, name="sinks"),
    path("sinks/new", pages.add, name="sink_new"),
    path(f"{SINK}/", pages.sink, name="sink"),
    path(f"{SINK}/pause", pages.pause, name="sink_pause"),
    path(f"{SINK}/resume", pages.resume, name="sink_resume"),
    path(f"{SINK}/test", pages.trial, name="sink_test"),
    path(f"{SINK}/move", pages.move, name="sink_move"),
    path(f"{SINK}/remove", pages.remove, name="sink_remove"),
]

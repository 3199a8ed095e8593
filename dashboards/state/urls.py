"""Addresses of the state: every view of it can be shared."""

from __future__ import annotations

from django.urls import URLPattern, path

from dashboards.state import entries, namespaces

ENTRY = "namespaces/<str:namespace>/entries/<str:key>"

urlpatterns: list[URLPattern] = [
    path("namespaces/", namespaces.namespaces, name="namespaces"),
    path("namespaces/new", namespaces.create, name="namespace_new"),
    path("namespaces/<str:name>/", namespaces.namespace, name="namespace"),
    path("namespaces/<str:name>/settings", namespaces.settings, name="namespace_settings"),
    path("namespaces/<str:name>/delete", namespaces.delete, name="namespace_delete"),
    path("namespaces/<str:namespace>/new-entry", entries.create, name="entry_new"),
    path(ENTRY, entries.entry, name="entry"),
    path(f"{ENTRY}/value.json", entries.download, name="entry_value"),
    path(f"{ENTRY}/edit", entries.edit, name="entry_edit"),
    path(f"{ENTRY}/roll-back", entries.roll_back, name="entry_roll_back"),
    path(f"{ENTRY}/delete", entries.delete, name="entry_delete"),
]

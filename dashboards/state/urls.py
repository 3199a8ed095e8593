"""Addresses of the state: every view of it can be shared."""

from __future__ import annotations

from django.urls import URLPattern, path

from dashboards.state import acting, entries, history, locking, namespaces, proposing, schemas

ENTRY = "namespaces/<str:namespace>/entries/<str:key>"

urlpatterns: list[URLPattern] = [
    path("namespaces/", namespaces.namespaces, name="namespaces"),
    path("namespaces/new", namespaces.create, name="namespace_new"),
    path("namespaces/<str:name>/", namespaces.namespace, name="namespace"),
    path("namespaces/<str:name>/settings", namespaces.settings, name="namespace_settings"),
    path("namespaces/<str:name>/delete", namespaces.delete, name="namespace_delete"),
    path("schema-validation", schemas.validation, name="schema_validation"),
    path("namespaces/<str:name>/schemas/", schemas.schemas, name="schemas"),
    path("namespaces/<str:name>/schemas/<int:number>", schemas.schema, name="schema"),
    path("namespaces/<str:name>/schemas/<int:number>/act", schemas.act, name="schema_act"),
    path("namespaces/<str:name>/schema-runs/<uuid:run_id>", schemas.run, name="schema_run"),
    path("namespaces/<str:namespace>/checkpoints/", history.checkpoints, name="checkpoints"),
    path(
        "namespaces/<str:namespace>/checkpoints/<uuid:checkpoint>/restore",
        history.restore,
        name="checkpoint_restore",
    ),
    path(
        "namespaces/<str:namespace>/checkpoints/<uuid:checkpoint>/delete",
        history.forget,
        name="checkpoint_delete",
    ),
    path("namespaces/<str:namespace>/compare", history.compare, name="compare"),
    path("namespaces/<str:namespace>/branches/", history.branches, name="branches"),
    path("namespaces/<str:namespace>/merge", history.merge, name="branch_merge"),
    path("namespaces/<str:namespace>/leases", locking.leases, name="leases"),
    path("namespaces/<str:namespace>/leases/<str:lease>/end", locking.end_lease, name="lease_end"),
    path("namespaces/<str:namespace>/proposals", proposing.proposals, name="proposals"),
    path("namespaces/<str:namespace>/proposals/new", proposing.create, name="propose"),
    path(
        "namespaces/<str:namespace>/proposals/<str:proposal>/withdraw",
        proposing.withdraw,
        name="proposal_withdraw",
    ),
    path(
        "namespaces/<str:namespace>/proposals/<str:proposal>", proposing.proposal, name="proposal"
    ),
    path("namespaces/<str:namespace>/new-entry", entries.create, name="entry_new"),
    path(ENTRY, entries.entry, name="entry"),
    path(f"{ENTRY}/value.json", entries.download, name="entry_value"),
    path(f"{ENTRY}/edit", entries.edit, name="entry_edit"),
    path(f"{ENTRY}/act", acting.act, name="entry_act"),
    path(f"{ENTRY}/roll-back", entries.roll_back, name="entry_roll_back"),
    path(f"{ENTRY}/delete", entries.delete, name="entry_delete"),
]

"""Addresses of the evidence."""

from __future__ import annotations

from django.urls import URLPattern, path

from dashboards.audit import explorer, readers, records, seals, views

urlpatterns: list[URLPattern] = [
    path("audit/", explorer.audit, name="audit"),
    path("audit/export", seals.export, name="audit_export"),
    path("audit/table", views.table, name="audit_table"),
    path("audit/views", views.save, name="audit_view_save"),
    path("audit/views/<uuid:view_id>/remove", views.remove, name="audit_view_remove"),
    path("audit/records/<uuid:record_id>/", records.record, name="audit_record"),
    path("audit/readers/", readers.readers, name="audit_readers"),
    path("audit/records/<uuid:record_id>/lineage/", readers.lineage, name="audit_lineage"),
    path("audit/records/<uuid:record_id>/proof", seals.proof, name="audit_proof"),
    path("seals/", seals.seals, name="seals"),
    path("seals/verify.py", seals.verifier, name="audit_verifier"),
    path("seals/keys", seals.public_key_file, name="audit_keys"),
    path("seals/checkpoint", seals.checkpoint, name="audit_checkpoint"),
]

"""Addresses of keys."""

from __future__ import annotations

from django.urls import URLPattern, path

from dashboards.keys import acts, custody

ONE = "keys/<str:namespace>"

urlpatterns: list[URLPattern] = [
    path("keys/", custody.keys, name="keys"),
    path("keys/tenant/rotate", acts.rotate_tenant, name="tenant_key_rotate"),
    path("keys/destructions/<uuid:destruction_id>/undo", acts.undo, name="key_undo"),
    path(f"{ONE}/", custody.key, name="key"),
    path(f"{ONE}/rotate", acts.rotate, name="key_rotate"),
    path(f"{ONE}/reencrypt", acts.reencrypt, name="key_reencrypt"),
    path(f"{ONE}/count", acts.count, name="key_count"),
    path(f"{ONE}/rule", acts.rule, name="key_rule"),
    path(f"{ONE}/destroy", acts.destroy, name="key_destroy"),
    path(f"{ONE}/versions/<int:version>/compromise", acts.compromise, name="key_compromise"),
    path(f"{ONE}/versions/<int:version>/destroy", acts.destroy, name="key_version_destroy"),
    path(f"{ONE}/versions/<int:version>/", custody.under, name="key_values"),
    path(f"{ONE}/versions/<int:version>/values.csv", custody.under_csv, name="key_values_csv"),
]

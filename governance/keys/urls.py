"""Addresses of keys."""

from django.urls import path

from governance.keys import api

KEY = "api/v1/keys/<str:namespace>"
VERSION = f"{KEY}/versions/<int:version>"

urlpatterns = [
    path("api/v1/keys", api.KeysView.as_view()),
    path(KEY, api.KeyView.as_view()),
    path(f"{KEY}/rotation", api.KeyRotationView.as_view()),
    path(f"{KEY}/reencryption", api.ReencryptionView.as_view()),
    path(f"{VERSION}/compromise", api.CompromiseView.as_view()),
    path(f"{VERSION}/values", api.ExposedView.as_view()),
    path(f"{KEY}/subject-rule", api.SubjectRuleView.as_view()),
    path(f"{KEY}/destructions", api.DestructionsView.as_view()),
    path(f"{KEY}/destructions/approval", api.DestructionApprovalView.as_view()),
    path(f"{KEY}/destructions/<uuid:destruction_id>", api.DestructionView.as_view()),
    path("api/v1/tenant-key/rotation", api.TenantKeyView.as_view()),
    path("api/v1/shred-ledger", api.ShredLedgerView.as_view()),
]

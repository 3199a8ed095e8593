"""Addresses of the audit."""

from django.urls import path

from governance.evidence.api import (
    BundleView,
    CheckpointsView,
    ConsistencyView,
    KeysView,
    LatestCheckpointView,
    ProofView,
    RecordsView,
    RecordView,
    SurveyView,
    TableView,
    VerifierView,
)
from governance.evidence.asking_api import LineageView, ReadersView
from governance.evidence.views_api import AuditViewsView, AuditViewView

AUDIT = "api/v1/audit"

urlpatterns = [
    path(f"{AUDIT}/records", RecordsView.as_view()),
    path(f"{AUDIT}/records/<uuid:record_id>", RecordView.as_view()),
    path(f"{AUDIT}/records/<uuid:record_id>/proof", ProofView.as_view()),
    path(f"{AUDIT}/records/<uuid:record_id>/lineage", LineageView.as_view()),
    path(f"{AUDIT}/readers", ReadersView.as_view()),
    path(f"{AUDIT}/views", AuditViewsView.as_view()),
    path(f"{AUDIT}/views/<uuid:view_id>", AuditViewView.as_view()),
    path(f"{AUDIT}/table", TableView.as_view()),
    path(f"{AUDIT}/survey", SurveyView.as_view()),
    path(f"{AUDIT}/checkpoints", CheckpointsView.as_view()),
    path(f"{AUDIT}/checkpoints/latest", LatestCheckpointView.as_view()),
    path(f"{AUDIT}/consistency", ConsistencyView.as_view()),
    path(f"{AUDIT}/bundle", BundleView.as_view()),
    path(f"{AUDIT}/verifier", VerifierView.as_view()),
    path(f"{AUDIT}/keys", KeysView.as_view()),
]

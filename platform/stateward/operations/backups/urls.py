"""Addresses of backups, restores and drills."""

from django.urls import path

from stateward.operations.backups.api import (
    BackupKeyView,
    BackupsView,
    BackupView,
    DrillsView,
    DrillView,
    PlanView,
    RestoresOfBackupView,
    RestoresView,
    RestoreView,
)

BACKUPS = "api/v1/backups"

urlpatterns = [
    path(BACKUPS, BackupsView.as_view()),
    path(f"{BACKUPS}/key", BackupKeyView.as_view()),
    path(f"{BACKUPS}/drills", DrillsView.as_view()),
    path(f"{BACKUPS}/drills/<uuid:drill_id>", DrillView.as_view()),
    path(f"{BACKUPS}/restores", RestoresView.as_view()),
    path(f"{BACKUPS}/restores/<uuid:restore_id>", RestoreView.as_view()),
    path(f"{BACKUPS}/<uuid:backup_id>", BackupView.as_view()),
    path(f"{BACKUPS}/<uuid:backup_id>/plan", PlanView.as_view()),
    path(f"{BACKUPS}/<uuid:backup_id>/restores", RestoresOfBackupView.as_view()),
]

"""Addresses of backups."""

from __future__ import annotations

from django.urls import URLPattern, path

from dashboards.backups import backups, restoring

ONE = "backups/<uuid:backup_id>"

urlpatterns: list[URLPattern] = [
    path("backups/", backups.backups, name="backups"),
    path("backups/now", backups.create, name="backup_now"),
    path("backups/drill", backups.hold_drill, name="backup_drill"),
    path("backups/drills/<uuid:drill_id>", backups.drill, name="drill"),
    path("backups/restores/<uuid:restore_id>", restoring.restore, name="restore"),
    path(f"{ONE}/", backups.backup, name="backup"),
    path(f"{ONE}/restore", restoring.wizard, name="backup_restore"),
]

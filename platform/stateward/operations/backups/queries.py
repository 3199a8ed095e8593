"""Backups, drills and restores as others ask for them. In the tenant's scope."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from stateward.operations.backups.models import Backup, Drill


def last_good_backup(tenant_id: UUID) -> Backup | None:
    """The newest backup that can be restored; None where there is none. Its age is the RPO."""
    return _good(tenant_id).order_by("-taken_at").first()


def oldest_restorable(tenant_id: UUID) -> datetime | None:
    """The earliest moment one can go back to."""
    found = _good(tenant_id).order_by("taken_at").first()
    return found.taken_at if found else None


def last_drill(tenant_id: UUID) -> Drill | None:
    """The newest drill, however it ended; one that was killed still says ``running``."""
    return Drill.objects.filter(tenant_id=tenant_id).order_by("-started_at").first()


def last_passed_drill(tenant_id: UUID) -> Drill | None:
    """The newest drill that proved a backup; ``restore_seconds`` is the RTO."""
    passed = Drill.objects.filter(tenant_id=tenant_id, state=Drill.State.PASSED)
    return passed.order_by("-started_at").first()


def _good(tenant_id: UUID) -> QuerySet[Backup]:
    return Backup.objects.filter(
        tenant_id=tenant_id, state=Backup.State.DONE, taken_at__isnull=False
    )

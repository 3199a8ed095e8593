"""Backups, drills and restores as others ask for them. In the tenant's scope."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from stateward.gate.policy.permits import permit, whole_tenant
from stateward.kernel.errors import NotFound
from stateward.operations.backups.acts import resource_of
from stateward.operations.backups.models import Backup, Drill, Restore
from stateward.tenancy.actors import Actor, Call


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


def readable_backup(actor: Actor, call: Call, backup_id: UUID) -> Backup:
    """The backup, for whoever may read it; to others it does not exist (404)."""
    backup = Backup.objects.filter(tenant_id=actor.tenant_id, id=backup_id).first()
    if backup is None:
        permit(actor, call, "backup.read", whole_tenant(actor), hide=True)
        raise NotFound
    permit(actor, call, "backup.read", resource_of(backup), hide=True)
    return backup


def readable_backups(actor: Actor, call: Call) -> QuerySet[Backup]:
    """The tenant's backups; 403 for who may not read them."""
    permit(actor, call, "backup.read", whole_tenant(actor))
    return Backup.objects.filter(tenant_id=actor.tenant_id)


def readable_drills(actor: Actor, call: Call) -> QuerySet[Drill]:
    permit(actor, call, "backup.read", whole_tenant(actor))
    return Drill.objects.filter(tenant_id=actor.tenant_id)


def readable_restores(actor: Actor, call: Call) -> QuerySet[Restore]:
    permit(actor, call, "backup.read", whole_tenant(actor))
    return Restore.objects.filter(tenant_id=actor.tenant_id)


def under_way(rows: Iterable[Backup | Drill | Restore]) -> set[UUID]:
    """The runs of these that somebody is at, or will be. What says ``running`` without was
    killed.
    """
    ids = [row.run_id for row in rows if row.state == "running" and row.run_id]
    if not ids:
        return set()
    with connection.cursor() as cursor:
        cursor.execute("SELECT run_id FROM stateward_job_open WHERE run_id = ANY (%s)", (ids,))
        return {row[0] for row in cursor.fetchall()}


def _good(tenant_id: UUID) -> QuerySet[Backup]:
    return Backup.objects.filter(
        tenant_id=tenant_id, state=Backup.State.DONE, taken_at__isnull=False
    )

"""Which backups stay: the rule of how many, and what a killed worker left behind."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db.models.functions import Now

from stateward.operations.backups.models import Backup, Drill, Restore
from stateward.operations.backups.queries import under_way
from stateward.operations.backups.stores import open_store

KILLED = "its worker was killed"


def settle(tenant_id: UUID, *, besides: UUID | None = None) -> list[Backup]:
    """Call what nobody is at any more what it is: failed. In the tenant's scope.

    ``besides``: the run that asks; what an earlier worker began under it is over too. The backups
    are answered: what there is of them is to be removed.
    """
    waiting: list[Backup | Drill | Restore] = [
        *Backup.objects.filter(tenant_id=tenant_id, state="running"),
        *Drill.objects.filter(tenant_id=tenant_id, state="running"),
        # What was asked for once is tried again as the same.
        *Restore.objects.filter(tenant_id=tenant_id, state="running").exclude(run_id=besides),
    ]
    alive = under_way(waiting) - {besides}
    over = [row for row in waiting if row.run_id not in alive]
    for row in over:
        row.state, row.error, row.finished_at = "failed", KILLED, Now()
        row.save(update_fields=["state", "error", "finished_at"])
    return [row for row in over if isinstance(row, Backup)]


def remove(backups: list[Backup]) -> None:
    """Give back the space of archives, or of what there is of them."""
    for backup in backups:
        open_store(backup.store).remove(backup.name)


def expire(tenant_id: UUID) -> list[Backup]:
    """Mark the backups that need not be kept: older than the days, beyond the number. In the
    tenant's scope. The newest good one always stays, and so does what was asked to be kept.
    """
    good = Backup.objects.filter(
        tenant_id=tenant_id, state=Backup.State.DONE, is_kept=False
    ).order_by("-taken_at")
    old = Now() - timedelta(days=settings.BACKUP_KEEP_DAYS)
    beyond = set(good.values_list("id", flat=True)[max(settings.BACKUP_KEEP, 1) :])
    newest = good.values_list("id", flat=True).first()
    aged = set(good.filter(taken_at__lt=old).values_list("id", flat=True)) - {newest}
    doomed = list(good.filter(id__in=beyond | aged))
    for backup in doomed:
        backup.state = Backup.State.EXPIRED
        backup.save(update_fields=["state"])
    return doomed

"""Every backup with what proved it; one with its evidence; one drill."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.db.models import Min, Sum
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from dashboards.figures import span
from dashboards.navigation import exists
from dashboards.permissions import may
from dashboards.requests import ConsoleRequest, Crumb, address, page
from stateward.kernel.clock import now
from stateward.kernel.errors import NotFound
from stateward.operations.backups import services
from stateward.operations.backups.models import Backup, Drill, Restore
from stateward.operations.backups.queries import (
    last_good_backup,
    last_passed_drill,
    readable_backup,
    readable_backups,
    readable_drills,
    under_way,
)
from stateward.operations.backups.signing import public_key
from stateward.tenancy.scope import tenant_scope
from stateward.web.cursors import decode_cursor, encode_cursor

ROWS = 30
FEW = 8
LATE = timedelta(hours=26)  # a daily backup, and what it may take
DRILL_LATE = timedelta(days=8)
WORDS = {
    "done": ("ok", "Restorable"),
    "passed": ("ok", "Proven"),
    "failed": ("bad", "Failed"),
    "running": ("accent", "Running"),
    "expired": ("", "Expired"),
    "killed": ("bad", "Killed"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """A backup, drill or restore, with what its state is called."""

    one: Any
    tone: str
    word: str
    tested_at: datetime | None = None

    @property
    def seconds(self) -> float | None:
        if self.one.finished_at is None:
            return None
        return float((self.one.finished_at - self.one.started_at).total_seconds())

    @property
    def is_restorable(self) -> bool:
        return bool(self.one.state == "done")


@page
def backups(request: ConsoleRequest) -> HttpResponse:
    """The tenant's backups, newest first, with the last drills and restores."""
    cursor = request.GET.get("cursor", "")
    tenant_id = request.tenant.tenant_id
    with tenant_scope(tenant_id):
        found = readable_backups(request.actor, request.call)
        good = found.filter(state=Backup.State.DONE)
        kept = good.aggregate(bytes=Sum("bytes"), oldest=Min("taken_at"))
        if cursor:
            found = found.filter(id__lt=UUID(str(decode_cursor(cursor, length=1)[0])))
        listed = list(found.order_by("-id")[: ROWS + 1])
        # Whoever may read the backups may read what became of them.
        drills = list(Drill.objects.filter(tenant_id=tenant_id).order_by("-id")[:FEW])
        restores = list(Restore.objects.filter(tenant_id=tenant_id).order_by("-id")[:FEW])
        tested = _tested(tenant_id, listed)
        alive = under_way([*listed, *drills, *restores])
        newest = last_good_backup(tenant_id)
        proof = last_passed_drill(tenant_id)
        context = {
            "said": _said(newest, proof, drills[0] if drills else None),
            "newest": newest,
            "is_late": newest is None or _age(newest.taken_at) > LATE,
            "proof": proof,
            "is_unproven": proof is None or _age(proof.started_at) > DRILL_LATE,
            "oldest": kept["oldest"],
            "total": kept["bytes"] or 0,
            "may_create": may(request, "backup.create").allowed,
            "may_restore": may(request, "backup.restore", "backup").allowed,
        }
    more = len(listed) > ROWS
    context |= {
        "rows": [row_of(one, alive, tested.get(one.id)) for one in listed[:ROWS]],
        "drills": [row_of(one, alive) for one in drills],
        "restores": [row_of(one, alive) for one in restores],
        "keep": settings.BACKUP_KEEP,
        "keep_days": settings.BACKUP_KEEP_DAYS,
        "next_cursor": encode_cursor([str(listed[ROWS - 1].id)]) if more else None,
        "cursor": cursor,
        "crumbs": [Crumb("Backups")],
    }
    return render(request, "backups/backups.html", context)


@page
def backup(request: ConsoleRequest, backup_id: UUID) -> HttpResponse:
    """One backup: where it is, how it is sealed and signed, what proved it."""
    with tenant_scope(request.tenant.tenant_id):
        found = readable_backup(request.actor, request.call, backup_id)
        drills = list(found.drills.order_by("-id")[:FEW])
        restores = list(found.restores.order_by("-id")[:FEW])
        alive = under_way([found, *drills, *restores])
        may_restore = may(request, "backup.restore", "backup").allowed
    context = {
        "row": row_of(found, alive),
        "drills": [row_of(one, alive) for one in drills],
        "restores": [row_of(one, alive) for one in restores],
        "may_restore": may_restore,
        "public_key": public_key().hex(),
        "job_url": job_url(request, found.run_id),
        "crumbs": [Crumb("Backups", address(request, "backups")), Crumb(title_of(found))],
    }
    return render(request, "backups/backup.html", context)


@page
def drill(request: ConsoleRequest, drill_id: UUID) -> HttpResponse:
    """One drill as evidence: what was compared, and how it came out."""
    with tenant_scope(request.tenant.tenant_id):
        found = (
            readable_drills(request.actor, request.call)
            .select_related("backup")
            .filter(id=drill_id)
            .first()
        )
        if found is None:
            raise NotFound
        alive = under_way([found])
    context = {
        "row": row_of(found, alive),
        "job_url": job_url(request, found.run_id),
        "crumbs": [Crumb("Backups", address(request, "backups")), Crumb("Drill")],
    }
    return render(request, "backups/drill.html", context)


@require_POST
@page
def create(request: ConsoleRequest) -> HttpResponse:
    """Queue a backup; its run shows how it goes on."""
    return _follow(request, services.ask_for_backup(request.actor, request.call), "The backup")


@require_POST
@page
def hold_drill(request: ConsoleRequest) -> HttpResponse:
    """Queue a drill of the newest backup."""
    return _follow(request, services.ask_for_drill(request.actor, request.call), "The drill")


def job_url(request: ConsoleRequest, run_id: UUID | None) -> str:
    """The page of a run, which goes on live; "" where there is none."""
    return address(request, "job", run_id) if run_id and exists("job") else ""


def row_of(
    one: Backup | Drill | Restore, alive: set[UUID], tested_at: datetime | None = None
) -> Row:
    """What says that it is running, while nobody is at it, was killed."""
    state = str(one.state)
    if state == "running" and one.run_id not in alive:
        state = "killed"
    if isinstance(one, Restore) and state == "done":
        return Row(one, "ok", "Restored")
    return Row(one, *WORDS[state], tested_at)


def title_of(backup: Backup) -> str:
    """What a backup is called in a trail: its moment, which its long name ends with."""
    at = backup.taken_at or backup.started_at
    return f"{at.day} {at:%b %Y %H:%M}"


def _follow(request: ConsoleRequest, run_id: UUID, what: str) -> HttpResponse:
    messages.success(request, f"{what} is queued; a worker takes it in a moment.")
    return redirect(job_url(request, run_id) or address(request, "backups"))


def _tested(tenant_id: UUID, listed: Iterable[Backup]) -> dict[UUID, datetime]:
    """When each was last proved by a drill."""
    passed = Drill.objects.filter(
        tenant_id=tenant_id, state=Drill.State.PASSED, backup__in=[one.id for one in listed]
    )
    return {one.backup_id: one.started_at for one in passed.order_by("started_at") if one.backup_id}


def _age(at: datetime | None) -> timedelta:
    return now() - at if at else timedelta.max


def _said(newest: Backup | None, proof: Drill | None, last: Drill | None) -> str:
    if newest is None:
        return "Nothing could be restored: there is no finished backup yet."
    said = f"You can go back to {span(_age(newest.taken_at))} ago: {newest.entries:,} entries."
    if last is not None and last.state == Drill.State.FAILED:
        return f"{said} The last drill failed, so look at it before you need this."
    if proof is None:
        return f"{said} No drill has proved any backup yet."
    return f"{said} A drill proved one {span(_age(proof.started_at))} ago."

"""The drill: the newest backup, restored for real into a database made for it, and compared.

A backup that was never restored is a hope. The drill's row is written before it begins, so one that
was killed is seen as one that proved nothing.
"""

from __future__ import annotations

import time
from uuid import UUID

from django.db import connection
from django.db.models.functions import Now

from stateward.gate.policy.requests import Resource
from stateward.kernel.errors import StatewardError
from stateward.operations.backups.acts import note
from stateward.operations.backups.connecting import address_of, connected
from stateward.operations.backups.exceptions import ArchiveRefused, NothingToRestore
from stateward.operations.backups.keeping import remove, settle
from stateward.operations.backups.models import Backup, Drill
from stateward.operations.backups.proving import Findings, prove
from stateward.operations.backups.queries import last_good_backup
from stateward.operations.backups.reading import Archive
from stateward.operations.backups.restoring import restore
from stateward.operations.backups.scratch import scratch_database
from stateward.operations.backups.services import open_own
from stateward.operations.jobs.running import Outcome, Run

SLUG = "drill"
OPEN = "SELECT replace(run_id::text, '-', '') FROM stateward_job_open WHERE run_id <> %s"


def hold_drill(run: Run) -> Outcome:
    """Restore the newest backup of the run's tenant into a scratch database, and compare."""
    if _comes_too_early(run):
        run.note("there was no backup yet when this was due; the next drill tries the newest")
        return Outcome({"passed": False, "archive": None}, has_findings=True)
    drill, backup = _begin(run)
    try:
        seconds, findings = _restore_and_prove(run, backup)
    except ArchiveRefused as refused:
        findings, seconds = Findings(), None
        findings.add("archive", False, refused.detail)
    except BaseException as error:
        _fail(run, drill, error)
        raise
    _finish(run, drill, backup, seconds, findings)
    return Outcome(
        {
            "drill": str(drill.id),
            "archive": backup.name,
            "passed": findings.passed,
            "entries": backup.entries,
            "restore_seconds": seconds,
            "checks": {check["name"]: check["passed"] for check in findings.checks},
        },
        has_findings=not findings.passed,
    )


def _comes_too_early(run: Run) -> bool:
    """Whether the timetable's moment came before the tenant's first backup."""
    if run.slot is None or run.tenant_id is None:
        return False
    with run.scope():
        good = Backup.objects.filter(tenant_id=run.tenant_id, taken_at__lt=run.slot)
        return not good.filter(state__in=(Backup.State.DONE, Backup.State.EXPIRED)).exists()


def _begin(run: Run) -> tuple[Drill, Backup]:
    assert run.tenant_id is not None  # noqa: S101  # its slot fans out to tenants
    with run.scope():
        run.guard()
        killed = settle(run.tenant_id, besides=run.id)
        backup = last_good_backup(run.tenant_id)
        drill = Drill.objects.create(
            tenant_id=run.tenant_id,
            run_id=run.id,
            backup=backup,
            state=Drill.State.RUNNING if backup else Drill.State.FAILED,
            error="" if backup else NothingToRestore.sentence(),
        )
    remove(killed)
    if backup is None:
        raise NothingToRestore
    return drill, backup


def _restore_and_prove(run: Run, backup: Backup) -> tuple[float, Findings]:
    archive: Archive = open_own(backup)
    run.progress(0, backup.rows, "checking the archive")
    began = time.monotonic()
    archive.check()
    checking = time.monotonic() - began
    run.progress(0, backup.rows, "making a scratch database")
    with scratch_database(run.id, _open_runs(run.id)) as name:
        began = time.monotonic()
        with connected(address_of("default", name=name)) as ours:
            report = restore(ours, archive, SLUG, run.progress, by="the drill")
        seconds = round(checking + time.monotonic() - began, 3)
        run.progress(backup.rows, backup.rows, "comparing")
        with (
            connected(address_of("default", name=name)) as ours,
            connected(address_of("scratch", name=name)) as owner,
        ):
            findings = prove(ours, owner, archive, report)
    return seconds, findings


def _finish(
    run: Run, drill: Drill, backup: Backup, seconds: float | None, findings: Findings
) -> None:
    with run.scope():
        run.guard()
        drill.state = Drill.State.PASSED if findings.passed else Drill.State.FAILED
        drill.restore_seconds, drill.checks = seconds, findings.checks
        drill.finished_at = Now()
        failed = [check["said"] for check in findings.checks if not check["passed"]]
        drill.error = "; ".join(failed)[:500]
        drill.save()
        details = {
            "event": "drill.passed" if findings.passed else "drill.failed",
            "archive": backup.name,
            "sha256": backup.sha256,
            "restore_milliseconds": round((seconds or 0) * 1000),
            "checks": {check["name"]: check["passed"] for check in findings.checks},
            "run": str(run.id),
        }
        note(backup.tenant_id, "backup.restore", Resource("backup", str(backup.id)), details)
    for check in findings.checks:
        run.note(f"{check['name']}: {check['said']}")


def _fail(run: Run, drill: Drill, error: BaseException) -> None:
    said = error.detail if isinstance(error, StatewardError) else type(error).__name__
    with run.scope():
        Drill.objects.filter(id=drill.id, state="running").update(
            state="failed", error=said[:500], finished_at=Now()
        )
    if isinstance(error, StatewardError):
        run.note(said[:500])


def _open_runs(run_id: UUID) -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(OPEN, (run_id,))
        return {row[0] for row in cursor.fetchall()}

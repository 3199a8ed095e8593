"""What the jobs do: make a backup, restore one. See ``drill.py`` for the third."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import orjson
from django.conf import settings
from django.db.models.functions import Now

from stateward.kernel.clock import now
from stateward.kernel.errors import NotFound, StatewardError
from stateward.kernel.flow import Executable, Rows
from stateward.kernel.ids import uuid7
from stateward.operations.backups.acts import note, resource_of
from stateward.operations.backups.connecting import Connection, address_of, connected, show_tenant
from stateward.operations.backups.exceptions import AskAgain
from stateward.operations.backups.keeping import expire, remove, settle
from stateward.operations.backups.manifest import FORMAT
from stateward.operations.backups.models import Backup, Restore
from stateward.operations.backups.planning import plan_restore
from stateward.operations.backups.reading import open_archive
from stateward.operations.backups.restoring import Report, restore
from stateward.operations.backups.services import open_own
from stateward.operations.backups.signing import key_id, public_key
from stateward.operations.backups.stores import locate, open_store
from stateward.operations.backups.writing import Written, archive_name, write_archive
from stateward.operations.jobs.running import Outcome, Run
from stateward.tenancy.models import Tenant

PATIENCE = "SET LOCAL idle_in_transaction_session_timeout = '5min'"
# The server looks once a second whether we are there: a killed worker's transaction ends at once.
ATTENTION = "SET LOCAL client_connection_check_interval = '1s'"
RESTORED = """
UPDATE stateward_backup_restore
SET state = 'done', finished_at = clock_timestamp(), target_id = %s, report = %s::jsonb
WHERE id = %s
"""
KEEP = "UPDATE stateward_job_run SET checkpoint = %s::jsonb, deaths = 0 WHERE id = %s"
TEXT = 500  # characters of an error that are kept


def make_backup(run: Run) -> Outcome:
    """Back up the run's tenant; then remove what need not be kept. ``params``: ``to``, a store."""
    backup = _begin(run)
    store = open_store(backup.store)
    try:
        written = write_archive(store, backup.name, backup.id, backup.tenant_id, run.progress)
        _finish(run, backup, written)
    except BaseException as error:
        store.remove(backup.name)
        _fail(run, backup, error)
        raise
    with run.scope():
        run.guard()
        doomed = expire(backup.tenant_id)
        for one in doomed:
            details = {"event": "backup.expired", "archive": one.name}
            note(one.tenant_id, "backup.create", resource_of(one), details)
    remove(doomed)
    run.note(f"{written.manifest.entries} entries, {written.bytes} bytes; {len(doomed)} expired")
    return Outcome(
        {
            "archive": store.where(backup.name),
            "backup": str(backup.id),
            "entries": written.manifest.entries,
            "bytes": written.bytes,
            "expired": len(doomed),
        }
    )


def restore_backup(run: Run) -> Outcome:
    """Restore into the tenant that ``params`` name: ``restore``, a row of the tenant's that asked;
    or ``archive``, a place, for a command.
    """
    if run.checkpoint is not None:  # a former worker was killed after it was done
        return Outcome(run.checkpoint)
    with run.scope():
        run.guard()
        remove_later = settle(run.tenant_id, besides=run.id) if run.tenant_id else []
        asked = _asked(run)
        if asked is not None and asked.run_id != run.id:
            raise AskAgain  # tried again as a job, by whom nobody asked whether they may restore
        archive = open_own(asked.backup) if asked and asked.backup else None
    remove(remove_later)
    try:
        if archive is None:
            if run.tenant_id is not None:
                raise NotFound
            archive = open_archive(*locate(run.params["archive"]))
        with connected(address_of("default")) as ours:
            run.progress(0, archive.manifest.rows, "checking the archive")
            plan = plan_restore(
                ours, archive, run.params["into"], own=run.tenant_id, is_thorough=True
            )
            run.note(f"{plan.entries} entries from {archive.manifest.slug}, {plan.taken_at}")
            ours.rollback()
            _hold(run, ours)
            by = f"{run.actor_type} {run.actor_id}" if run.actor_id else "a command"
            report = restore(
                ours, archive, run.params["into"], run.progress, by=by, own=run.tenant_id
            )
            _restored(run, ours, asked, report)
    except BaseException as error:
        if asked is not None:
            _fail(run, asked, error)
        raise
    return Outcome(report.as_json())


def _begin(run: Run) -> Backup:
    assert run.tenant_id is not None  # noqa: S101  # its slot fans out to tenants
    to = run.params.get("to")
    with run.scope():
        run.guard()
        killed = settle(run.tenant_id, besides=run.id)
        tenant = Tenant.objects.get(id=run.tenant_id)
        backup_id = uuid7()
        backup = Backup.objects.create(
            id=backup_id,
            tenant=tenant,
            run_id=run.id,
            store=open_store(to or settings.BACKUP_TO).address,
            name=archive_name(tenant.slug, backup_id, now()),
            is_kept=bool(to) or bool(run.params.get("keep")),
        )
    remove(killed)
    return backup


def _finish(run: Run, backup: Backup, written: Written) -> None:
    manifest = written.manifest
    with run.scope():
        run.guard()
        backup.state, backup.finished_at = Backup.State.DONE, Now()
        backup.taken_at = manifest.taken_at
        backup.entries, backup.rows, backup.bytes = manifest.entries, manifest.rows, written.bytes
        backup.sha256, backup.key_id, backup.format = written.sha256, key_id(public_key()), FORMAT
        backup.tree_size = manifest.checkpoint["size"] if manifest.checkpoint else None
        backup.save()
        details: dict[str, Any] = {
            "event": "backup.created",
            "archive": backup.name,
            "sha256": written.sha256,
            "entries": manifest.entries,
            "bytes": written.bytes,
            "run": str(run.id),
        }
        note(backup.tenant_id, "backup.create", resource_of(backup), details)


def _fail(run: Run, row: Backup | Restore, error: BaseException) -> None:
    """Say so in the row. Where this worker lost the run, the next one says it."""
    said = error.detail if isinstance(error, StatewardError) else type(error).__name__
    with run.scope():
        type(row).objects.filter(id=row.id, state="running").update(
            state="failed", error=said[:TEXT], finished_at=Now()
        )
    if isinstance(error, StatewardError):
        run.note(said[:TEXT])


def _asked(run: Run) -> Restore | None:
    wanted = run.params.get("restore")
    if run.tenant_id is None or wanted is None:
        return None
    found = Restore.objects.select_related("backup")
    return found.filter(tenant_id=run.tenant_id, id=UUID(str(wanted))).first()


def _hold(run: Run, connection: Connection) -> None:
    """Nobody takes the run over while this transaction lasts."""

    def execute(statement: Executable) -> Rows:
        found = connection.execute(statement.sql, statement.parameters)
        return found.fetchall() if found.description else []

    run.guard(elsewhere=execute)
    connection.execute(PATIENCE)
    connection.execute(ATTENTION)


def _restored(run: Run, connection: Connection, asked: Restore | None, report: Report) -> None:
    """Say in the same transaction that it is done, so that it is never done twice."""
    body = orjson.dumps(report.as_json()).decode()
    if run.tenant_id is not None:
        show_tenant(connection, run.tenant_id)
    if asked is not None:
        connection.execute(RESTORED, (report.tenant_id, body, asked.id))
    connection.execute(KEEP, (body, run.id))

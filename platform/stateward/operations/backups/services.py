"""Asking for backups, restores and drills: decided and recorded here, carried out by jobs.

The same for REST and the console. The run is queued with the record of who asked, or neither is.
"""

from __future__ import annotations

from uuid import UUID

from stateward.gate.policy.permits import permit, record, whole_tenant
from stateward.gate.policy.requests import Decision
from stateward.kernel.errors import Fault, NotFound, Unprocessable
from stateward.operations.backups.acts import resource_of
from stateward.operations.backups.connecting import address_of, connected
from stateward.operations.backups.exceptions import NothingToRestore
from stateward.operations.backups.models import Backup, Restore
from stateward.operations.backups.planning import Plan, plan_restore
from stateward.operations.backups.queries import last_good_backup, readable_backup
from stateward.operations.backups.reading import Archive, open_archive
from stateward.operations.backups.stores import open_store
from stateward.operations.jobs.services import start
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.scope import tenant_scope

CREATE, RESTORE, DRILL = "backup.create", "backup.restore", "backup.drill"


def ask_for_backup(actor: Actor, call: Call) -> UUID:
    """Queue a backup of the actor's tenant; its run."""
    with tenant_scope(actor.tenant_id):
        return _ask(actor, call, CREATE, "backup.asked")


def ask_for_drill(actor: Actor, call: Call) -> UUID:
    """Queue a drill of the newest backup; its run."""
    with tenant_scope(actor.tenant_id):
        permit(actor, call, "backup.create", whole_tenant(actor))
        if last_good_backup(actor.tenant_id) is None:
            raise NothingToRestore
        return _ask(actor, call, DRILL, "drill.asked")


def plan(actor: Actor, call: Call, backup_id: UUID, into: str) -> Plan:
    """What restoring would write, keep and refuse. The parts are read through when it begins."""
    with tenant_scope(actor.tenant_id):
        backup, _ = _restorable(actor, call, backup_id)
    return _plan(actor, backup, into)


def ask_for_restore(
    actor: Actor, call: Call, backup_id: UUID, *, into: str, confirm: str
) -> Restore:
    """Queue a restore, planned once more; ``confirm`` is the target's slug, typed again."""
    with tenant_scope(actor.tenant_id):
        backup, decision = _restorable(actor, call, backup_id)
        found = _plan(actor, backup, into)
        if confirm != into:
            fault = Fault("/confirm", "type the target's slug to confirm")
            raise Unprocessable("The confirmation is not the target's slug.", errors=(fault,))
        restore = Restore.objects.create(
            tenant_id=actor.tenant_id, backup=backup, archive=backup.name, target=into
        )
        restore.run_id = start(
            RESTORE,
            tenant_id=actor.tenant_id,
            params={"restore": str(restore.id), "archive": backup.name, "into": into},
            actor=actor,
        )
        restore.save(update_fields=["run_id"])
        details = {
            "event": "restore.asked",
            "into": into,
            "is_new": found.target_id is None,
            "run": str(restore.run_id),
        }
        record(call, decision, "backup.restore", resource_of(backup), details)
        restore.refresh_from_db()
    return restore


def open_own(backup: Backup) -> Archive:
    """The archive of a row. One that is another tenant's is as good as none: nothing is told."""
    archive = open_archive(open_store(backup.store), backup.name)
    if archive.manifest.tenant_id != backup.tenant_id or archive.manifest.archive != backup.id:
        raise NotFound
    return archive


def _ask(actor: Actor, call: Call, job: str, event: str) -> UUID:
    about = whole_tenant(actor)
    decision = permit(actor, call, "backup.create", about)
    run_id = start(job, tenant_id=actor.tenant_id, actor=actor)
    record(call, decision, "backup.create", about, {"event": event, "run": str(run_id)})
    return run_id


def _plan(actor: Actor, backup: Backup, into: str) -> Plan:
    archive = open_own(backup)
    with connected(address_of("default")) as ours:
        return plan_restore(ours, archive, into, own=actor.tenant_id)


def _restorable(actor: Actor, call: Call, backup_id: UUID) -> tuple[Backup, Decision]:
    backup = readable_backup(actor, call, backup_id)
    decision = permit(actor, call, "backup.restore", resource_of(backup))
    if backup.state != Backup.State.DONE:
        raise NothingToRestore("This backup is not there to be restored.")
    return backup, decision

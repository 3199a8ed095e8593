"""Destroying keys: asked for by two people, undone within a week, carried out by a job.

A single version goes only when nothing is under it, in the tables or in a kept backup. The whole
key of a namespace goes with everything under it: that is shredding, and no hold may keep any of it.
What has to hold is looked at when it is asked for, and again in the transaction that does it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models.functions import Now

from governance.keys.acts import keeper, key_of
from governance.keys.approving import DESTROY, content_of
from governance.keys.exceptions import KeyGone, KeyHeld, KeyInUse, NoSuchDestruction
from governance.keys.models import KeyDestruction
from governance.keys.services import MAX_REASON, find_version
from governance.keys.stores import count_all
from stateward.gate.approvals.models import ApprovalRequest
from stateward.gate.approvals.services import ask, use
from stateward.gate.audit.record import append, compose
from stateward.gate.keys.outside import export_ledger
from stateward.gate.keys.shredding import Shred, shred_namespace
from stateward.gate.keys.versions import destroy_key, lock_version, namespace_versions
from stateward.gate.policy.permits import permit, record
from stateward.kernel.clock import rfc3339
from stateward.kernel.errors import Conflict, unfit
from stateward.operations.backups.models import Backup
from stateward.operations.jobs.running import Outcome, Run
from stateward.state.configuration import load_configuration
from stateward.state.models import Namespace
from stateward.state.services.namespaces import find_namespace
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.epochs import bump
from stateward.tenancy.scope import run_flow, tenant_scope


def ask_to_destroy(
    actor: Actor, call: Call, name: str, *, version: int | None, reason: str
) -> ApprovalRequest:
    """Ask the others who must agree; the destruction itself is then asked for again."""
    with tenant_scope(actor.tenant_id):
        namespace = find_namespace(actor, call, name)
        permit(actor, call, "key.destroy", key_of(namespace))
        _check_reason(reason)
        key_id = _check(namespace, version)
        what = f"version {version}" if version else "every version, and all values under it,"
        return ask(
            actor,
            call,
            DESTROY,
            subject=("data_key", str(key_id), namespace.name),
            content=content_of(namespace.id, key_id, version),
            summary=f"Destroy {what} of the key of {namespace.name}",
            reason=reason,
        )


def destroy_later(
    actor: Actor, call: Call, name: str, *, version: int | None, reason: str
) -> KeyDestruction:
    """Have a version, or the whole key with all that is under it, destroyed when the days of grace
    are over. Until then it works as before, and ``undo`` takes it back.
    """
    with tenant_scope(actor.tenant_id):
        bump(actor.tenant_id, "keys")  # one at a time, and none beside a hold being placed
        namespace = find_namespace(actor, call, name)
        decision = permit(actor, call, "key.destroy", key_of(namespace))
        _check_reason(reason)
        key_id = _check(namespace, version)
        waiting = KeyDestruction.objects.filter(tenant_id=actor.tenant_id, key_id=key_id)
        if waiting.filter(version=version, state="waiting").exists():
            raise KeyGone("It is to be destroyed already; undo that first.")
        content = content_of(namespace.id, key_id, version)
        approvals = use(actor, call, DESTROY, subject_id=str(key_id), content=content)
        made = KeyDestruction.objects.create(
            tenant_id=actor.tenant_id,
            namespace_id=namespace.id,
            namespace_name=namespace.name,
            key_id=key_id,
            version=version,
            reason=reason,
            counts=_counts(namespace, key_id, version),
            approvals=list(approvals),
            asked_by_type=actor.type,
            asked_by_id=actor.id,
            asked_by_name=actor.name[:200],
            due_at=Now() + timedelta(hours=settings.KEY_DESTRUCTION_HOURS),
        )
        made.refresh_from_db()
        details = {
            "event": "key.destruction_asked",
            "version": content["version"],
            "due_at": rfc3339(made.due_at),
            "reason": reason,
        }
        record(call, decision, "key.destroy", ("data_key", str(key_id)), details,
               approvals=approvals)  # fmt: skip
        return made


def undo(actor: Actor, call: Call, destruction_id: UUID) -> KeyDestruction:
    """Take a destruction back that has not been carried out. One person is enough to save a key."""
    with tenant_scope(actor.tenant_id):
        rows = KeyDestruction.objects.select_for_update()
        found = rows.filter(tenant_id=actor.tenant_id, id=destruction_id).first()
        if found is None or found.state != "waiting":
            raise NoSuchDestruction
        namespace = Namespace.objects.get(tenant_id=actor.tenant_id, id=found.namespace_id)
        decision = permit(actor, call, "key.rotate", key_of(namespace), hide=True)
        _end(found, "undone", by=actor.name)
        details = {"event": "key.destruction_undone", "destruction": str(found.id)}
        record(call, decision, "key.rotate", ("data_key", str(found.key_id)), details)
        found.refresh_from_db()
        return found


def destroy_due(run: Run) -> Outcome:
    """Carry out what is due in the run's tenant. What must not be any more is refused, and says
    why.
    """
    if run.tenant_id is None:
        raise LookupError("Keys are a tenant's.")
    counts = {"destroyed": 0, "refused": 0}
    with run.scope():
        due = KeyDestruction.objects.filter(
            tenant_id=run.tenant_id, state="waiting", due_at__lte=Now()
        )
        ids = list(due.order_by("due_at").values_list("id", flat=True))
    for destruction_id in ids:
        with run.scope():
            run.guard()
            word = _carry_out(run, destruction_id)
        counts[word] += word in counts
        run.progress(sum(counts.values()), len(ids), "keys")
    export_ledger(run.tenant_id)
    return Outcome(counts, has_findings=bool(counts["refused"]))


def _carry_out(run: Run, destruction_id: UUID) -> str:
    tenant_id = run.tenant_id
    assert tenant_id is not None  # noqa: S101  # looked at by whoever calls
    bump(tenant_id, "keys")  # whoever places a hold waits for us, or was before us
    rows = KeyDestruction.objects.select_for_update()
    found = rows.get(tenant_id=tenant_id, id=destruction_id)
    if found.state != "waiting":
        return "undone"
    namespace = Namespace.objects.get(tenant_id=tenant_id, id=found.namespace_id)
    try:
        _check(namespace, found.version)
    except Conflict as refused:
        _end(found, "refused", said=refused.sentence()[:500])
        run.note(refused.sentence())
        return "refused"
    actor = keeper(tenant_id)
    call = Call(request_id=str(run.id))
    if found.version is None:
        why = Shred(found.reason, tuple(found.approvals))
        run_flow(shred_namespace(actor, call, found.namespace_id, why))
    else:
        run_flow(destroy_key(actor, found.key_id, found.version))
        _record(actor, call, found)
    _end(found, "done")
    return "destroyed"


def _check(namespace: Namespace, version: int | None) -> UUID:
    """The key's id, if it may be destroyed; else what keeps it, as a conflict."""
    if version is None:
        return _check_shredding(namespace)
    found = find_version(namespace, version)
    locked = run_flow(lock_version(namespace.tenant_id, found.id, version)) or found
    if locked.state == "destroyed":
        raise KeyGone
    if locked.state != "retired":
        raise KeyInUse(f"Version {version} is {locked.state.replace('_', ' ')}, not retired.")
    under = [
        one
        for one in count_all(namespace.tenant_id, namespace.id)
        if (one.key_id, one.version) == (found.id, version)
    ]
    if under:
        many = sum(one.rows for one in under)
        raise KeyInUse(f"{many} values are under version {version} after all.")
    since = locked.retired_at
    kept = Backup.objects.filter(tenant_id=namespace.tenant_id, state="done")
    if since is not None:
        kept = kept.filter(taken_at__lte=since)
    if many := kept.count():
        backups = "1 kept backup was" if many == 1 else f"{many} kept backups were"
        raise KeyInUse(f"{backups} taken before version {version} was retired.")
    return found.id


def _check_shredding(namespace: Namespace) -> UUID:
    versions = run_flow(namespace_versions(namespace.tenant_id, namespace.id))
    left = [one for one in versions if one.state != "destroyed"]
    if not left:
        raise KeyGone
    configuration = run_flow(load_configuration(namespace.tenant_id, max_age=0))
    holds = configuration.holds.on_namespace(namespace.name)
    matters = sorted({one.matter for one in (*holds.whole, *holds.partial)})
    if matters:
        raise KeyHeld(f"Held for {', '.join(matters[:5])}: nothing in it is destroyed.")
    return left[0].id


def _counts(namespace: Namespace, key_id: UUID, version: int | None) -> dict[str, Any]:
    found: dict[str, int] = {}
    for one in count_all(namespace.tenant_id, namespace.id):
        if one.key_id == key_id and version in (None, one.version):
            found[one.store] = found.get(one.store, 0) + one.rows
    return found


def _check_reason(reason: str) -> None:
    if not reason.strip() or len(reason) > MAX_REASON:
        raise unfit("reason", f"say why, in at most {MAX_REASON:,} characters")


def _end(found: KeyDestruction, state: str, *, by: str = "", said: str = "") -> None:
    KeyDestruction.objects.filter(id=found.id, tenant_id=found.tenant_id).update(
        state=state, ended_at=Now(), ended_by_name=by[:200], said=said
    )


def _record(actor: Actor, call: Call, found: KeyDestruction) -> None:
    draft = compose(
        actor=actor,
        call=call,
        action="key.destroy",
        resource_type="data_key",
        resource_id=str(found.key_id),
        namespace_id=found.namespace_id,
        reason=found.reason,
        approvals=found.approvals,
        extra={"event": "key.version_destroyed", "version": found.version},
    )
    run_flow(append(draft))

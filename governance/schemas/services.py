"""Asking for work on a schema and ending it: decided, recorded, in the caller's transaction and the
tenant's scope. The work itself is a job (``running.py``).
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from governance.schemas.models import KINDS, OPEN, SchemaRun
from stateward.gate.policy.requests import Decision
from stateward.kernel.errors import Fault, Unprocessable
from stateward.operations.jobs import services as jobs
from stateward.operations.jobs.exceptions import AlreadyOver, NoSuchRun
from stateward.state.exceptions import NoSuchSchemaRun, SchemaBusy, SchemaState
from stateward.state.models import Namespace, SchemaVersion
from stateward.state.services.namespaces import find_namespace, permit_update
from stateward.state.services.schemas import (
    draft_version,
    draft_without_schema,
    find_version,
    give_up_pending,
    lock_namespace,
    note_schema,
    retire_draft,
)
from stateward.tenancy.actors import Actor, Call

MAX_ERRORS = 1_000_000
SAMPLES_KEPT = 20  # runs of a namespace that keep the keys they named


def draft(
    actor: Actor, call: Call, name: str, fields: dict[str, Any]
) -> tuple[Namespace, SchemaVersion]:
    """A new version of the namespace's schema that nothing is judged by yet."""
    namespace, decision = _changeable(actor, call, name)
    return namespace, draft_version(actor, call, namespace, fields, decision)


def put_aside(actor: Actor, call: Call, name: str, number: int) -> tuple[Namespace, SchemaVersion]:
    """Retire a draft."""
    namespace, decision = _changeable(actor, call, name)
    if _open_runs(namespace).filter(number=number).exists():
        raise SchemaBusy
    return namespace, retire_draft(actor, call, namespace, number, decision)


def start_run(
    actor: Actor,
    call: Call,
    name: str,
    number: int,
    kind: str,
    *,
    only_new_writes: bool = False,
    max_errors: int = 0,
    note: str = "",
) -> SchemaRun:
    """Queue a check, an activation or a migration. SchemaBusy (409) while another run changes the
    namespace, SchemaState (409) where there is nothing to do.
    """
    if kind not in KINDS or not 0 <= max_errors <= MAX_ERRORS:
        message = f"a whole number up to {MAX_ERRORS:,}"
        raise Unprocessable(f"max_errors: {message}.", errors=(Fault("/max_errors", message),))
    namespace, decision = _changeable(actor, call, name)
    version = find_version(namespace, number)
    if kind != "check":
        _require_free(namespace)
    if kind == "activate" and version.state == "active" and version.coverage == "stored":
        raise SchemaState("That version is in force, and all that is stored fits it.")
    if kind == "migrate" and version.steps is None:
        raise SchemaState("That version has no migration; activate it.")
    return _start(
        actor, call, namespace, decision, number=number, kind=kind,
        only_new_writes=only_new_writes, max_errors=max_errors, note=note,
    )  # fmt: skip


def undo_run(actor: Actor, call: Call, name: str, run_id: UUID, *, note: str = "") -> SchemaRun:
    """Queue the undoing of a migration: values it wrote go back to what they were where nobody has
    written since, and the version before is in force again.
    """
    namespace, decision = _changeable(actor, call, name)
    run = find_run(namespace, run_id)
    if run.kind != "migrate" or run.is_open:
        raise SchemaState("Only a migration that has ended can be undone.")
    _require_free(namespace)
    if run.state == "done" and namespace.schema_version != run.number:
        raise SchemaState("Another version is in force since: undo that first.")
    before = run.version_before
    if not before:  # there was no schema: a version that says so takes its place
        before = draft_without_schema(actor, namespace).number
    return _start(
        actor, call, namespace, decision, number=run.number, kind="undo", undoes=run.id,
        version_before=before, note=note,
    )  # fmt: skip


def cancel_run(actor: Actor, call: Call, name: str, run_id: UUID) -> SchemaRun:
    """Have a run end at its next step: what it did until then stays done, and no version stays
    pending. Also of a run that its job gave up.
    """
    namespace, decision = _changeable(actor, call, name)
    run = find_run(namespace, run_id)
    if not run.is_open:
        raise SchemaState("The run is over.")
    try:
        how = (
            jobs.cancel(run.job_run, tenant_id=actor.tenant_id, actor=actor) if run.job_run else ""
        )
    except (AlreadyOver, NoSuchRun):
        how = "cancelled"
    if how != "asked":
        give_up_pending(actor, call, namespace.id, run.id)
        SchemaRun.objects.filter(tenant_id=actor.tenant_id, id=run.id).update(state="cancelled")
    note_schema(
        actor,
        call,
        namespace,
        "schema.run_cancelled",
        run.number,
        decision=decision,
        run=str(run.id),
    )
    return find_run(namespace, run_id)


def find_run(namespace: Namespace, run_id: UUID) -> SchemaRun:
    """One run; NoSuchSchemaRun (404)."""
    found = SchemaRun.objects.filter(
        tenant_id=namespace.tenant_id, namespace_id=namespace.id, id=run_id
    ).first()
    if found is None:
        raise NoSuchSchemaRun
    return found


def _changeable(actor: Actor, call: Call, name: str) -> tuple[Namespace, Decision]:
    """The namespace under lock, and what allows changing it."""
    decision = permit_update(actor, call, name)
    found = find_namespace(actor, call, name)
    return lock_namespace(actor.tenant_id, found.id), decision


def _open_runs(namespace: Namespace) -> Any:
    return SchemaRun.objects.filter(
        tenant_id=namespace.tenant_id, namespace_id=namespace.id, state__in=OPEN
    )


def _require_free(namespace: Namespace) -> None:
    if _open_runs(namespace).exclude(kind="check").exists():
        raise SchemaBusy


def _start(
    actor: Actor, call: Call, namespace: Namespace, decision: Decision, **fields: Any
) -> SchemaRun:
    made: SchemaRun = SchemaRun.objects.create(
        tenant_id=actor.tenant_id,
        namespace_id=namespace.id,
        actor_type=actor.type,
        actor_id=actor.id,
        actor_name=actor.name,
        scopes=None if actor.scopes is None else sorted(actor.scopes),
        **{"version_before": namespace.schema_version, **fields},
    )
    made.job_run = jobs.start(
        "schemas.run",
        tenant_id=actor.tenant_id,
        params={"run": str(made.id), "kind": made.kind, "namespace": namespace.name},
        actor=actor,
    )
    made.save(update_fields=["job_run"])
    _forget_samples(namespace)
    note_schema(
        actor, call, namespace, "schema.run_started", made.number, decision=decision,
        run=str(made.id), kind=made.kind,
    )  # fmt: skip
    made.refresh_from_db()
    return made


def _forget_samples(namespace: Namespace) -> None:
    """Old runs keep their counts, not the keys they named."""
    runs = SchemaRun.objects.filter(tenant_id=namespace.tenant_id, namespace_id=namespace.id)
    kept = list(runs.order_by("-created_at").values_list("id", flat=True)[:SAMPLES_KEPT])
    runs.exclude(id__in=kept).exclude(samples=[]).update(samples=[])

"""The versions of a namespace's schema: drafted, activated, retired; each recorded, in the caller's
transaction and tenant scope.

**Activation.** A value that the active schema refuses must not be there unnoticed. So a version is
first made *pending*: from that moment what is written must fit it too (or, where stored values are
being brought to it, it alone), and the tenant's epoch rises. The statement of a write that was
decided before refuses it, unless that statement began before the epoch rose; so whoever activates
then waits until every transaction older than that has ended (``is_settled``), and only then counts
the stored values. What is counted cannot change for the worse any more, and the version is
activated or given up in a transaction that ends the pending state.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Max
from django.db.models.functions import Now

from stateward.gate.audit.record import append, compose
from stateward.gate.policy.requests import Decision
from stateward.kernel.errors import Fault, Unprocessable
from stateward.kernel.strictjson import dumps
from stateward.state.evolution.transforms import compile_migration
from stateward.state.exceptions import (
    NoSuchSchemaVersion,
    SchemaBusy,
    SchemaState,
    TooManySchemaVersions,
)
from stateward.state.models import Namespace, SchemaVersion
from stateward.state.schemas import compile_schema
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.epochs import bump
from stateward.tenancy.scope import run_flow

MAX_VERSIONS = 500
MAX_SCHEMA_BYTES = 64 * 1024


def check_schema(schema: Any, *, pointer: str = "/schema") -> None:
    """BadSchema (422) where the text is none we accept; TooLarge texts are refused before."""
    if schema is None:
        return
    if len(dumps(schema)) > MAX_SCHEMA_BYTES:
        message = f"more than {MAX_SCHEMA_BYTES // 1024} KiB"
        raise Unprocessable(f"The schema has {message}.", errors=(Fault(pointer, message),))
    compile_schema(schema, pointer=pointer)


def versions_of(namespace: Namespace) -> list[SchemaVersion]:
    """All versions, newest first."""
    adopt(namespace)
    return list(
        SchemaVersion.objects.filter(
            tenant_id=namespace.tenant_id, namespace_id=namespace.id
        ).order_by("-number")
    )


def find_version(namespace: Namespace, number: int) -> SchemaVersion:
    """One version; NoSuchSchemaVersion (404)."""
    adopt(namespace)
    found = SchemaVersion.objects.filter(
        tenant_id=namespace.tenant_id, namespace_id=namespace.id, number=number
    ).first()
    if found is None:
        raise NoSuchSchemaVersion
    return found


def adopt(namespace: Namespace) -> None:
    """Register the schema of a namespace that is older than the registry, or was restored."""
    if not namespace.schema_version:
        return
    SchemaVersion.objects.bulk_create(
        [
            SchemaVersion(
                tenant_id=namespace.tenant_id,
                namespace_id=namespace.id,
                number=namespace.schema_version,
                schema=namespace.schema,
                state="active",
                author_type=namespace.owner_type,
                author_id=namespace.owner_id,
                author_name="",
                activated_at=namespace.updated_at,
                coverage="new_writes",
            )
        ],
        ignore_conflicts=True,
    )


def draft_version(
    actor: Actor,
    call: Call,
    namespace: Namespace,
    fields: Mapping[str, Any],
    decision: Decision,
) -> SchemaVersion:
    """A new version that nothing is judged by yet. ``fields``: ``schema``, and maybe ``note``,
    ``base``, ``steps``, ``inverse``.
    """
    check_schema(fields["schema"])
    steps, inverse = fields.get("steps"), fields.get("inverse")
    if steps is not None:
        compile_migration(steps)
    elif inverse is not None:
        message = "a way back belongs to steps there"
        raise Unprocessable(f"inverse: {message}.", errors=(Fault("/inverse", message),))
    if inverse is not None:
        compile_migration(inverse, pointer="/inverse")
    base = fields.get("base")
    if base is None:
        base = namespace.schema_version
    elif base:
        find_version(namespace, base)
    made = _insert(actor, namespace, schema=fields["schema"], base=base, steps=steps,
                   inverse=inverse, note=fields.get("note", ""))  # fmt: skip
    _record(actor, call, namespace, "schema.drafted", made.number, decision=decision)
    return made


def activate_first(actor: Actor, namespace: Namespace) -> None:
    """Register the schema a namespace is made with; nothing is stored in it yet."""
    made = _insert(actor, namespace, schema=namespace.schema)
    _put_in_force(made, "stored")
    namespace.schema_version = made.number
    namespace.save(update_fields=["schema_version"])


def activate_at_once(actor: Actor, namespace: Namespace) -> None:
    """Register what a change of settings has set as the namespace's schema: in force for what is
    written from now on. Stored values are not looked at, and the version says so.
    """
    if namespace.pending_version is not None:
        raise SchemaBusy
    before = namespace.schema_version
    _retire(namespace, before)
    made = _insert(actor, namespace, schema=namespace.schema, base=before)
    _put_in_force(made, "new_writes")
    namespace.schema_version = made.number


def draft_without_schema(actor: Actor, namespace: Namespace) -> SchemaVersion:
    """A version that anything fits, for a namespace that had no schema before."""
    return _insert(actor, namespace, schema=None, note="No schema.")


def note_schema(
    actor: Actor,
    call: Call,
    namespace: Namespace,
    event: str,
    number: int,
    **details: Any,
) -> None:
    """Put on record what was asked of a version; ``decision`` is what allowed it."""
    _record(actor, call, namespace, event, number, **details)


def retire_draft(
    actor: Actor, call: Call, namespace: Namespace, number: int, decision: Decision
) -> SchemaVersion:
    """Put a draft aside; SchemaState (409) for a version that is or was in force."""
    version = find_version(namespace, number)
    if version.state != "draft" or namespace.pending_version == number:
        raise SchemaState("Only a draft that nothing is done with can be put aside.")
    _retire(namespace, number)
    _record(actor, call, namespace, "schema.retired", number, decision=decision)
    return find_version(namespace, number)


def make_pending(
    actor: Actor, call: Call, namespace_id: UUID, number: int, *, exclusive: bool, run_id: UUID
) -> int:
    """Have what is written from now on fit this version; the transaction that says so, for
    ``is_settled``. SchemaBusy (409) where another run has one pending.
    """
    namespace = lock_namespace(actor.tenant_id, namespace_id)
    if namespace.pending_run not in (None, run_id):
        raise SchemaBusy
    find_version(namespace, number)
    Namespace.objects.filter(id=namespace.id, tenant_id=actor.tenant_id).update(
        pending_version=number, pending_is_exclusive=exclusive, pending_run=run_id
    )
    _record(actor, call, namespace, "schema.pending", number, exclusive=exclusive)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()::text::bigint")
        return int(cursor.fetchone()[0])


def is_settled(xact: int) -> bool:
    """Whether every transaction older than this one has ended, and it too."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_snapshot_xmin(pg_current_snapshot()) > %s::text::xid8", (str(xact),)
        )
        return bool(cursor.fetchone()[0])


def activate_pending(
    actor: Actor, call: Call, namespace_id: UUID, run_id: UUID, *, coverage: str
) -> None:
    """Put the pending version in force. SchemaState (409) where it is not pending any more."""
    namespace = lock_namespace(actor.tenant_id, namespace_id)
    number = namespace.pending_version
    if number is None or namespace.pending_run != run_id:
        raise SchemaState("The version is not pending any more.")
    version = find_version(namespace, number)
    if namespace.schema_version != number:
        _retire(namespace, namespace.schema_version)
    _put_in_force(version, coverage)
    Namespace.objects.filter(id=namespace.id, tenant_id=actor.tenant_id).update(
        schema=version.schema, schema_version=number, updated_at=Now(),
        pending_version=None, pending_is_exclusive=False, pending_run=None,
    )  # fmt: skip
    _record(actor, call, namespace, "schema.activated", number, coverage=coverage)


def give_up_pending(actor: Actor, call: Call, namespace_id: UUID, run_id: UUID) -> bool:
    """End the pending state of this run without activating; whether there was one."""
    namespace = lock_namespace(actor.tenant_id, namespace_id)
    number = namespace.pending_version
    if number is None or namespace.pending_run != run_id:
        return False
    Namespace.objects.filter(id=namespace.id, tenant_id=actor.tenant_id).update(
        pending_version=None, pending_is_exclusive=False, pending_run=None
    )
    _record(actor, call, namespace, "schema.given_up", number)
    return True


def lock_namespace(tenant_id: UUID, namespace_id: UUID) -> Namespace:
    """The namespace under lock; NoSuchSchemaVersion (404) where it was deleted."""
    found = (
        Namespace.objects.select_for_update()
        .filter(tenant_id=tenant_id, id=namespace_id, deleted_at=None)
        .first()
    )
    if found is None:
        raise NoSuchSchemaVersion
    return found


def _insert(actor: Actor, namespace: Namespace, **fields: Any) -> SchemaVersion:
    """The next version; the namespace's row is locked by whoever calls."""
    rows = SchemaVersion.objects.filter(tenant_id=namespace.tenant_id, namespace_id=namespace.id)
    latest = max(rows.aggregate(top=Max("number"))["top"] or 0, namespace.schema_version)
    if latest >= MAX_VERSIONS:
        raise TooManySchemaVersions
    made: SchemaVersion = SchemaVersion.objects.create(
        tenant_id=namespace.tenant_id,
        namespace_id=namespace.id,
        number=latest + 1,
        author_type=actor.type,
        author_id=actor.id,
        author_name=actor.name,
        **fields,
    )
    made.refresh_from_db()
    return made


def _put_in_force(version: SchemaVersion, coverage: str) -> None:
    SchemaVersion.objects.filter(id=version.id, tenant_id=version.tenant_id).update(
        state="active", activated_at=Now(), retired_at=None, coverage=coverage
    )


def _retire(namespace: Namespace, number: int) -> None:
    SchemaVersion.objects.filter(
        tenant_id=namespace.tenant_id, namespace_id=namespace.id, number=number
    ).update(state="retired", retired_at=Now())


def _record(
    actor: Actor,
    call: Call,
    namespace: Namespace,
    event: str,
    number: int,
    *,
    decision: Decision | None = None,
    **details: Any,
) -> None:
    bump(actor.tenant_id, "schemas")
    draft = compose(
        actor=actor,
        call=call,
        action="namespace.update",
        resource_type="namespace",
        resource_id=str(namespace.id),
        reason=decision.reason if decision is not None else "A run that was asked for.",
        decision=decision.facts() if decision is not None else None,
        namespace_id=namespace.id,
        classification=namespace.classification,
        extra={"event": event, "schema_version": number, **details},
    )
    run_flow(append(draft))

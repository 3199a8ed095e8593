"""Checkpoints: moments of a namespace under a name, cheap to make, to compare with and to go back
to.

A checkpoint is a cut and a label, and copies nothing: the revisions it needs are those that the
history has anyway. Retention goes on as its rules say, whatever checkpoints there are; what it has
purged is told of when a checkpoint is compared or restored. Who wants to keep what a checkpoint
needs places a hold.

Synchronous, inside ``tenant_scope``: checkpoints belong to the control plane, like namespaces.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from stateward.gate.audit.record import append, compose
from stateward.gate.policy.requests import Decision
from stateward.kernel.flow import Flow, Row, Statement
from stateward.kernel.ids import uuid7
from stateward.state.configuration import NamespaceRules
from stateward.state.cuts import Cut, cut_now
from stateward.state.entries import Principal
from stateward.state.exceptions import NoSuchCheckpoint, TooManyCheckpoints
from stateward.state.queries import open_reader
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.scope import run_flow

MAX_CHECKPOINTS = 10_000
_COLUMNS = "id, label, at, snapshot::text, restores, actor_type, actor_id, actor_name"
INSERT = f"""
INSERT INTO stateward_checkpoint
    (tenant_id, id, namespace_id, label, snapshot, at, actor_type, actor_id, actor_name)
VALUES (%s, %s, %s, %s, %s::pg_snapshot, %s, %s, %s, %s) RETURNING {_COLUMNS}
"""
ONE = f"""
SELECT {_COLUMNS} FROM stateward_checkpoint WHERE tenant_id = %s AND namespace_id = %s AND id = %s
"""
PAGE = f"""
SELECT {_COLUMNS} FROM stateward_checkpoint
WHERE tenant_id = %s AND namespace_id = %s AND (%s::uuid IS NULL OR id < %s)
ORDER BY id DESC LIMIT %s
"""
COUNT = """
SELECT count(*) FROM (SELECT FROM stateward_checkpoint
    WHERE tenant_id = %s AND namespace_id = %s LIMIT %s) AS few
"""
DELETE = "DELETE FROM stateward_checkpoint WHERE tenant_id = %s AND id = %s"


class Checkpoint(NamedTuple):
    """A moment of a namespace under a name."""

    id: UUID
    namespace: str
    label: str
    at: datetime
    cut: Cut
    made_by: Principal


def make_checkpoint(actor: Actor, call: Call, namespace: str, label: str) -> Checkpoint:
    """Remember the namespace as it is now. Needs ``state.write`` on it."""
    rules, decision = _allowed(actor, call, namespace, "state.write")
    rows = run_flow(_run(COUNT, actor.tenant_id, rules.id, MAX_CHECKPOINTS))
    if rows[0][0] >= MAX_CHECKPOINTS:
        raise TooManyCheckpoints
    cut = run_flow(cut_now())
    made = uuid7()
    who = (actor.type, actor.id, actor.name)
    rows = run_flow(
        _run(INSERT, actor.tenant_id, made, rules.id, label, cut.snapshot, cut.when, *who)
    )
    _record(actor, call, rules, decision, event="checkpoint.made", made=made, label=label)
    return _checkpoint(rules, rows[0])


def list_checkpoints(
    actor: Actor, call: Call, namespace: str, *, before: UUID | None = None, limit: int = 100
) -> tuple[list[Checkpoint], UUID | None]:
    """A page of a namespace's checkpoints, newest first; and the id to go on before."""
    rules, _ = _allowed(actor, call, namespace, "namespace.read")
    rows = run_flow(_run(PAGE, actor.tenant_id, rules.id, before, before, limit + 1))
    found = [_checkpoint(rules, row) for row in rows[:limit]]
    return found, found[-1].id if len(rows) > limit else None


def find_checkpoint(actor: Actor, call: Call, namespace: str, checkpoint: UUID) -> Checkpoint:
    """One of the namespace's checkpoints. 404 if it has no such one."""
    rules, _ = _allowed(actor, call, namespace, "namespace.read")
    rows = run_flow(_run(ONE, actor.tenant_id, rules.id, checkpoint))
    if not rows:
        raise NoSuchCheckpoint
    return _checkpoint(rules, rows[0])


def delete_checkpoint(actor: Actor, call: Call, namespace: str, checkpoint: UUID) -> None:
    """Forget the name; the history stays. Needs ``state.delete`` on the namespace."""
    rules, decision = _allowed(actor, call, namespace, "state.delete")
    found = find_checkpoint(actor, call, namespace, checkpoint)
    run_flow(_run(DELETE, actor.tenant_id, found.id))
    event = "checkpoint.deleted"
    _record(actor, call, rules, decision, event=event, made=found.id, label=found.label)


def _allowed(
    actor: Actor, call: Call, namespace: str, action: str
) -> tuple[NamespaceRules, Decision]:
    def flow() -> Flow[tuple[NamespaceRules, Decision]]:
        reader = yield from open_reader(actor, call, namespace, 0)
        resource = reader.rules.resource()
        decision = yield from reader.judge.require("namespace.read", reader.rules, resource)
        if action != "namespace.read":
            decision = yield from reader.judge.require(action, reader.rules, resource)
        return reader.rules, decision

    return run_flow(flow())


def _run(sql: str, *parameters: object) -> Flow[list[Row]]:
    return (yield Statement(sql, parameters))


def _checkpoint(rules: NamespaceRules, row: Row) -> Checkpoint:
    made, label, at, snapshot, restores, *who = row
    return Checkpoint(
        made, rules.name, label, at, Cut(snapshot, None, at, restores), Principal(*who)
    )


def _record(
    actor: Actor, call: Call, rules: NamespaceRules, decision: Decision, *, event: str, made: UUID,
    label: str,
) -> None:  # fmt: skip
    draft = compose(
        actor=actor,
        call=call,
        action="state.delete" if event == "checkpoint.deleted" else "state.write",
        resource_type="namespace",
        resource_id=str(rules.id),
        reason=decision.reason,
        decision=decision.facts(),
        namespace_id=rules.id,
        classification=rules.classification,
        extra={"event": event, "checkpoint": str(made), "label": label},
    )
    run_flow(append(draft))

"""Who may see a pending write, and what it would change.

Whoever asked sees it. Others see it as they see the entries: its place by ``state.read_meta`` of
each, its values by ``state.read_value``, recorded as any read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from stateward.gate.keys.load import load_keys_of
from stateward.gate.policy.principals import load_principal
from stateward.kernel.errors import StatewardError
from stateward.kernel.flow import Flow, Statement
from stateward.state.entries import Entry, parse_labels
from stateward.state.exceptions import NoSuchEntry
from stateward.state.patches import difference
from stateward.state.pending.documents import change_of
from stateward.state.pending.exceptions import NoSuchPending
from stateward.state.pending.records import (
    FIELD,
    FIND,
    LIST,
    OPERATIONS,
    Pending,
    Waiting,
    pending_of,
    waiting_of,
)
from stateward.state.queries import get_entry, open_reader, row_decision
from stateward.state.services.entries import Attempt, Conditions, Order
from stateward.state.values import decode
from stateward.tenancy.actors import Actor, Call

# Whoever read anything of the namespaces within a month: recorded one by one, or counted.
READERS = """
SELECT count(*) FROM (
    SELECT c.actor_id FROM stateward_audit_read_count c
    WHERE c.tenant_id = %(tenant)s AND c.minute > now() - interval '30 days'
      AND c.action = 'state.read_value' AND c.namespace_id = ANY (%(places)s)
    UNION
    SELECT r.actor_id FROM stateward_audit_record r
    WHERE r.tenant_id = %(tenant)s AND r.at > now() - interval '30 days'
      AND r.action = 'state.read_value' AND r.outcome = 'allow'
      AND r.namespace_id = ANY (%(places)s)
) readers
"""


class Effect(NamedTuple):
    """What releasing one operation would do to its entry now. ``refused``: why it could not."""

    waiting: Waiting
    values: tuple[Any, Any] | None  # now and then; None of either where there is none
    refused: str | None

    @property
    def patch(self) -> list[dict[str, Any]] | None:
        return None if self.values is None else difference(*self.values)


class Radius(NamedTuple):
    """How far a release reaches: entries, namespaces, bytes, and who read there within a month."""

    entries: int
    namespaces: int
    size_bytes: int
    readers: int


def load_pending(tenant_id: UUID, pending_id: UUID) -> Flow[Pending]:
    """NoSuchPending (404). The caller decides who may see it."""
    rows = yield Statement(FIND, (tenant_id, pending_id))
    if not rows:
        raise NoSuchPending
    return (yield from _with_operations(tenant_id, rows))[0]


def find_pending(actor: Actor, call: Call, pending_id: UUID) -> Flow[Pending]:
    found = yield from load_pending(actor.tenant_id, pending_id)
    if not (yield from _may_know(actor, call, found)):
        raise NoSuchPending
    return found


def list_pending(
    actor: Actor, call: Call, *, state: str | None, before: UUID | None, limit: int
) -> Flow[tuple[list[Pending], UUID | None]]:
    """Newest first, those that the caller may know of; and the id to go on before."""
    kept: list[Pending] = []
    place = before or UUID(int=2**128 - 1)
    while True:
        rows = yield Statement(LIST, (actor.tenant_id, place, state, state, limit + 1))
        for one in (yield from _with_operations(actor.tenant_id, rows)):
            if not (yield from _may_know(actor, call, one)):
                continue
            if len(kept) == limit:
                return kept, kept[-1].id
            kept.append(one)
        if len(rows) <= limit:
            return kept, None
        place = rows[-1][0]


def effects_of(actor: Actor, call: Call, found: Pending) -> Flow[list[Effect]]:
    """What a release would change now, for one who may read the values; recorded as reads are."""
    asker = yield from load_principal(actor.tenant_id, found.asked_by.type, str(found.asked_by.id))
    effects = []
    for waiting in found.operations:
        effects.append((yield from _effect(actor, call, found, waiting, asker)))
    return effects


def radius_of(tenant_id: UUID, found: Pending) -> Flow[Radius]:
    places = sorted({one.namespace_id for one in found.operations})
    rows = yield Statement(READERS, {"tenant": tenant_id, "places": places})
    size = sum(one.size_bytes for one in found.operations)
    return Radius(len(found.operations), len(places), size, rows[0][0])


def order_of(asker: Actor, call: Call, found: Pending, waiting: Waiting, document: bytes) -> Order:
    """The write as it was asked for, under the version of then."""
    assert waiting.namespace is not None  # noqa: S101  # looked at before
    base = waiting.base_version
    return Order(
        asker, call, waiting.namespace, waiting.key, change_of(document),
        Conditions(base, if_none=base is None), None, pending=found.id,
    )  # fmt: skip


def _effect(
    actor: Actor, call: Call, found: Pending, waiting: Waiting, asker: Actor | None
) -> Flow[Effect]:
    if waiting.namespace is None:
        return Effect(waiting, None, "The namespace is no more.")
    if waiting.sealed is None or asker is None:
        return Effect(waiting, None, "What was asked for is no longer kept.")
    old = None
    try:
        current = yield from get_entry(actor, call, waiting.namespace, waiting.key)
    except NoSuchEntry:
        current = None
    if isinstance(current, Entry):
        if current.masked:
            return Effect(waiting, None, "You may read it only in part.")
        old = current.value
    reader = yield from open_reader(actor, call, waiting.namespace, 0.0)
    keys = reader.configuration.keys
    yield from load_keys_of(keys, reader.rules.id, (waiting.sealed,))
    document = keys.open(reader.rules.id, waiting.key, FIELD, waiting.write_id, waiting.sealed)
    theirs = Call(request_id=call.request_id, run=found.run, on_behalf_of=found.on_behalf_of)
    order = order_of(asker, theirs, found, waiting, document)._replace(conditions=Conditions())
    attempt = Attempt(order, reader.configuration, reader.rules)
    try:
        yield from attempt.prepare(None)
    except StatewardError as error:
        return Effect(waiting, None, error.detail)
    new = decode(attempt.data) if attempt.data else None
    return Effect(waiting, (old, new), None)


def _may_know(actor: Actor, call: Call, found: Pending) -> Flow[bool]:
    if (found.asked_by.type, found.asked_by.id) == (actor.type, actor.id):
        return True
    for one in found.operations:
        if one.namespace is None:
            return False
        reader = yield from open_reader(actor, call, one.namespace, 0.0)
        labels = parse_labels(one.labels)
        if not row_decision(reader, "state.read_meta", one.key, labels).allowed:
            return False
    return True


def _with_operations(tenant_id: UUID, rows: Sequence[Any]) -> Flow[list[Pending]]:
    if not rows:
        return []
    found: dict[UUID, list[Waiting]] = {row[0]: [] for row in rows}
    for row in (yield Statement(OPERATIONS, (tenant_id, list(found)))):
        found[row[0]].append(waiting_of(row))
    return [pending_of(row, found[row[0]]) for row in rows]

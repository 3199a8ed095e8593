"""Bringing back what a namespace was: new revisions for exactly the entries that differ.

One call is one transaction of at most ``MAX_ENTRIES`` entries, through the flow of every write:
each entry is decided, validated, sealed and audited, leases and holds count, and what was written
since it was looked at is looked at again. Where more differs it is restored in parts, each whole in
itself, by the key to go on after. Doing it again does only what is still to be done.

A revision that retention has purged cannot be brought back; its entry is left as it is and told of.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.db import OperationalError, transaction

from stateward.gate.audit.record import append, compose
from stateward.kernel.errors import PreconditionFailed
from stateward.kernel.flow import Flow
from stateward.state.configuration import MAX_AGE_SECONDS, NamespaceRules
from stateward.state.cuts import Cut, cut_now
from stateward.state.entries import meet_keys, open_data, parse_labels
from stateward.state.exceptions import Contended
from stateward.state.past import PAGE, Differing, Side, differing, readable, revisions_at
from stateward.state.queries import Reader, open_reader
from stateward.state.services.changes import Conditions, Delete, Restore
from stateward.state.services.entries import ATTEMPTS
from stateward.state.services.transactions import Operation, transact
from stateward.state.statements import Revision
from stateward.state.values import decode
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.scope import run_flow

MAX_ENTRIES = 5000
MAX_BYTES = 32 * 1024 * 1024
RETRIED = {"40001", "40P01"}  # could not serialise, deadlock: nothing was done


class RestoredEntry(NamedTuple):
    """One entry that a restore changed, or would change. ``version``: what it is at, None where it
    is not there; ``from_version``: the revision whose value comes back.
    """

    key: str
    change: str  # created, changed, deleted
    version: int | None
    from_version: int | None


class Restored(NamedTuple):
    """What a call did, or would do. ``lost``: entries whose revision is no longer kept."""

    items: list[RestoredEntry]
    lost: list[str]
    next_after: str | None
    cut: Cut


@dataclass(slots=True)
class Part:
    """What differs, as much as fits into one transaction."""

    rows: list[Differing] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    next_after: str | None = None


def restore_cut(
    actor: Actor, call: Call, namespace: str, cut: Cut, *, after: str = "", dry_run: bool = False,
    because: Mapping[str, Any] | None = None,
) -> Restored:  # fmt: skip
    """Make the namespace's entries what they were at the cut, from the key ``after`` on.

    A dry run answers the same list and writes nothing; it tells only of entries the caller may
    see. ``because`` goes into the audit: what was asked for. Raises what a write of one of the
    entries is refused with, and then nothing is written; Contended (409) where writers were always
    quicker.
    """
    if dry_run:
        return run_flow(_preview(actor, call, namespace, cut, after))
    for _ in range(ATTEMPTS):
        with suppress(PreconditionFailed):  # somebody wrote meanwhile: look again
            try:
                with transaction.atomic():
                    return _restore(actor, call, namespace, cut, after=after, because=because or {})
            except OperationalError as error:
                if getattr(error.__cause__, "sqlstate", None) not in RETRIED:
                    raise
    raise Contended


def _restore(
    actor: Actor, call: Call, namespace: str, cut: Cut, *, after: str, because: Mapping[str, Any]
) -> Restored:
    reader = run_flow(_writer(actor, call, namespace))
    part = run_flow(find_part(reader, cut, after))
    operations = run_flow(_operations(reader, part, cut))
    versions: list[int | None] = []
    if operations:
        done = run_flow(transact(actor, call, operations))
        versions = [result.version for result in done.results]
        items = [_item(row, version) for row, version in zip(part.rows, versions, strict=True)]
        counts = {"entries": len(items), "lost": len(part.lost)}
        reason = "Restored what the namespace was."
        record_whole(actor, call, reader.rules, "namespace.restored", reason, **counts, **because)
        return Restored(items, part.lost, part.next_after, cut)
    return Restored([], part.lost, part.next_after, cut)


def _writer(actor: Actor, call: Call, namespace: str) -> Flow[Reader]:
    """Whoever restores may at least know of the namespace; each entry is decided on its own."""
    reader = yield from open_reader(actor, call, namespace, 0)
    yield from reader.judge.require("namespace.read", reader.rules, reader.rules.resource())
    return reader


def _preview(actor: Actor, call: Call, namespace: str, cut: Cut, after: str) -> Flow[Restored]:
    reader = yield from open_reader(actor, call, namespace, MAX_AGE_SECONDS)
    yield from reader.judge.require("namespace.read", reader.rules, reader.rules.resource())
    part = yield from find_part(reader, cut, after)

    def sees(key: str, labels: str | None) -> bool:
        return readable(reader, "state.read_meta", key, labels, labels) is not None

    seen = [row for row in part.rows if sees(row.key, row.labels_now)]
    lost = [key for key in part.lost if sees(key, None)]
    return Restored([_item(row, row.before_version) for row in seen], lost, part.next_after, cut)


def _item(row: Differing, version: int | None) -> RestoredEntry:
    return RestoredEntry(row.key, row.change, version, row.version if row.lives else None)


def find_part(reader: Reader, cut: Cut, after: str) -> Flow[Part]:
    """What differs between now and the cut, up to what one transaction takes."""
    now = yield from cut_now()
    place, part, room = reader.rules.id, Part(), MAX_BYTES
    tenant_id = reader.configuration.tenant_id
    while True:
        rows = yield from differing(
            tenant_id, Side(place, now), Side(place, cut), after=after, limit=PAGE
        )
        for row in rows:
            if not row.is_kept:
                part.lost.append(row.key)
                continue
            room -= (row.size_bytes or 0) if row.lives else 0
            if part.rows and (room < 0 or len(part.rows) == MAX_ENTRIES):
                part.next_after = part.rows[-1].key
                return part
            part.rows.append(row)
        if len(rows) < PAGE:
            return part
        after = rows[-1].key


def _operations(reader: Reader, part: Part, cut: Cut) -> Flow[list[Operation]]:
    place = reader.rules.id
    places = [row.place(i, place) for i, row in enumerate(part.rows) if row.lives]
    found = yield from revisions_at(reader.configuration.tenant_id, places, with_values=True)
    yield from meet_keys(reader.configuration.keys, reader.rules, found.values())
    return [
        _operation(reader, reader.rules, row, found.get(i), cut) for i, row in enumerate(part.rows)
    ]


def _operation(
    reader: Reader, of: NamespaceRules, row: Differing, revision: Revision | None, cut: Cut
) -> Operation:
    """The write that makes the entry what the revision says, if it still is what was looked at."""
    conditions = Conditions(row.before_version if row.before_lives else None, not row.before_lives)
    if revision is None or revision.value is None:
        return Operation(reader.rules.name, row.key, Delete(), conditions)
    return Operation(
        reader.rules.name, row.key, restored(reader, of, row.key, revision, cut), conditions
    )


def restored(reader: Reader, of: NamespaceRules, key: str, revision: Revision, cut: Cut) -> Restore:
    """The change that brings a revision of the namespace ``of`` back, with what was left of its
    time at the cut.
    """
    data = open_data(reader.configuration.keys, of, key, revision.id, revision.value or b"")
    ends = revision.expires_at
    return Restore(
        decode(data),
        ttl_seconds=None if ends is None else max((ends - cut.when).total_seconds(), 1e-6),
        labels=dict(parse_labels(revision.labels)) or None,
        in_any_mode=True,
    )


def record_whole(
    actor: Actor, call: Call, rules: NamespaceRules, event: str, reason: str, **extra: Any
) -> None:
    """One record of what was done to a namespace as a whole, beside those of its entries."""
    draft = compose(
        actor=actor,
        call=call,
        action="state.write",
        resource_type="namespace",
        resource_id=str(rules.id),
        reason=reason,
        namespace_id=rules.id,
        classification=rules.classification,
        extra={"event": event, **extra},
    )
    run_flow(append(draft))

"""Deciding on what an agent wrote: keep it, or bring back what was before.

Rolling back is a transaction of state like any other, in the name of whoever decides: each entry is
decided, validated, sealed and recorded, leases and holds count, and an entry that somebody else
changed is left alone unless its present version is named. What is refused is told of; the rest goes
on together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from django.db import OperationalError, transaction

from governance.quarantine.exceptions import NotRolledBack
from governance.quarantine.models import Quarantine, Verdict
from governance.quarantine.writes import OPEN, Item, items_of, may_know
from stateward.gate.policy.permits import record
from stateward.gate.policy.requests import Decision
from stateward.kernel.clock import now
from stateward.kernel.errors import NotFound, StatewardError
from stateward.kernel.flow import Flow, Statement
from stateward.state.configuration import MAX_AGE_SECONDS
from stateward.state.entries import meet_keys, open_data, parse_labels
from stateward.state.exceptions import Contended
from stateward.state.judging import record_denial
from stateward.state.queries import Reader, open_reader
from stateward.state.services.changes import Conditions, Delete, Restore
from stateward.state.services.transactions import Operation, transact
from stateward.state.statements import REVISION, Revision
from stateward.state.values import decode
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.scope import run_flow

MOST = 1_000  # entries of one call; the next call goes on
TOGETHER = 100  # entries of one transaction of state
RETRIED = {"40001", "40P01"}
OPERATION = "/operations/"


class Asked(NamedTuple):
    """One item that is to be rolled back. ``if_version``: the entry's present version, named by
    one who saw that somebody else wrote it.
    """

    id: UUID
    if_version: int | None = None


class Refused(NamedTuple):
    """Why one item stays as it is."""

    item: Item
    code: str
    detail: str


@dataclass(slots=True)
class Done:
    """What a call decided. ``more``: undecided items that fit and that the next call would take."""

    items: list[Item] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    more: bool = False


def keep_writes(
    actor: Actor,
    call: Call,
    found: Quarantine,
    decision: Decision,
    ids: Sequence[UUID] | None,
) -> Done:
    """Leave these entries as they are (None: all that are undecided), and say so on record."""
    done = Done()
    done.items, done.more = _chosen(actor, call, found, ids, standing=None)
    _decide(actor, found, Verdict.Kind.KEPT, [(item, None) for item in done.items])
    _record(call, decision, found, "quarantine.kept", done)
    return done


def roll_back_writes(
    actor: Actor,
    call: Call,
    found: Quarantine,
    decision: Decision,
    asked: Sequence[Asked] | None,
    *,
    dry_run: bool = False,
) -> Done:
    """Bring back what was before the agent's writes: of these entries, or (None) of all that nobody
    else wrote since. A dry run says which, and writes nothing.
    """
    done, ids = Done(), None if asked is None else [one.id for one in asked]
    standing = "clean" if asked is None else None
    items, done.more = _chosen(actor, call, found, ids, standing=standing)
    named = {one.id: one.if_version for one in asked or ()}
    fit: list[Item] = []
    for item in items:
        refused = _unfit(item, named.get(item.id))
        (done.refused if refused else fit).append(refused or item)  # type: ignore[arg-type]
    if dry_run:
        done.items = fit
        return done
    note = f"Quarantine of {found.agent_name}: what was before it wrote."
    readers = _Readers(actor, call, note)
    for part in _parts(fit):
        versions = _write(readers, part, named, done)
        _decide(actor, found, Verdict.Kind.ROLLED_BACK, versions)
        done.items += [item for item, _ in versions]
    _record(call, decision, found, "quarantine.rolled_back", done)
    return done


def keep_rest(actor: Actor, found: Quarantine) -> None:
    """As a quarantine ends: whatever has no verdict is kept."""
    while rest := [one for one in _undecided(found) if one.standing in OPEN]:
        _decide(actor, found, Verdict.Kind.KEPT, [(item, None) for item in rest])


def _undecided(found: Quarantine) -> Iterator[Item]:
    for standing in sorted(OPEN):
        yield from run_flow(items_of(found, standing=standing, limit=MOST))


def _chosen(
    actor: Actor,
    call: Call,
    found: Quarantine,
    ids: Sequence[UUID] | None,
    *,
    standing: str | None,
) -> tuple[list[Item], bool]:
    """The undecided items asked for, of entries that the caller may know of. NotFound where one
    that is named is none of those.
    """
    if ids is not None:
        rows = run_flow(items_of(found, ids=ids, limit=MOST))
    elif standing is not None:
        rows = run_flow(items_of(found, standing=standing, limit=MOST + 1))
    else:
        rows = list(_undecided(found))
    readers: dict[str, Reader] = {}
    known = [one for one in rows if run_flow(may_know(actor, call, one, readers))]
    if ids is not None and len(known) != len(set(ids)):
        raise NotFound
    return [one for one in known if one.standing in OPEN][:MOST], len(rows) > MOST


def _unfit(item: Item, if_version: int | None) -> Refused | None:
    match item.standing:
        case "lost":
            return Refused(item, NotRolledBack.code, "What was before is no longer kept.")
        case "leased":
            return Refused(item, "locked", f"{item.leased_by} has a lease on it.")
        case "changed_since" if if_version != item.now:
            who = item.updated_by or "Somebody else"
            says = f"{who} wrote version {item.now} since; name it to write over it."
            return Refused(item, "changed_since", says)
    return None


def _parts(items: Sequence[Item]) -> Iterator[list[Item]]:
    for begin in range(0, len(items), TOGETHER):
        yield list(items[begin : begin + TOGETHER])


@dataclass(slots=True)
class _Readers:
    """The ground on which values are brought back, for each namespace once."""

    actor: Actor
    call: Call
    note: str
    by_name: dict[str, Reader] = field(default_factory=dict)

    def operation(self, item: Item) -> Flow[Operation | None]:
        """The write that brings back what was; None where it is so already."""
        assert item.namespace is not None  # noqa: S101  # of what is gone nobody may know
        reader = self.by_name.get(item.namespace)
        if reader is None:
            reader = yield from open_reader(self.actor, self.call, item.namespace, MAX_AGE_SECONDS)
            self.by_name[item.namespace] = reader
        absent = not item.is_alive
        conditions = Conditions(None if absent else item.now, if_none=absent)
        if item.before is None:
            if absent:
                return None
            return Operation(item.namespace, item.key, Delete(self.note), conditions)
        place = (reader.configuration.tenant_id, reader.rules.id, item.key, item.before)
        rows = yield Statement(REVISION, place)
        revision = Revision(*rows[0])
        if revision.value is None:
            raise NotRolledBack("What was before is no longer kept.")
        keys = reader.configuration.keys
        yield from meet_keys(keys, reader.rules, (revision,))
        data = open_data(keys, reader.rules, item.key, revision.id, revision.value)
        ends = revision.expires_at
        change = Restore(
            decode(data),
            ttl_seconds=None if ends is None else max((ends - now()).total_seconds(), 1e-6),
            labels=dict(parse_labels(revision.labels)) or None,
            note=self.note,
            in_any_mode=True,
        )
        return Operation(item.namespace, item.key, change, conditions)


def _write(
    readers: _Readers, part: Sequence[Item], named: Mapping[UUID, int | None], done: Done
) -> list[tuple[Item, int | None]]:
    """One transaction of state for all of ``part`` that is not refused; with each item the version
    that it is at now.
    """
    versions: list[tuple[Item, int | None]] = []
    waiting: list[tuple[Item, Operation]] = []
    for item in part:
        try:
            operation = run_flow(readers.operation(item))
        except StatewardError as error:
            done.refused.append(Refused(item, error.code, error.detail))
            continue
        if operation is None:
            versions.append((item, None))
        else:
            waiting.append((item, operation))
    while waiting:
        try:
            written = _together(readers, [operation for _, operation in waiting])
        except StatewardError as error:
            item, _ = waiting.pop(_place_of(error))
            run_flow(record_denial(readers.actor, readers.call, error))
            done.refused.append(Refused(item, error.code, error.detail))
        else:
            return [*versions, *zip((item for item, _ in waiting), written, strict=True)]
    return versions


def _together(readers: _Readers, operations: Sequence[Operation]) -> list[int | None]:
    for _ in range(10):
        try:
            with transaction.atomic():
                told = run_flow(transact(readers.actor, readers.call, operations))
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", None) not in RETRIED:
                raise
        else:
            return [one.version for one in told.results]
    raise Contended


def _place_of(error: StatewardError) -> int:
    """Which operation it was that was refused; the error again where it was none of them."""
    for fault in error.errors:
        if fault.pointer.startswith(OPERATION):
            return int(fault.pointer.removeprefix(OPERATION).split("/")[0])
    raise error


def _decide(
    actor: Actor,
    found: Quarantine,
    verdict: Verdict.Kind,
    decided: Sequence[tuple[Item, int | None]],
) -> None:
    Verdict.objects.bulk_create(
        [
            Verdict(
                tenant_id=found.tenant_id,
                quarantine=found,
                record_id=item.id,
                verdict=verdict,
                version=version,
                by=actor.name[:254],
            )
            for item, version in decided
        ]
    )


def _record(call: Call, decision: Decision, found: Quarantine, event: str, done: Done) -> None:
    details = {
        "event": event, "quarantine": str(found.id), "entries": len(done.items),
        "refused": len(done.refused),
    }  # fmt: skip
    record(call, decision, "agent.manage", ("agent", str(found.agent_id)), details)

"""Branches: a namespace that begins as another was at a moment, and is merged back.

A branch is a namespace like any other, with the parent's settings, and a base: the cut of the
parent that it began at. Its entries are copies, so everything works on it, its parent can be
deleted, and its history is its own; docs/decisions/branches-are-copies.md says what that costs.
Merging compares three sides, key by key: the base, the parent now, the branch now. What only the
branch changed is written into the parent; what both changed is merged place by place
(``merging.py``), and where they changed the same place it is a conflict: told of, never guessed.
After a merge the branch as it was merged is the new base.

Synchronous, inside ``tenant_scope``, like namespaces.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Any, Literal, NamedTuple
from uuid import UUID

from django.db import OperationalError, transaction

from stateward.kernel.errors import Forbidden, NotFound, PreconditionFailed
from stateward.kernel.flow import Flow, Row, Statement
from stateward.state.cuts import Cut, cut_now
from stateward.state.entries import meet_keys, open_data, parse_labels
from stateward.state.exceptions import BranchConflicts, Contended, NotABranch
from stateward.state.masks import load_masks, put_masks
from stateward.state.merging import ABSENT, merge
from stateward.state.past import (
    Differing,
    Pair,
    Place,
    Side,
    differing,
    pairs,
    readable,
    revisions_at,
)
from stateward.state.queries import Reader, open_reader
from stateward.state.sameness import same
from stateward.state.services.changes import Conditions, Delete, Restore
from stateward.state.services.checkpoints import find_checkpoint
from stateward.state.services.entries import ATTEMPTS
from stateward.state.services.namespaces import create_namespace, find_namespace
from stateward.state.services.restoring import (
    MAX_BYTES,
    MAX_ENTRIES,
    RETRIED,
    record_whole,
    restored,
)
from stateward.state.services.transactions import Operation, transact
from stateward.state.statements import Revision
from stateward.state.values import decode
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.scope import run_flow

MAX_CONFLICTS = 1000
TAKEN_OVER = (
    "scope", "concurrency", "reducer", "crdt", "schema", "classification", "labels",
    "default_ttl_seconds",
)  # fmt: skip
Preferred = Literal["branch", "parent"] | None

INSERT = """
INSERT INTO stateward_namespace_branch
    (tenant_id, namespace_id, parent_id, checkpoint_id, snapshot, restores, at, base_id)
VALUES (%s, %s, %s, %s, %s::pg_snapshot, %s, %s, %s)
"""
_COLUMNS = """
n.name, p.name, p.id, b.base_id, b.snapshot::text, b.restores, b.at, b.checkpoint_id, n.created_at
FROM stateward_namespace_branch b
JOIN stateward_namespace n
  ON n.tenant_id = b.tenant_id AND n.id = b.namespace_id AND n.deleted_at IS NULL
JOIN stateward_namespace p
  ON p.tenant_id = b.tenant_id AND p.id = b.parent_id AND p.deleted_at IS NULL
"""
ONE = f"SELECT {_COLUMNS} WHERE b.tenant_id = %s AND b.namespace_id = %s"
OF_PARENT = f"SELECT {_COLUMNS} WHERE b.tenant_id = %s AND b.parent_id = %s ORDER BY n.name"
REBASE = """
UPDATE stateward_namespace_branch
SET base_id = %s, snapshot = %s::pg_snapshot, restores = 0, at = %s
WHERE tenant_id = %s AND namespace_id = %s
"""
EACH = "Each entry was decided on its own."


class Branch(NamedTuple):
    """A branch and what it is of."""

    name: str
    parent: str
    parent_id: UUID
    base: Side
    checkpoint: UUID | None
    created_at: datetime


class Copied(NamedTuple):
    """How far a branch is filled. ``lost``: entries whose value is no longer kept."""

    branch: Branch
    entries: int
    lost: list[str]
    next_after: str | None


class MergedEntry(NamedTuple):
    """One entry that a merge changed in the parent, or would change."""

    key: str
    change: str  # created, changed, deleted
    version: int | None
    is_both: bool  # both sides had changed it, at different places


class MergeClash(NamedTuple):
    """Where branch and parent changed the same places of an entry: RFC 6901 pointers."""

    key: str
    pointers: tuple[str, ...]


class MergedBranch(NamedTuple):
    """What a merge did, or would do."""

    items: list[MergedEntry]
    conflicts: list[MergeClash]
    next_after: str | None


def make_branch(
    actor: Actor, call: Call, parent: str, name: str, *, checkpoint: UUID | None = None
) -> Copied:
    """A namespace ``name`` that begins as ``parent`` is now, or was at one of its checkpoints.

    Needs ``namespace.create``, and the right to read every entry it takes over. Up to 5,000 entries
    are there at once; ``fill_branch`` brings the rest.
    """
    of = find_namespace(actor, call, parent)
    cut = run_flow(cut_now())
    if checkpoint is not None:
        cut = find_checkpoint(actor, call, parent, checkpoint).cut
    fields = {each: getattr(of, each) for each in TAKEN_OVER if hasattr(of, each)}
    made = create_namespace(actor, call, name, fields)
    masks = run_flow(load_masks(actor.tenant_id)).get(of.id, ())
    run_flow(put_masks(actor.tenant_id, made.id, masks))  # under the epoch that it was made under
    place = (cut.snapshot, cut.restores, cut.when, of.id)
    run_flow(_run(INSERT, actor.tenant_id, made.id, of.id, checkpoint, *place))
    return fill_branch(actor, call, name)


def fill_branch(actor: Actor, call: Call, name: str, *, after: str = "") -> Copied:
    """Copy what the branch does not have of its base yet, from the key ``after`` on."""
    target = run_flow(_reader(actor, call, name))
    branch = find_branch(actor, call, name)
    source = run_flow(_reader(actor, call, branch.parent))
    rows, lost, following = run_flow(_missing(source, target, branch.base, after))
    if rows:
        run_flow(transact(actor, call, run_flow(_copies(source, target, rows, branch.base))))
    record_whole(
        actor, call, target.rules, "branch.filled", EACH, parent=branch.parent, entries=len(rows)
    )
    return Copied(branch, len(rows), lost, following)


def find_branch(actor: Actor, call: Call, name: str) -> Branch:
    """The branch, if it is one and the caller may know of its parent too. 404 else."""
    reader = run_flow(_reader(actor, call, name))
    rows = run_flow(_run(ONE, actor.tenant_id, reader.rules.id))
    if not rows:
        raise NotABranch
    branch = _branch(rows[0])
    run_flow(_reader(actor, call, branch.parent))
    return branch


def branches_of(actor: Actor, call: Call, parent: str) -> list[Branch]:
    """The namespace's branches by name, those the caller may know of."""
    reader = run_flow(_reader(actor, call, parent))
    found = []
    for row in run_flow(_run(OF_PARENT, actor.tenant_id, reader.rules.id)):
        with suppress(NotFound):
            run_flow(_reader(actor, call, row[0]))
            found.append(_branch(row))
    return found


def merge_branch(
    actor: Actor, call: Call, name: str, *, prefer: Preferred = None, after: str = "",
    dry_run: bool = False,
) -> MergedBranch:  # fmt: skip
    """Write into the parent what the branch changed, in one transaction of up to 5,000 entries.

    BranchConflicts (409) with every conflict where both changed the same place, unless ``prefer``
    says whose entry is taken there. Raises what a write of an entry is refused with.
    """
    for _ in range(ATTEMPTS):
        with suppress(PreconditionFailed):  # somebody wrote into the parent: look again
            try:
                with transaction.atomic():
                    return _merge(actor, call, name, prefer=prefer, after=after, dry_run=dry_run)
            except OperationalError as error:
                if getattr(error.__cause__, "sqlstate", None) not in RETRIED:
                    raise
    raise Contended


def _merge(
    actor: Actor, call: Call, name: str, *, prefer: Preferred, after: str, dry_run: bool
) -> MergedBranch:
    branch = find_branch(actor, call, name)
    ours = run_flow(_reader(actor, call, name))
    theirs = run_flow(_reader(actor, call, branch.parent))
    now = run_flow(cut_now())
    sides = run_flow(_three_sides(ours, theirs, branch.base, now, after))
    met = [side for row in sides.rows for pair in row[:2] for side in (pair.before, pair.after)]
    for reader in (ours, theirs):
        run_flow(meet_keys(reader.configuration.keys, reader.rules, met))
    steps, conflicts = _steps(ours, theirs, branch.base, sides.rows, prefer)
    told = [MergedEntry(step.key, step.change, None, step.is_both) for step in steps]
    if dry_run:
        return MergedBranch(told, conflicts, sides.next_after)
    if conflicts:
        raise BranchConflicts(
            conflicts=[
                {"key": clash.key, "pointers": list(clash.pointers)}
                for clash in conflicts[:MAX_CONFLICTS]
            ]
        )
    if steps:
        done = run_flow(transact(actor, call, [step.operation for step in steps]))
        told = [
            one._replace(version=result.version)
            for one, result in zip(told, done.results, strict=True)
        ]
    if sides.next_after is None:
        place = (ours.rules.id, now.snapshot, now.when)
        run_flow(_run(REBASE, *place, actor.tenant_id, ours.rules.id))
    record_whole(actor, call, theirs.rules, "branch.merged", EACH, branch=name, entries=len(steps))
    return MergedBranch(told, [], sides.next_after)


class _Three(NamedTuple):
    """One key: what the branch made of the base, and what the parent is."""

    ours: Pair  # base and branch
    theirs: Pair  # base and parent


class _Sides(NamedTuple):
    rows: list[_Three]
    next_after: str | None


class _Step(NamedTuple):
    """One write into the parent."""

    key: str
    change: str
    is_both: bool
    operation: Operation


def _three_sides(ours: Reader, theirs: Reader, base: Side, now: Cut, after: str) -> Flow[_Sides]:
    tenant_id = ours.configuration.tenant_id
    mine, their = Side(ours.rules.id, now), Side(theirs.rules.id, now)
    rows = yield from differing(tenant_id, base, mine, after=after, limit=MAX_ENTRIES + 1)
    rows, following = _cut_off(rows)
    keys = [row.key for row in rows]
    other = yield from differing(tenant_id, base, their, keys=keys, limit=len(keys) or 1)
    by_key = {pair.row.key: pair for pair in (yield from pairs(tenant_id, other, (base, their)))}
    changed = yield from pairs(tenant_id, rows, (base, mine))
    three = [_Three(pair, by_key[pair.row.key]) for pair in changed]
    filled = yield from _filled(tenant_id, three, (base, mine, their))
    for one in filled:
        _require_readable(ours, one.ours)
        _require_readable(theirs, one.theirs)
    return _Sides(filled, following)


def _cut_off(rows: list[Differing]) -> tuple[list[Differing], str | None]:
    """As many as one transaction takes, and the key to go on after."""
    room = MAX_BYTES
    for many, row in enumerate(rows):
        room -= row.size_bytes or 0
        if many == MAX_ENTRIES or (room < 0 and many):
            return rows[:many], rows[many - 1].key
    return rows, None


def _filled(
    tenant_id: UUID, three: list[_Three], sides: tuple[Side, Side, Side]
) -> Flow[list[_Three]]:
    """With the values of all sides."""
    places: list[Place] = []
    for i, one in enumerate(three):
        base, mine, their = (side.namespace_id for side in sides)
        places.append(one.ours.row.place_before(3 * i, base))
        places.append(one.ours.row.place(3 * i + 1, mine))
        places.append(one.theirs.row.place(3 * i + 2, their))
    found = yield from revisions_at(tenant_id, places, with_values=True)
    return [
        _Three(
            one.ours._replace(before=found.get(3 * i), after=found.get(3 * i + 1)),
            one.theirs._replace(before=found.get(3 * i), after=found.get(3 * i + 2)),
        )
        for i, one in enumerate(three)
    ]


def _require_readable(reader: Reader, pair: Pair) -> None:
    labels = pair.after.labels if pair.after is not None else None
    if readable(reader, "state.read_value", pair.row.key, pair.row.labels_now, labels) is None:
        raise Forbidden("You may not read everything that this would take over.")
    if reader.masks(pair.row.key, parse_labels(pair.row.labels_now), parse_labels(labels)):
        raise Forbidden("Parts of what this would take over are masked for you.")


def _steps(
    ours: Reader, theirs: Reader, base: Side, three: list[_Three], prefer: Preferred
) -> tuple[list[_Step], list[MergeClash]]:
    steps: list[_Step] = []
    conflicts: list[MergeClash] = []
    base_reader = ours if base.namespace_id == ours.rules.id else theirs
    for one in three:
        key = one.ours.row.key
        was = _value(base_reader, key, one.ours.before, lives=one.ours.row.before_lives)
        mine = _value(ours, key, one.ours.after, lives=one.ours.row.lives)
        their = _value(theirs, key, one.theirs.after, lives=one.theirs.row.lives)
        is_both = not _same(was, their)
        merged = merge(was, their, mine)
        value = merged.value
        if merged.conflicts and prefer is None:
            conflicts.append(MergeClash(key, merged.conflicts))
            continue
        if merged.conflicts:
            value = mine if prefer == "branch" else their
        if _same(value, their) and (value is ABSENT or _labels(one) == _their_labels(one)):
            continue
        steps.append(_step(theirs, one, value, is_both=is_both))
    return steps, conflicts


def _step(theirs: Reader, one: _Three, value: Any, *, is_both: bool) -> _Step:
    row = one.theirs.row
    conditions = Conditions(row.version if row.lives else None, not row.lives)
    if value is ABSENT:
        operation = Operation(theirs.rules.name, row.key, Delete(), conditions)
        return _Step(row.key, "deleted", is_both, operation)
    put = Restore(value, labels=_labels(one) or None, in_any_mode=True)
    operation = Operation(theirs.rules.name, row.key, put, conditions)
    return _Step(row.key, "changed" if row.lives else "created", is_both, operation)


def _labels(one: _Three) -> dict[str, Any]:
    """The branch's, unless only the parent changed them."""
    mine = parse_labels(one.ours.after.labels if one.ours.after else None)
    was = parse_labels(one.ours.before.labels if one.ours.before else None)
    return _their_labels(one) if mine == was else dict(mine)


def _their_labels(one: _Three) -> dict[str, Any]:
    return dict(parse_labels(one.theirs.after.labels if one.theirs.after else None))


def _same(one: Any, other: Any) -> bool:
    if one is ABSENT or other is ABSENT:
        return one is other
    return same(one, other)


def _value(reader: Reader, key: str, revision: Revision | None, *, lives: bool) -> Any:
    if not lives or revision is None or revision.value is None:
        return ABSENT
    keys = reader.configuration.keys
    return decode(open_data(keys, reader.rules, key, revision.id, revision.value))


def _missing(
    source: Reader, target: Reader, base: Side, after: str
) -> Flow[tuple[list[Differing], list[str], str | None]]:
    """What of the base the branch has not, and never had: filling again changes nothing."""
    now = yield from cut_now()
    tenant_id = source.configuration.tenant_id
    rows = yield from differing(
        tenant_id, Side(target.rules.id, now), base,
        walked=base.namespace_id, after=after, limit=MAX_ENTRIES + 1,
    )  # fmt: skip
    rows, following = _cut_off(rows)
    fresh = [row for row in rows if row.lives and row.before_version is None]
    lost = [row.key for row in fresh if not row.is_kept]
    return [row for row in fresh if row.is_kept], lost, following


def _copies(
    source: Reader, target: Reader, rows: list[Differing], base: Side
) -> Flow[list[Operation]]:
    places = [row.place(i, base.namespace_id) for i, row in enumerate(rows)]
    found = yield from revisions_at(source.configuration.tenant_id, places, with_values=True)
    yield from meet_keys(source.configuration.keys, source.rules, found.values())
    operations = []
    for i, row in enumerate(rows):
        _require_readable(source, Pair(row, None, found[i]))
        change = restored(source, source.rules, row.key, found[i], base.cut)
        absent = Conditions(None, if_none=True)
        operations.append(Operation(target.rules.name, row.key, change, absent))
    return operations


def _reader(actor: Actor, call: Call, name: str) -> Flow[Reader]:
    reader = yield from open_reader(actor, call, name, 0)
    yield from reader.judge.require("namespace.read", reader.rules, reader.rules.resource())
    return reader


def _run(sql: str, *parameters: object) -> Flow[list[Row]]:
    return (yield Statement(sql, parameters))


def _branch(row: Row) -> Branch:
    name, parent, parent_id, base_id, snapshot, restores, at, checkpoint, created_at = row
    base = Side(base_id, Cut(snapshot, None, at, restores))
    return Branch(name, parent, parent_id, base, checkpoint, created_at)

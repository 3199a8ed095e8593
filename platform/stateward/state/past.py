"""Reads of a whole namespace's past: its entries at a cut, and what differs between two cuts.

Like every read these answer only what single reads would: what a caller may not read now, or might
not have read then, is left out without a word.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from stateward.gate.policy.requests import Decision
from stateward.kernel.errors import Fault
from stateward.kernel.flow import Flow, Row, Statement
from stateward.state.configuration import MAX_AGE_SECONDS, NamespaceRules
from stateward.state.cuts import Cut, settle_moment
from stateward.state.entries import (
    NO_LABELS,
    Entry,
    entry_at,
    meet_keys,
    open_data,
    parse_labels,
)
from stateward.state.exceptions import NoSuchEntry, SchemaViolation
from stateward.state.masking import masked_for, masked_value
from stateward.state.patches import difference
from stateward.state.queries import Reader, after_prefix, get_entry, get_entry_at, open_reader
from stateward.state.schemas import check_value
from stateward.state.statements import REVISION_COLUMNS, Revision
from stateward.state.values import decode
from stateward.tenancy.actors import Actor, Call

_WITHOUT_VALUE = REVISION_COLUMNS.replace("value, id", "NULL::bytea, id")
_CUT = """
SELECT c.key, c.labels_now, c.is_kept, r.* FROM stateward_cut(
    %(tenant)s, %(namespace)s, %(after)s, %(prefix)s, %(until)s, %(labels)s::jsonb,
    %(restores)s, %(snapshot)s::pg_snapshot, %(at)s, %(when)s, %(limit)s) c
LEFT JOIN LATERAL (
    SELECT {columns} FROM stateward_revision
    WHERE tenant_id = %(tenant)s AND at = c.at AND id = c.id AND namespace_id = %(namespace)s
      AND key = c.key COLLATE "C" AND version = c.version OFFSET 0) r ON true
ORDER BY c.key COLLATE "C"
"""
CUT = _CUT.format(columns=REVISION_COLUMNS)
CUT_WITHOUT_VALUES = _CUT.format(columns=_WITHOUT_VALUE)
DIFFER = """
SELECT * FROM stateward_cuts_differ(
    %(tenant)s, %(walked)s, %(after)s, %(prefix)s, %(until)s,
    %(before)s, %(b_restores)s, %(b_snapshot)s::pg_snapshot, %(b_until)s, %(b_when)s,
    %(there)s, %(a_restores)s, %(a_snapshot)s::pg_snapshot, %(a_until)s, %(a_when)s,
    %(keys)s::text[], %(limit)s)
"""
# Revisions by their places, several at once; ``i`` and which side are the caller's.
_REVISIONS_AT = """
SELECT x.i, r.* FROM json_to_recordset(%s::json)
    AS x (i integer, at timestamptz, id uuid, ns uuid, k text, v bigint)
JOIN LATERAL (SELECT {columns} FROM stateward_revision
    WHERE tenant_id = %s AND at = x.at AND id = x.id AND namespace_id = x.ns
      AND key = x.k COLLATE "C" AND version = x.v OFFSET 0) r ON true
"""
REVISIONS_AT = _REVISIONS_AT.format(columns=REVISION_COLUMNS)
REVISIONS_AT_WITHOUT_VALUES = _REVISIONS_AT.format(columns=_WITHOUT_VALUE)
MAX_PATCHED_BYTES = 8 * 1024 * 1024  # of both values of one page of differences
PAGE = 1000


class PastPage(NamedTuple):
    """Some of what there was. ``lost``: keys of entries that were there and whose revision is no
    longer kept.
    """

    entries: list[Entry]
    lost: list[str]
    next_after: str | None
    cut: Cut


class Side(NamedTuple):
    """One end of a difference: a namespace at a cut."""

    namespace_id: UUID
    cut: Cut


class Differing(NamedTuple):
    """One row of ``stateward_cuts_differ``: a key, and its newest revision in either cut."""

    key: str
    before_version: int | None
    before_at: datetime | None
    before_id: UUID | None
    before_lives: bool
    before_is_kept: bool
    version: int | None
    at: datetime | None
    id: UUID | None
    lives: bool
    is_kept: bool
    size_bytes: int | None
    labels_now: str | None

    @property
    def change(self) -> str:
        if self.before_lives and self.lives:
            return "changed"
        return "created" if self.lives else "deleted"

    def place_before(self, i: int, namespace_id: UUID) -> Place:
        """Of the earlier revision, in the namespace that it is of."""
        version = self.before_version
        return Place(i, self.before_at, self.before_id, namespace_id, self.key, version)

    def place(self, i: int, namespace_id: UUID) -> Place:
        """Of the later one."""
        return Place(i, self.at, self.id, namespace_id, self.key, self.version)


class Difference(NamedTuple):
    """What became of one entry. ``patch`` is None where a value is no longer kept, where the page
    had grown too large for it, or where none was asked for.
    """

    key: str
    change: str  # created, changed, deleted
    before_version: int | None
    version: int | None
    is_kept: bool
    patch: list[dict[str, Any]] | None
    labels: tuple[Mapping[str, Any], Mapping[str, Any]] | None  # where they differ: before, after


class DifferencePage(NamedTuple):
    """Some of the differences between two cuts, by key."""

    items: list[Difference]
    next_after: str | None


def list_entries_at(
    actor: Actor,
    call: Call,
    namespace: str,
    moment: Cut | datetime,
    *,
    prefix: str = "",
    labels: Mapping[str, Any] | None = None,
    after: str = "",
    limit: int = 100,
    with_values: bool = True,
) -> Flow[PastPage]:
    """The entries as they were at a moment, in code point order of their keys."""
    action = "state.read_value" if with_values else "state.read_meta"
    max_age = MAX_AGE_SECONDS
    cut = yield from settle_moment(moment)
    while True:
        reader = yield from open_reader(actor, call, namespace, max_age)
        yield from reader.judge.require("namespace.read", reader.rules, reader.rules.resource())
        walk = _Walk(reader, action, cut, prefix, labels, limit, with_values)
        rows, next_after = yield from walk.page(after)
        if with_values and rows and walk.allowed is not None:
            keys = ",".join(row[0] for row in rows)
            extra = {"operation": "list_past", "entries": len(rows)}
            if not (yield from reader.record(walk.allowed, {"keys": keys}, extra)):
                max_age = 0.0
                continue
        if with_values:
            kept = [Revision(*row[3:]) for row in rows if row[2]]
            yield from meet_keys(reader.configuration.keys, reader.rules, kept)
        return walk.opened(rows, next_after)


@dataclass(slots=True)
class _Walk:
    """One reader's way through a cut."""

    reader: Reader
    action: str
    cut: Cut
    prefix: str
    labels: Mapping[str, Any] | None
    limit: int
    with_values: bool
    allowed: Decision | None = None

    def page(self, after: str) -> Flow[tuple[list[Row], str | None]]:
        kept: list[Row] = []
        while True:
            rows = yield self._statement(after)
            for row in rows:
                decision = readable(self.reader, self.action, row[0], row[1], row[9])
                if decision is None:
                    continue
                if len(kept) == self.limit:
                    return kept, kept[-1][0]
                kept.append(row)
                self.allowed = decision
            if len(rows) <= self.limit:
                return kept, None
            after = rows[-1][0]

    def opened(self, rows: Sequence[Row], next_after: str | None) -> PastPage:
        entries, lost = [], []
        for key, labels_now, is_kept, *columns in rows:
            if not is_kept:
                lost.append(key)
                continue
            revision = Revision(*columns)
            entries.append(self._entry(key, revision, labels_now))
        return PastPage(entries, lost, next_after, self.cut)

    def _entry(self, key: str, revision: Revision, labels_now: str | None) -> Entry:
        rules = self.reader.rules
        if not self.with_values:
            return entry_at(rules, key, revision, b"")._replace(data=None)
        keys = self.reader.configuration.keys
        data = open_data(keys, rules, key, revision.id, revision.value or b"")
        entry = entry_at(rules, key, revision, data)
        return self.reader.shown(entry, entry.labels, parse_labels(labels_now))

    def _statement(self, after: str) -> Statement:
        restores, snapshot, at, when = self.cut.parameters
        parameters = {
            "tenant": self.reader.configuration.tenant_id,
            "namespace": self.reader.rules.id,
            "after": after,
            "prefix": self.prefix,
            "until": after_prefix(self.prefix),
            "labels": json.dumps(self.labels) if self.labels else None,
            "restores": restores,
            "snapshot": snapshot,
            "at": at,
            "when": when,
            "limit": self.limit + 1,
        }
        return Statement(CUT if self.with_values else CUT_WITHOUT_VALUES, parameters)


def readable(
    reader: Reader, action: str, key: str, labels_now: str | None, labels_then: str | None
) -> Decision | None:
    """The decision that lets the caller read an entry of the past: it must hold under its labels as
    they are and as they were. None: it does not.
    """
    decision: Decision | None = None
    now, then = parse_labels(labels_now), parse_labels(labels_then)
    for labels in (now,) if now == then else (now, then):
        decision = _decided(reader, action, key, labels)
        if decision is None:
            return None
    return decision


def _decided(reader: Reader, action: str, key: str, labels: Mapping[str, Any]) -> Decision | None:
    resource = reader.rules.entry(key, labels)
    decision = reader.judge.decide(action, resource)
    if not decision.allowed:
        return None
    if reader.rules.classification == "restricted" and action == "state.read_value":
        decrypt = reader.judge.decide("state.decrypt_restricted", resource)
        return decision if decrypt.allowed else None
    return decision


def differing(
    tenant_id: UUID,
    before: Side,
    there: Side,
    *,
    walked: UUID | None = None,
    after: str = "",
    prefix: str = "",
    keys: Sequence[str] | None = None,
    limit: int = PAGE,
) -> Flow[list[Differing]]:
    """The keys whose entries differ between two sides, by key, at most ``limit``. With ``keys``
    just these, whether they differ or not.
    """
    b_restores, b_snapshot, b_until, b_when = before.cut.parameters
    a_restores, a_snapshot, a_until, a_when = there.cut.parameters
    rows = yield Statement(
        DIFFER,
        {
            "tenant": tenant_id,
            "walked": walked or there.namespace_id,
            "after": after,
            "prefix": prefix,
            "until": after_prefix(prefix),
            "before": before.namespace_id,
            "b_restores": b_restores,
            "b_snapshot": b_snapshot,
            "b_until": b_until,
            "b_when": b_when,
            "there": there.namespace_id,
            "a_restores": a_restores,
            "a_snapshot": a_snapshot,
            "a_until": a_until,
            "a_when": a_when,
            "keys": None if keys is None else list(keys),
            "limit": limit,
        },
    )
    return [Differing(*row) for row in rows]


class Place(NamedTuple):
    """Where a revision lies, by both of its keys: so it is found by whichever index is chosen, also
    while a table seems empty. ``i`` is the asker's.
    """

    i: int
    at: datetime | None  # None: there is none
    id: UUID | None
    namespace_id: UUID
    key: str
    version: int | None


def revisions_at(
    tenant_id: UUID, places: Iterable[Place], *, with_values: bool
) -> Flow[dict[int, Revision]]:
    """The revisions at those places, by their ``i``."""
    names = ("i", "at", "id", "ns", "k", "v")
    asked = [dict(zip(names, place, strict=True)) for place in places if place.at is not None]
    if not asked:
        return {}
    sql = REVISIONS_AT if with_values else REVISIONS_AT_WITHOUT_VALUES
    rows = yield Statement(sql, (orjson.dumps(asked).decode(), tenant_id))
    return {row[0]: Revision(*row[1:]) for row in rows}


def compare_cuts(
    actor: Actor,
    call: Call,
    namespace: str,
    before: Cut,
    there: Cut,
    *,
    prefix: str = "",
    after: str = "",
    limit: int = 100,
    with_patches: bool = True,
) -> Flow[DifferencePage]:
    """What became of a namespace's entries from one cut to another, by key."""
    action = "state.read_value" if with_patches else "state.read_meta"
    max_age = MAX_AGE_SECONDS
    while True:
        reader = yield from open_reader(actor, call, namespace, max_age)
        yield from reader.judge.require("namespace.read", reader.rules, reader.rules.resource())
        sides = Side(reader.rules.id, before), Side(reader.rules.id, there)
        kept, next_after, decision = yield from _readable_differences(
            reader, action, sides, prefix=prefix, after=after, limit=limit
        )
        if with_patches and kept and decision is not None:
            keys = ",".join(pair.row.key for pair in kept)
            extra = {"operation": "diff_cuts", "entries": len(kept)}
            if not (yield from reader.record(decision, {"keys": keys}, extra)):
                max_age = 0.0
                continue
        patched = (
            (yield from with_values(reader.configuration.tenant_id, kept, sides))
            if with_patches
            else ()
        )
        sealed = [one for pair in patched for one in (pair.before, pair.after)]
        yield from meet_keys(reader.configuration.keys, reader.rules, sealed)
        return DifferencePage(compared(reader, kept, patched), next_after)


class Pair(NamedTuple):
    """A differing key with its revisions on both sides."""

    row: Differing
    before: Revision | None
    after: Revision | None


def _readable_differences(
    reader: Reader, action: str, sides: tuple[Side, Side], *, prefix: str, after: str, limit: int
) -> Flow[tuple[list[Pair], str | None, Decision | None]]:
    kept: list[Pair] = []
    allowed: Decision | None = None
    tenant_id = reader.configuration.tenant_id
    while True:
        rows = yield from differing(tenant_id, *sides, after=after, prefix=prefix, limit=limit + 1)
        for pair in (yield from pairs(tenant_id, rows, sides)):
            decision = _pair_decision(reader, action, pair)
            if decision is None:
                continue
            if len(kept) == limit:
                return kept, kept[-1].row.key, allowed
            kept.append(pair)
            allowed = decision
        if len(rows) <= limit:
            return kept, None, allowed
        after = rows[-1].key


def pairs(tenant_id: UUID, rows: Sequence[Differing], sides: tuple[Side, Side]) -> Flow[list[Pair]]:
    """The rows with the revisions they speak of, without their values."""
    found = yield from revisions_at(tenant_id, _places(rows, sides), with_values=False)
    return [Pair(row, found.get(2 * i), found.get(2 * i + 1)) for i, row in enumerate(rows)]


def with_values(
    tenant_id: UUID, kept: Sequence[Pair], sides: tuple[Side, Side]
) -> Flow[list[Pair]]:
    """The first of the pairs, as many as a page has room for, with their values."""
    room, many = MAX_PATCHED_BYTES, 0
    for pair in kept:
        room -= sum(one.size_bytes for one in (pair.before, pair.after) if one is not None)
        if room < 0 and many:
            break
        many += 1
    rows = [pair.row for pair in kept[:many]]
    found = yield from revisions_at(tenant_id, _places(rows, sides), with_values=True)
    return [Pair(row, found.get(2 * i), found.get(2 * i + 1)) for i, row in enumerate(rows)]


def _places(rows: Sequence[Differing], sides: tuple[Side, Side]) -> list[Place]:
    """Both sides of each row: the earlier under an even number, the later under an odd one."""
    before, there = sides
    places = [row.place_before(2 * i, before.namespace_id) for i, row in enumerate(rows)]
    return places + [row.place(2 * i + 1, there.namespace_id) for i, row in enumerate(rows)]


def _pair_decision(reader: Reader, action: str, pair: Pair) -> Decision | None:
    decision: Decision | None = None
    for revision in (pair.before, pair.after):
        labels = revision.labels if revision is not None else None
        decision = readable(reader, action, pair.row.key, pair.row.labels_now, labels)
        if decision is None:
            return None
    return decision


def compared(
    reader: Reader,
    kept: Sequence[Pair],
    patched: Sequence[Pair],
    *,
    before_rules: NamespaceRules | None = None,
) -> list[Difference]:
    """The pairs as differences, those in ``patched`` with a patch. ``before_rules``: of the
    namespace that the earlier side is of, if it is another.
    """
    items = []
    for number, pair in enumerate(kept):
        patch = None
        if number < len(patched) and pair.row.is_kept and pair.row.before_is_kept:
            patch = _patch(reader, before_rules or reader.rules, patched[number])
        items.append(_difference(pair, patch))
    return items


def _patch(reader: Reader, before_rules: NamespaceRules, pair: Pair) -> list[dict[str, Any]]:
    keys, key = reader.configuration.keys, pair.row.key
    values = []
    for lives, revision, of in (
        (pair.row.before_lives, pair.before, before_rules),
        (pair.row.lives, pair.after, reader.rules),
    ):
        value = None
        if lives and revision is not None and revision.value is not None:
            value = decode(open_data(keys, of, key, revision.id, revision.value))
            labels = parse_labels(pair.row.labels_now), parse_labels(revision.labels)
            kinds = masked_for(reader.configuration, reader.judge, of, key, *labels)
            value = masked_value(value, kinds)
        values.append(value)
    return difference(*values)


def _difference(pair: Pair, patch: list[dict[str, Any]] | None) -> Difference:
    row = pair.row
    before = parse_labels(pair.before.labels) if pair.before and row.before_lives else NO_LABELS
    after = parse_labels(pair.after.labels) if pair.after and row.lives else NO_LABELS
    labels = (before, after) if row.change == "changed" and before != after else None
    return Difference(
        row.key,
        row.change,
        row.before_version if row.before_lives else None,
        row.version if row.lives else None,
        row.is_kept and row.before_is_kept,
        patch,
        labels,
    )


class RollBackPreview(NamedTuple):
    """What rolling an entry back would do: from which version, the change of its value, what in the
    old value breaks today's schema, and whether the caller may write it.
    """

    current: int | None
    version: int
    patch: list[dict[str, Any]]
    faults: tuple[Fault, ...]
    is_allowed: bool
    reason: str


def preview_roll_back(
    actor: Actor, call: Call, namespace: str, key: str, version: int
) -> Flow[RollBackPreview]:
    """The roll back as it would be now; needs the right to read both values. 404 if there is no
    such version, 410 if its value is gone.
    """
    old = yield from get_entry_at(actor, call, namespace, key, version=version)
    return (yield from preview_of(actor, call, namespace, key, old))


def preview_of(
    actor: Actor, call: Call, namespace: str, key: str, old: Entry
) -> Flow[RollBackPreview]:
    """The same, of an old value that the caller has read."""
    try:
        current = yield from get_entry(actor, call, namespace, key)
    except NoSuchEntry:
        current = None
    reader = yield from open_reader(actor, call, namespace, 0.0)
    labels = current.labels if isinstance(current, Entry) else NO_LABELS
    decision = reader.judge.decide("state.write", reader.rules.entry(key, labels))
    now = current.value if isinstance(current, Entry) else None
    return RollBackPreview(
        current.version if current is not None else None,
        old.version,
        difference(now, old.value),
        _faults(reader.rules, old.value),
        decision.allowed,
        decision.reason,
    )


def _faults(rules: NamespaceRules, value: Any) -> tuple[Fault, ...]:
    try:
        for validator in rules.validators:
            check_value(validator, value)
    except SchemaViolation as error:
        return error.errors
    return ()

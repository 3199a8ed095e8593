"""Every read of state. Each answers only what the caller may read: the value's own decision covers
its history too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, NamedTuple

from stateward.gate.audit.reads import READS, this_minute
from stateward.gate.audit.record import Draft, recording
from stateward.gate.keys.exceptions import KeyDestroyed
from stateward.gate.policy.requests import Decision
from stateward.kernel.errors import Gone, Malformed
from stateward.kernel.flow import Flow, Statement
from stateward.state.configuration import (
    MAX_AGE_SECONDS,
    NamespaceRules,
    TenantConfiguration,
    load_configuration_for,
    namespace_rules,
)
from stateward.state.entries import (
    NO_LABELS,
    Entry,
    HistoryItem,
    entry_at,
    entry_from,
    history_item,
    meet_keys,
    open_data,
    open_value,
    parse_labels,
)
from stateward.state.exceptions import NoSuchEntry
from stateward.state.frames import frame_of, read_class_of
from stateward.state.judging import Judge, judge_for
from stateward.state.known import lower_entries
from stateward.state.masking import masked_entry, masked_for, masked_value
from stateward.state.naming import check_key
from stateward.state.patches import difference
from stateward.state.statements import (
    LIST,
    REVISION,
    REVISION_AT,
    REVISIONS,
    Found,
    Listed,
    Look,
    Read,
    Record,
    Revision,
)
from stateward.tenancy.actors import Actor, Call

RECORDED = frozenset(
    {"confidential", "restricted"}
)  # each read of these is in the audit before it is answered
NEWEST = 2**62


class Unchanged(NamedTuple):
    """The caller has this version already."""

    version: int


class Page(NamedTuple):
    """Some of a list; ``next_after`` is the key to go on after, None at the end."""

    entries: list[Entry]
    next_after: str | None


class HistoryPage(NamedTuple):
    """Some of a history, newest first; ``next_before`` is the version to go on before, None at the
    end.
    """

    items: list[HistoryItem]
    next_before: int | None


class Diff(NamedTuple):
    """RFC 6902 operations that turn the value of ``before`` into that of ``after``."""

    before: int
    after: int
    patch: list[dict[str, Any]]


class Reader(NamedTuple):
    """One caller in one namespace: the ground every read stands on."""

    actor: Actor
    call: Call
    configuration: TenantConfiguration
    rules: NamespaceRules
    judge: Judge

    @property
    def anywhere(self) -> bool:
        """Whether a standby may answer. What is recorded is read where it is recorded."""
        return self.rules.classification not in RECORDED

    def look(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any]) -> Statement:
        """The statement, of whichever server may answer."""
        return Look(sql, parameters) if self.anywhere else Statement(sql, parameters)

    def require(self, action: str, key: str, labels: Mapping[str, Any]) -> Flow[Decision]:
        """The decision that lets the caller read; a restricted value needs the right to decrypt it
        as well.
        """
        resource = self.rules.entry(key, labels)
        decision = yield from self.judge.require(action, self.rules, resource)
        if self.rules.classification == "restricted" and action == "state.read_value":
            yield from self.judge.require("state.decrypt_restricted", self.rules, resource)
        return decision

    def shown(self, entry: Entry, *labels: Mapping[str, Any]) -> Entry:
        """The entry as this caller sees it: masked where the namespace asks for that."""
        if not self.configuration.masks:
            return entry
        return masked_entry(entry, self.masks(entry.key, *labels))

    def masks(self, key: str, *labels: Mapping[str, Any]) -> frozenset[str]:
        return masked_for(self.configuration, self.judge, self.rules, key, *labels)

    def record(
        self, decision: Decision, personal: Mapping[str, str], extra: Mapping[str, Any]
    ) -> Flow[bool]:
        """Put the read into the audit before it is answered; False when a rule changed meanwhile:
        decide again.
        """
        action = "state.read_value"
        if self.rules.classification not in RECORDED:
            kind = read_class_of(self.configuration, decision, action, self.rules)
            READS.add(kind, this_minute())
            return True
        draft = self.draft(decision, personal, extra)
        epochs = (self.configuration.epochs.epoch, self.configuration.epochs.platform)
        rows = yield from recording(Record(self.configuration.tenant_id, epochs, draft))
        return bool(rows[0][1])

    def draft(
        self, decision: Decision, personal: Mapping[str, str], extra: Mapping[str, Any]
    ) -> Draft:
        """The record of one read of a value."""
        frame = frame_of(self.configuration, decision, "state.read_value", self.rules)
        return frame.fill(self.call, decision_id=decision.id, personal=personal, extra=extra)


def open_reader(actor: Actor, call: Call, namespace: str, max_age: float) -> Flow[Reader]:
    configuration = yield from load_configuration_for(actor, max_age=max_age)
    rules = yield from namespace_rules(configuration, namespace)
    judge = yield from judge_for(configuration, actor, call)
    return Reader(actor, call, configuration, rules, judge)


def get_entry(
    actor: Actor,
    call: Call,
    namespace: str,
    key: str,
    *,
    have: int | None = None,
    known: int | None = None,
) -> Flow[Entry | Unchanged]:
    """The entry as it is, or ``Unchanged`` if the caller has this version. ``known``: the version
    of the schema that the caller knows, if not the one the value is of.
    """
    check_key(key)
    max_age = MAX_AGE_SECONDS
    while True:
        reader = yield from open_reader(actor, call, namespace, max_age)
        rows = yield Read(actor.tenant_id, reader.rules.id, key, have, reader.anywhere)
        found = Found(*rows[0]) if rows else None
        labels = parse_labels(found.labels) if found is not None else NO_LABELS
        decision = yield from reader.require("state.read_value", key, labels)
        if found is None:
            raise NoSuchEntry
        extra = {"operation": "read", "version": found.version}
        if not (yield from reader.record(decision, {"key": key}, extra)):
            max_age = 0.0
            continue
        if found.value is None:
            return Unchanged(found.version)
        yield from meet_keys(reader.configuration.keys, reader.rules, (found,))
        data = open_data(reader.configuration.keys, reader.rules, key, found.write_id, found.value)
        entry = reader.shown(entry_from(reader.rules, key, found, data), labels)
        return (yield from _as_known(reader, known, [entry]))[0]


def get_entry_at(
    actor: Actor,
    call: Call,
    namespace: str,
    key: str,
    *,
    version: int | None = None,
    as_of: datetime | None = None,
    known: int | None = None,
) -> Flow[Entry]:
    """The entry as it was at a version, or at a time (the newest revision with ``at`` ≤ it)."""
    check_key(key)
    max_age = MAX_AGE_SECONDS
    while True:
        reader = yield from open_reader(actor, call, namespace, max_age)
        current = yield from _current_labels(reader, key)
        row = yield from _past(reader, key, version, as_of)
        decision = yield from reader.require("state.read_value", key, current)
        if row is None or (version is None and _is_over(row, as_of)):
            raise NoSuchEntry
        if (then := parse_labels(row.labels)) != current:
            decision = yield from reader.require("state.read_value", key, then)
        extra = {"operation": "read_past", "version": row.version}
        if not (yield from reader.record(decision, {"key": key}, extra)):
            max_age = 0.0
            continue
        if row.value is None:
            if row.operation in {"delete", "expire"}:
                raise NoSuchEntry
            raise Gone("The value of that version has been purged.")
        yield from meet_keys(reader.configuration.keys, reader.rules, (row,))
        data = open_data(reader.configuration.keys, reader.rules, key, row.id, row.value)
        entry = reader.shown(entry_at(reader.rules, key, row, data), current, then)
        return (yield from _as_known(reader, known, [entry]))[0]


def list_entries(
    actor: Actor,
    call: Call,
    namespace: str,
    *,
    prefix: str = "",
    labels: Mapping[str, Any] | None = None,
    after: str = "",
    limit: int = 100,
    with_values: bool = True,
    known: int | None = None,
) -> Flow[Page]:
    """Entries in code point order of their keys: exactly those that single reads would allow."""
    action = "state.read_value" if with_values else "state.read_meta"
    max_age = MAX_AGE_SECONDS
    while True:
        reader = yield from open_reader(actor, call, namespace, max_age)
        yield from reader.judge.require("namespace.read", reader.rules, reader.rules.resource())
        rows, next_after, decision = yield from _readable(
            reader, action, prefix=prefix, labels=labels, after=after, limit=limit
        )
        if with_values and decision is not None:
            keys = ",".join(row.key for row in rows)
            if not (
                yield from reader.record(
                    decision, {"keys": keys}, {"operation": "list", "entries": len(rows)}
                )
            ):
                max_age = 0.0
                continue
        if with_values:
            yield from meet_keys(reader.configuration.keys, reader.rules, rows)
        entries = [_listed(reader, row, with_values) for row in rows]
        return Page((yield from _as_known(reader, known, entries)), next_after)


def _as_known(reader: Reader, known: int | None, entries: list[Entry]) -> Flow[list[Entry]]:
    if known is None:
        return entries
    return (yield from lower_entries(reader.configuration, reader.rules, known, entries))


def _readable(
    reader: Reader,
    action: str,
    *,
    prefix: str,
    labels: Mapping[str, Any] | None,
    after: str,
    limit: int,
) -> Flow[tuple[list[Listed], str | None, Decision | None]]:
    """Up to ``limit`` rows the caller may read. Rows of one set of labels share a decision."""
    kept: list[Listed] = []
    allowed: Decision | None = None
    start = after
    while True:
        rows = yield reader.look(
            LIST,
            {
                "tenant": reader.configuration.tenant_id,
                "namespace": reader.rules.id,
                "after": start,
                "prefix": prefix,
                "until": after_prefix(prefix),
                "labels": json.dumps(labels) if labels else None,
                "limit": limit + 1,
            },
        )
        for row in rows:
            listed = Listed(*row)
            decision = row_decision(reader, action, listed.key, parse_labels(listed.labels))
            if not decision.allowed:
                continue
            if len(kept) == limit:
                return kept, kept[-1].key, allowed
            kept.append(listed)
            allowed = decision
        if len(rows) <= limit:
            return kept, None, allowed
        start = rows[-1][0]


def row_decision(reader: Reader, action: str, key: str, labels: Mapping[str, Any]) -> Decision:
    """Whether the caller may read what is under the key; the decision that denies it, if not."""
    resource = reader.rules.entry(key, labels)
    decision = reader.judge.decide(action, resource)
    is_value = action == "state.read_value"
    if decision.allowed and is_value and reader.rules.classification == "restricted":
        decrypt = reader.judge.decide("state.decrypt_restricted", resource)
        return decision if decrypt.allowed else decrypt
    return decision


def _listed(reader: Reader, row: Listed, with_values: bool) -> Entry:
    data = None
    if with_values:
        with suppress(KeyDestroyed):  # the others of the page are there
            keys = reader.configuration.keys
            data = open_data(keys, reader.rules, row.key, row.write_id, row.value)
    entry = entry_from(reader.rules, row.key, row, data)
    return reader.shown(entry, entry.labels)


def after_prefix(prefix: str) -> str | None:
    """The first text in code point order that does not begin with ``prefix``, if there is one."""
    while prefix:
        last = ord(prefix[-1])
        if last < 0x10FFFF:
            following = 0xE000 if last == 0xD7FF else last + 1
            return prefix[:-1] + chr(following)
        prefix = prefix[:-1]
    return None


def entry_history(
    actor: Actor,
    call: Call,
    namespace: str,
    key: str,
    *,
    before: int = NEWEST,
    limit: int = 100,
) -> Flow[HistoryPage]:
    """The revisions of a key, newest first, without values. A deleted key keeps its history."""
    check_key(key)
    reader = yield from open_reader(actor, call, namespace, MAX_AGE_SECONDS)
    labels = yield from _current_labels(reader, key)
    yield from reader.require("state.read_meta", key, labels)
    rows = yield reader.look(REVISIONS, (actor.tenant_id, reader.rules.id, key, before, limit + 1))
    if not rows and before == NEWEST:
        raise NoSuchEntry
    items = [history_item(Revision(*row)) for row in rows[:limit]]
    return HistoryPage(items, items[-1].version if len(rows) > limit else None)


Moment = int | datetime  # a version, or a time


def entry_diff(
    actor: Actor, call: Call, namespace: str, key: str, *, before: Moment, after: Moment
) -> Flow[Diff]:
    """What changed from one version, or time, to another; version 0, a time before the first one
    and a deletion have no value (``null``).
    """
    check_key(key)
    max_age = MAX_AGE_SECONDS
    while True:
        reader = yield from open_reader(actor, call, namespace, max_age)
        labels = yield from _current_labels(reader, key)
        decision = yield from reader.require("state.read_value", key, labels)
        sides: list[tuple[int, Any]] = []
        for moment in (before, after):
            sides.append((yield from _value_at(reader, key, moment, labels)))
        (first, old), (second, new) = sides
        extra = {"operation": "diff", "from": first, "to": second}
        if (yield from reader.record(decision, {"key": key}, extra)):
            return Diff(first, second, difference(old, new))
        max_age = 0.0


def _value_at(
    reader: Reader, key: str, moment: Moment, labels: Mapping[str, Any]
) -> Flow[tuple[int, Any]]:
    """The version that a moment names, and its value."""
    if moment == 0:
        return 0, None
    as_of = moment if isinstance(moment, datetime) else None
    version = moment if isinstance(moment, int) else None
    row = yield from _past(reader, key, version, as_of)
    if row is None:
        if as_of is not None:
            return 0, None
        raise NoSuchEntry
    if (then := parse_labels(row.labels)) != labels:
        yield from reader.require("state.read_value", key, then)
    if _is_over(row, as_of):
        return row.version, None
    if row.value is None:
        if row.operation in {"delete", "expire"}:
            return row.version, None
        raise Gone("The value of that version has been purged.")
    yield from meet_keys(reader.configuration.keys, reader.rules, (row,))
    value = open_value(reader.configuration.keys, reader.rules, key, row.id, row.value)
    return row.version, masked_value(value, reader.masks(key, labels, then))


def _current_labels(reader: Reader, key: str) -> Flow[Mapping[str, Any]]:
    rows = yield Read(reader.configuration.tenant_id, reader.rules.id, key, NEWEST, reader.anywhere)
    return parse_labels(Found(*rows[0]).labels) if rows else NO_LABELS


def _past(
    reader: Reader, key: str, version: int | None, as_of: datetime | None
) -> Flow[Revision | None]:
    if (version is None) == (as_of is None):
        raise Malformed("Name either a version or a time.")
    place: Sequence[Any] = (reader.configuration.tenant_id, reader.rules.id, key)
    if version is not None:
        rows = yield reader.look(REVISION, (*place, version))
    else:
        rows = yield reader.look(REVISION_AT, (*place, as_of))
    return Revision(*rows[0]) if rows else None


def _is_over(row: Revision, as_of: datetime | None) -> bool:
    """Whether the entry had expired by ``as_of`` though the sweep had not yet said so."""
    return as_of is not None and row.expires_at is not None and row.expires_at <= as_of

"""Many entries, asked for by their keys, as of one moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from stateward.gate.audit.denials import deny
from stateward.gate.audit.reads import count_read
from stateward.gate.audit.record import Draft, recording
from stateward.gate.policy.load import record_snapshots
from stateward.gate.policy.requests import Decision
from stateward.kernel.errors import Fault, StatewardError
from stateward.kernel.flow import Flow
from stateward.state.configuration import (
    MAX_AGE_SECONDS,
    TenantConfiguration,
    load_configuration_for,
    namespace_rules,
)
from stateward.state.entries import (
    NO_LABELS,
    Entry,
    entry_from,
    meet_keys,
    open_data,
    parse_labels,
)
from stateward.state.exceptions import NoSuchNamespace, RepeatedKey
from stateward.state.judging import judge_for
from stateward.state.naming import check_key
from stateward.state.queries import NEWEST, RECORDED, Reader, row_decision
from stateward.state.statements import Found, Read, ReadAll, RecordAll
from stateward.tenancy.actors import Actor, Call

MAX_KEYS = 1000
ACTION = "state.read_value"


class Place(NamedTuple):
    """One key of one namespace."""

    namespace: str
    key: str


def get_entries(
    actor: Actor, call: Call, places: Sequence[Place], *, with_values: bool = True
) -> Flow[list[Entry]]:
    """Those of the entries that are there and may be read, in the order asked for, all as of one
    moment. What may not be read is left out like what is not there; that it was asked for is
    recorded.
    """
    _check_places(places)
    max_age = MAX_AGE_SECONDS
    while True:
        configuration = yield from load_configuration_for(actor, max_age=max_age)
        readers = yield from _readers(actor, call, configuration, places)
        known = [place for place in places if place.namespace in readers]
        rows = yield from _rows(configuration, readers, known, with_values)
        gathered = _Gathered(readers, ACTION if with_values else "state.read_meta")
        for number, place in enumerate(known):
            gathered.look(place, rows.get(number))
        if with_values and not (yield from gathered.record(configuration)):
            max_age = 0.0
            continue
        yield from gathered.deny()
        if with_values:
            for place, row, _ in gathered.found:
                reader = readers[place.namespace]
                yield from meet_keys(configuration.keys, reader.rules, (row,))
        return [
            _entry(readers[place.namespace], place.key, row, with_values)
            for place, row, _ in gathered.found
        ]


def _check_places(places: Sequence[Place]) -> None:
    seen: set[Place] = set()
    for number, place in enumerate(places):
        check_key(place.key, pointer=f"/keys/{number}")
        if place in seen:
            raise RepeatedKey(
                "A key is asked for once.", errors=(Fault(f"/keys/{number}", "asked for before"),)
            )
        seen.add(place)


def _readers(
    actor: Actor, call: Call, configuration: TenantConfiguration, places: Sequence[Place]
) -> Flow[Mapping[str, Reader]]:
    """By name, the namespaces that there are."""
    judge = (yield from judge_for(configuration, actor, call)).sharing()
    readers: dict[str, Reader] = {}
    for name in dict.fromkeys(place.namespace for place in places):
        try:
            rules = yield from namespace_rules(configuration, name)
        except NoSuchNamespace:
            continue
        readers[name] = Reader(actor, call, configuration, rules, judge)
    return readers


def _rows(
    configuration: TenantConfiguration,
    readers: Mapping[str, Reader],
    places: Sequence[Place],
    with_values: bool,
) -> Flow[dict[int, Found]]:
    """The living entries, by their place in ``places``."""
    if not places:
        return {}
    have = None if with_values else NEWEST
    reads = [
        Read(configuration.tenant_id, readers[place.namespace].rules.id, place.key, have)
        for place in places
    ]
    anywhere = all(reader.anywhere for reader in readers.values())
    rows = yield ReadAll(configuration.tenant_id, reads, anywhere)
    return {row[0]: Found(*row) for row in rows}


@dataclass(slots=True)
class _Class:
    """Keys that one verdict is about."""

    reader: Reader
    decision: Decision
    first: str
    count: int = 0


@dataclass(slots=True)
class _Gathered:
    """What was asked for, by what was decided."""

    readers: Mapping[str, Reader]
    action: str
    found: list[tuple[Place, Found, Decision]] = field(default_factory=list)
    allowed: dict[int, _Class] = field(default_factory=dict)
    denied: dict[int, _Class] = field(default_factory=dict)

    def look(self, place: Place, row: Found | None) -> None:
        """Decide about one key. That it was asked for is decided also where it is not there."""
        reader = self.readers[place.namespace]
        labels = parse_labels(row.labels) if row is not None else NO_LABELS
        decision = row_decision(reader, self.action, place.key, labels)
        classes = self.allowed if decision.allowed else self.denied
        group = classes.setdefault(id(decision.verdict), _Class(reader, decision, place.key))
        if not decision.allowed:
            group.count += 1
        elif row is not None:
            group.count += 1
            self.found.append((place, row, decision))

    def record(self, configuration: TenantConfiguration) -> Flow[bool]:
        """Put the reads into the audit, or count them; False when a rule changed meanwhile."""
        for group in self.allowed.values():
            yield from record_snapshots(configuration.tenant_id, group.decision)
        drafts: list[Draft] = [
            self.readers[place.namespace].draft(
                decision, {"key": place.key}, {"operation": "read", "version": row.version}
            )
            for place, row, decision in self.found
            if self.readers[place.namespace].rules.classification in RECORDED
        ]
        if drafts:
            epochs = (configuration.epochs.epoch, configuration.epochs.platform)
            rows = yield from recording(RecordAll(configuration.tenant_id, epochs, drafts))
            if not all(holds for _, holds in rows):
                return False
        for group in self.allowed.values():
            rules = group.reader.rules
            if group.count and rules.classification not in RECORDED:
                count_read(
                    group.reader.actor,
                    group.reader.call,
                    self.action,
                    rules.id,
                    rules.classification,
                    group.decision.facts(),
                    times=group.count,
                )
        return True

    def deny(self) -> Flow[None]:
        """Record what was denied: one record for keys that share a verdict."""
        for group in self.denied.values():
            reader = group.reader
            try:
                resource = reader.rules.entry(group.first, NO_LABELS)
                reader.judge.refuse(self.action, reader.rules, resource, group.decision)
            except StatewardError as error:
                yield from record_snapshots(reader.configuration.tenant_id, group.decision)
                denial = error.denial | {"extra": {"operation": "read", "keys": group.count}}  # type: ignore[attr-defined]  # ``refuse`` leaves it
                yield from deny(actor=reader.actor, call=reader.call, **denial)


def _entry(reader: Reader, key: str, row: Found, with_values: bool) -> Entry:
    data = None
    if with_values:
        keys = reader.configuration.keys
        data = open_data(keys, reader.rules, key, row.write_id, row.value or b"")
    entry = entry_from(reader.rules, key, row, data)
    return reader.shown(entry, entry.labels)

"""What callers see of the state: entries and revisions, opened."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from stateward.gate.keys.exceptions import CannotOpen
from stateward.gate.keys.load import load_keys_of
from stateward.gate.keys.ring import KeyRing
from stateward.kernel.flow import Flow
from stateward.state.configuration import NamespaceRules
from stateward.state.statements import Found, Listed, Revision
from stateward.state.values import decode, parts

FIELD = "value"  # the part of an entry that is sealed; bound into the seal

NO_LABELS: Mapping[str, Any] = {}


class Principal(NamedTuple):
    """Who made a revision, as it is remembered with it."""

    type: str
    id: UUID
    name: str


class Entry(NamedTuple):
    """The current value of a key, or what it was at a version."""

    namespace: str
    key: str
    data: bytes | None  # the value as JSON; None when the caller left values out
    version: int
    created_at: datetime
    updated_at: datetime
    updated_by: Principal
    expires_at: datetime | None
    labels: Mapping[str, Any]
    size_bytes: int
    classification: str
    masked: tuple[str, ...] = ()  # pointers of what is masked for this caller

    @property
    def value(self) -> Any:
        """The value, parsed at each call; answers are made from ``data``."""
        return None if self.data is None else decode(self.data)


@dataclass(frozen=True, slots=True)
class HistoryItem:
    """One revision without its value."""

    version: int
    operation: str
    actor: Principal
    at: datetime
    note: str | None
    size_bytes: int
    value_hash: str | None
    labels: Mapping[str, Any]
    expires_at: datetime | None
    run: str | None


def parse_labels(text: str | None) -> Mapping[str, Any]:
    if text is None or text == "{}":
        return NO_LABELS
    labels: dict[str, Any] = json.loads(text)
    return labels


def meet_keys(keys: KeyRing, rules: NamespaceRules, rows: Iterable[Any]) -> Flow[None]:
    """Look up what keys the values of these rows (entries or revisions, or None) are under that
    this process has not met yet; before they are opened.
    """
    yield from load_keys_of(keys, rules.id, [row.value for row in rows if row is not None])


def open_data(
    keys: KeyRing, rules: NamespaceRules, key: str, write_id: UUID, sealed: bytes
) -> bytes:
    """The value of one write, as the JSON it was sealed as."""
    return parts(open_whole(keys, rules, key, write_id, sealed))[0]


def open_whole(
    keys: KeyRing, rules: NamespaceRules, key: str, write_id: UUID, sealed: bytes
) -> bytes:
    """All that was sealed by one write: see ``values.parts``."""
    try:
        return keys.open(rules.id, key, FIELD, write_id, sealed)
    except CannotOpen as error:
        error.denial = {  # type: ignore[attr-defined]  # for whoever records what was not answered
            "action": "state.read_value",
            "resource_type": "entry",
            "resource_id": str(rules.id),
            "namespace_id": rules.id,
            "classification": rules.classification,
            "outcome": "error",
            "reason": f"{CannotOpen.code}: {error.reason}",
            "personal": {"key": key},
        }
        raise


def open_value(
    keys: KeyRing, rules: NamespaceRules, key: str, write_id: UUID, sealed: bytes
) -> Any:
    """The same, parsed."""
    return decode(open_data(keys, rules, key, write_id, sealed))


def entry_from(rules: NamespaceRules, key: str, row: Found | Listed, data: bytes | None) -> Entry:
    return Entry(
        namespace=rules.name,
        key=key,
        data=data,
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
        updated_by=Principal(row.actor_type, row.actor_id, row.actor_name),
        expires_at=row.expires_at,
        labels=parse_labels(row.labels),
        size_bytes=row.size_bytes,
        classification=rules.classification,
    )


def entry_at(rules: NamespaceRules, key: str, row: Revision, data: bytes) -> Entry:
    """The entry as it was when ``row`` was its newest revision."""
    return Entry(
        namespace=rules.name,
        key=key,
        data=data,
        version=row.version,
        created_at=row.created_at,
        updated_at=row.at,
        updated_by=Principal(row.actor_type, row.actor_id, row.actor_name),
        expires_at=row.expires_at,
        labels=parse_labels(row.labels),
        size_bytes=row.size_bytes,
        classification=rules.classification,
    )


def history_item(row: Revision) -> HistoryItem:
    return HistoryItem(
        version=row.version,
        operation=row.operation,
        actor=Principal(row.actor_type, row.actor_id, row.actor_name),
        at=row.at,
        note=row.note,
        size_bytes=row.size_bytes,
        value_hash=row.value_hash.hex() if row.value_hash is not None else None,
        labels=parse_labels(row.labels),
        expires_at=row.expires_at,
        run=row.run,
    )

"""What the fake server keeps: namespaces, keys with all their revisions, policies, audit
records.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil
from typing import Any
from uuid import uuid4

from agents_bridge._wire import rfc3339
from agents_bridge.testing._problems import Refusal, not_found, precondition_failed

MEMBERS_OF_NAMESPACE: dict[str, Any] = {
    "name": None,
    "scope": "shared",
    "concurrency": "last_write_wins",
    "reducer": None,
    "crdt": None,
    "classification": "internal",
    "schema": None,
    "labels": {},
    "default_ttl_seconds": None,
}


@dataclass(slots=True)
class Stored:
    """One revision of a key: what it was after the change."""

    version: int
    operation: str
    at: datetime
    value: Any
    exists: bool
    created_at: datetime
    labels: dict[str, str] = field(default_factory=dict)
    expires_at: datetime | None = None
    note: str | None = None

    def is_there(self, now: datetime) -> bool:
        return self.exists and (self.expires_at is None or self.expires_at > now)


@dataclass(slots=True)
class Preconditions:
    """What a write demands of the entry it changes."""

    if_match: int | None = None
    only_if_absent: bool = False
    fencing_token: str | None = None


@dataclass(slots=True)
class Held:
    """The newest lease on a key."""

    id: str
    token: int
    until: datetime

    def is_held(self, now: datetime) -> bool:
        return self.until > now


@dataclass(slots=True)
class BranchOf:
    """What a branch is of, and the values that both sides began from."""

    parent: str
    at: datetime
    base: dict[str, Any]


@dataclass(slots=True)
class Space:
    """A namespace and its keys."""

    settings: dict[str, Any]
    keys: dict[str, list[Stored]] = field(default_factory=dict)
    leases: dict[str, Held] = field(default_factory=dict)
    branch: BranchOf | None = None
    quota: dict[str, int] = field(default_factory=dict)
    schemas: list[dict[str, Any]] = field(default_factory=list)
    schema_runs: list[dict[str, Any]] = field(default_factory=list)
    proposals: list[dict[str, Any]] = field(default_factory=list)


Guard = Callable[["Store", Space, str, Any], None]
"""Refuses a value that may not be written under a key."""


class Store:
    """All of it, and the rules for changing it."""

    def __init__(
        self, clock: Callable[[], datetime], actor: dict[str, str], *guards: Guard
    ) -> None:
        self.clock = clock
        self.actor = actor
        self.guards = guards
        self.spaces: dict[str, Space] = {}
        self.policies: dict[str, dict[str, Any]] = {}
        self.records: list[dict[str, Any]] = []
        self.log: list[tuple[str, str, Stored]] = []  # every change, in order

    def space(self, name: str) -> Space:
        try:
            return self.spaces[name]
        except KeyError:
            raise not_found() from None

    def current(self, space: Space, key: str) -> Stored:
        """The newest revision of a key that has a value now."""
        newest = self._newest(space, key)
        if newest is None or not newest.is_there(self.clock()):
            raise not_found()
        return newest

    def revision(
        self, space: Space, key: str, *, version: int | None, as_of: datetime | None
    ) -> Stored:
        """A revision of the past that has a value."""
        found = [
            stored
            for stored in space.keys.get(key, [])
            if (version is None or stored.version == version)
            and (as_of is None or stored.at <= as_of)
        ]
        if not found or not found[-1].exists or not found[-1].is_there(as_of or found[-1].at):
            raise not_found()
        return found[-1]

    def write(
        self,
        name: str,
        key: str,
        operation: str,
        value: Any,
        demands: Preconditions,
        **given: Any,
    ) -> tuple[Stored, bool]:
        """Add a revision; (revision, whether there was none before). ``given``: labels,
        ttl_seconds, note.
        """
        space = self.space(name)
        before = self.check(space, key, demands)
        if operation != "delete":
            for guard in self.guards:
                guard(self, space, key, value)
        now = self.clock()
        kept = self._newest(space, key)
        stored = Stored(
            version=1 + (kept.version if kept else 0),
            operation=operation,
            at=now,
            value=copy.deepcopy(value),
            exists=operation != "delete",
            created_at=before.created_at if before else now,
            labels=dict(before.labels if before else {}),
            expires_at=before.expires_at if before else self._default_expiry(space, now),
            note=given.get("note"),
        )
        if "labels" in given:
            stored.labels = dict(given["labels"] or {})
        if "ttl_seconds" in given:
            seconds = given["ttl_seconds"]
            stored.expires_at = None if seconds is None else now + timedelta(seconds=seconds)
        space.keys.setdefault(key, []).append(stored)
        self.log.append((name, key, stored))
        return stored, before is None

    def check(self, space: Space, key: str, demands: Preconditions) -> Stored | None:
        """The entry as it is; refuses where the demands are not met."""
        newest = self._newest(space, key)
        there = newest if newest is not None and newest.is_there(self.clock()) else None
        version = there.version if there else None
        self._check_lease(space.leases.get(key), demands.fencing_token, version)
        if demands.only_if_absent and there is not None:
            raise precondition_failed(version)
        if demands.if_match is not None and demands.if_match != version:
            raise precondition_failed(version)
        is_versioned = space.settings["concurrency"] == "versioned"
        named = demands.only_if_absent or demands.if_match is not None
        if is_versioned and not named:
            raise Refusal(
                428,
                "precondition_required",
                "This namespace takes changes only under a named version (If-Match).",
                current_version=version,
            )
        return there

    def _check_lease(self, held: Held | None, token: str | None, version: int | None) -> None:
        if token is not None and token != str(held.token if held is not None else 0):
            detail = "That fencing token is not the newest one granted for this key."
            raise Refusal(412, "stale_fencing_token", detail, current_version=version)
        if held is not None and token is None and held.is_held(self.clock()):
            raise self.leased(held)

    def leased(self, held: Held) -> Refusal:
        seconds = max(1, ceil((held.until - self.clock()).total_seconds()))
        return Refusal(
            423, "leased", "Somebody else has the lease on this key.",
            headers={"Retry-After": str(seconds)},
            retry_after_seconds=seconds, holder=self.actor, expires_at=rfc3339(held.until),
        )  # fmt: skip

    def entry(self, name: str, key: str, stored: Stored, *, values: bool = True) -> dict[str, Any]:
        """An entry as the API spells it."""
        text = json.dumps(stored.value, ensure_ascii=False, separators=(",", ":"))
        document = {
            "namespace": name,
            "key": key,
            "value": copy.deepcopy(stored.value),
            "version": stored.version,
            "created_at": rfc3339(stored.created_at),
            "updated_at": rfc3339(stored.at),
            "updated_by": self.actor,
            "expires_at": rfc3339(stored.expires_at) if stored.expires_at else None,
            "labels": dict(stored.labels),
            "size_bytes": len(text.encode()),
            "classification": self.space(name).settings["classification"],
        }
        if not values:
            del document["value"]
        return document

    def record(
        self,
        action: str,
        outcome: str,
        *,
        namespace: str | None = None,
        key: str | None = None,
        version: int | None = None,
    ) -> dict[str, Any]:
        """Add an audit record."""
        place = {"namespace": namespace, "key": key}
        kind = "namespace" if key is None else "entry"
        record = {
            "id": str(uuid4()),
            "at": rfc3339(self.clock()),
            "actor": self.actor,
            "action": action,
            "outcome": outcome,
            "reason": None if outcome == "allow" else outcome,
            "resource": {"type": kind, "id": "/".join(filter(None, place.values())), **place},
            "version": version,
        }
        self.records.append(record)
        return record

    def _newest(self, space: Space, key: str) -> Stored | None:
        revisions = space.keys.get(key)
        return revisions[-1] if revisions else None

    def _default_expiry(self, space: Space, now: datetime) -> datetime | None:
        seconds = space.settings["default_ttl_seconds"]
        return None if seconds is None else now + timedelta(seconds=seconds)

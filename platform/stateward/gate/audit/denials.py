"""Denials: the first is a record at once; identical ones within the minute become ONE more.

A caller that is refused a thousand times a second must not fill the audit, and must not be able to
hide in it either. The first denial is written before the answer. Those that are the same (who,
what, on what, why) are counted for a minute and then written as one record, with their number and
the times of the first and the last.

The counts live in memory and in this process's spool. A process that is killed leaves its spool
behind, and the next flush of any other writes what it held. The record's id is drawn when counting
begins, so nothing is written twice either.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings

from stateward.gate.audit.record import Draft, append, canonical, compose
from stateward.gate.audit.spool import Counted, Spool, abandoned
from stateward.kernel.clock import now, rfc3339
from stateward.kernel.flow import Flow, Statement
from stateward.kernel.ids import uuid7
from stateward.tenancy.actors import Actor, Call

WINDOW_SECONDS = 60.0
MAX_WINDOWS = 10_000  # different denials counted at a time; past it each is its own record


@dataclass(frozen=True, slots=True)
class Denial:
    """What was denied, to whom and why."""

    actor: Actor
    call: Call
    action: str
    resource_type: str
    resource_id: str
    outcome: str
    reason: str
    decision: dict[str, Any] | None
    namespace_id: UUID | None
    classification: str | None
    personal: dict[str, str]
    extra: dict[str, Any]

    def identity(self) -> tuple[Any, ...]:
        """What two identical denials have in common; they may differ in request and decision id."""
        return (
            self.actor.tenant_id,
            self.actor.id,
            self.actor.credential_id,
            self.call.source_address,
            self.action,
            self.resource_type,
            self.resource_id,
            self.outcome,
            self.reason,
            tuple(sorted(self.personal.items())),
        )

    def draft(self, record_id: UUID | None = None, **counted: Any) -> Draft:
        return compose(
            actor=self.actor,
            call=self.call,
            action=self.action,
            resource_type=self.resource_type,
            resource_id=self.resource_id,
            outcome=self.outcome,
            reason=self.reason,
            decision=self.decision,
            namespace_id=self.namespace_id,
            classification=self.classification,
            personal=self.personal,
            extra=self.extra | counted,
            record_id=record_id,
        )


@dataclass(slots=True)
class Window:
    """One minute of one denial, and how often it came again."""

    denial: Denial
    record_id: UUID
    slot: int
    ends_at: float  # by the monotonic clock
    counted: Counted = field(default_factory=lambda: Counted({}))


class Denials:
    """What this process has denied within the minute. Safe to share between threads."""

    def __init__(self, spool: Spool | None = None, window_seconds: float = WINDOW_SECONDS) -> None:
        self.window_seconds = window_seconds
        self._spool = spool
        self._lock = threading.Lock()
        self._windows: dict[tuple[Any, ...], Window] = {}
        self._slots = 0

    @property
    def spool(self) -> Spool:
        if self._spool is None:
            self._spool = Spool(settings.HOME / "spool" / "denials")
        return self._spool

    def repeats(self, denial: Denial) -> bool:
        """Count the denial if an identical one was recorded within the minute; else it is first."""
        with self._lock:
            window = self._windows.get(denial.identity())
            if window is None or (not window.counted.count and window.ends_at <= time.monotonic()):
                self._open(denial)
                return False
            self._count(window)
            return True

    def _open(self, denial: Denial) -> None:
        if len(self._windows) >= MAX_WINDOWS:
            return
        self._slots += 1
        ends_at = time.monotonic() + self.window_seconds
        self._windows[denial.identity()] = Window(denial, uuid7(), self._slots, ends_at)

    def _count(self, window: Window) -> None:
        at = rfc3339(now())
        if not window.counted.count:
            content = {"record_id": str(window.record_id), **as_json(window.denial)}
            window.counted = Counted(content)
            self.spool.begin(window.slot, content)
        self.spool.count(window.slot, at)
        window.counted.add(at)

    def forget(self, denial: Denial) -> None:
        """The first was not written after all: the next one is the first."""
        with self._lock:
            window = self._windows.get(denial.identity())
            if window is not None and not window.counted.count:
                del self._windows[denial.identity()]

    def due(self, everything: bool = False) -> list[Window]:
        """Take out the windows that have ended and hold something to write."""
        moment = time.monotonic()
        with self._lock:
            ended = [
                (identity, window)
                for identity, window in self._windows.items()
                if everything or window.ends_at <= moment
            ]
            for identity, _ in ended:
                del self._windows[identity]
            return [window for _, window in ended if window.counted.count]

    def put_back(self, windows: list[Window]) -> None:
        """They could not be written. What was counted meanwhile has a window of its own."""
        with self._lock:
            for window in windows:
                self._windows[(*window.denial.identity(), window.slot)] = window

    def finish(self, window: Window) -> None:
        with self._lock:
            self.spool.finish(window.slot)
            if not any(other.counted.count for other in self._windows.values()):
                self.spool.clear()


DENIALS = Denials()


def deny(
    *,
    actor: Actor,
    call: Call,
    action: str,
    resource_type: str,
    resource_id: str,
    reason: str,
    outcome: str | None = None,
    decision: Mapping[str, Any] | None = None,
    namespace_id: UUID | None = None,
    classification: str | None = None,
    personal: Mapping[str, str] | None = None,
    extra: Mapping[str, Any] | None = None,
    denials: Denials = DENIALS,
) -> Flow[None]:
    """Record a denial, or count it. ``outcome`` is the decision's unless given.

    Yields nothing when it only counts. Not for a transaction that the refusal rolls back:
    ``services.deny_apart`` is.
    """
    facts = dict(decision) if decision else None
    denial = Denial(
        actor, call, action, resource_type, resource_id,
        outcome or (facts or {}).get("outcome", "deny"), reason, facts,
        namespace_id, classification, dict(personal or {}), dict(extra or {}),
    )  # fmt: skip
    if denials.repeats(denial):
        return
    try:
        yield from append(denial.draft())
    except BaseException:
        denials.forget(denial)
        raise


def flush_denials(denials: Denials = DENIALS, *, everything: bool = False) -> Flow[int]:
    """Write the counts whose minute is over, and what killed processes left; how many records.

    Each record is one statement; outside a transaction each stands for itself. ``everything`` is
    for the end of a process.
    """
    written = 0
    windows = denials.due(everything)
    while windows:
        window = windows[-1]
        try:
            yield from append(summary(window.denial, window.record_id, window.counted))
        except BaseException:
            denials.put_back(windows)
            raise
        denials.finish(windows.pop())
        written += 1
    return written + (yield from recover(denials.spool))


def recover(spool: Spool) -> Flow[int]:
    """Write what the spools of dead processes hold, unless it was written before they died."""
    written = 0
    for path, left in abandoned(spool.folder):
        for counted in left:
            denial, record_id = from_json(counted.content)
            rows = yield Statement(
                "SELECT stateward_audit_has(%s::uuid, %s::uuid)",
                (denial.actor.tenant_id, record_id),
            )
            if not rows[0][0]:
                yield from append(summary(denial, record_id, counted))
                written += 1
        path.unlink()
    return written


def summary(denial: Denial, record_id: UUID, counted: Counted) -> Draft:
    """The one further record."""
    return denial.draft(record_id, count=counted.count, first=counted.first, last=counted.last)


def as_json(denial: Denial) -> dict[str, Any]:
    """A denial for the spool."""
    actor = {
        name: getattr(denial.actor, name)
        for name in ("type", "id", "name", "tenant_id", "tenant_slug", "roles",
                     "auth_method", "credential_id", "mfa")
    }  # fmt: skip
    rest = {
        name: getattr(denial, name)
        for name in ("action", "resource_type", "resource_id", "outcome", "reason", "decision",
                     "namespace_id", "classification", "personal", "extra")
    }  # fmt: skip
    call: dict[str, Any] = asdict(denial.call)
    plain: dict[str, Any] = orjson.loads(canonical({"actor": actor, "call": call, "rest": rest}))
    return plain


def from_json(content: Mapping[str, Any]) -> tuple[Denial, UUID]:
    """A denial from the spool, and the id of the record that is due for it."""
    actor, rest = dict(content["actor"]), dict(content["rest"])
    for name in ("id", "tenant_id", "credential_id"):
        actor[name] = actor[name] and UUID(actor[name])
    rest["namespace_id"] = rest["namespace_id"] and UUID(rest["namespace_id"])
    actor["roles"] = tuple(actor["roles"])
    denial = Denial(actor=Actor(**actor), call=Call(**content["call"]), **rest)
    return denial, UUID(content["record_id"])

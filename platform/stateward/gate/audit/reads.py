"""Reads of public and internal data: counted, not recorded one by one.

A read adds one to a number in this process's memory; now and then the numbers are added to the
database's. The class of a read is all that its decision rests on (who with which attributes, which
action, what kind of resource, which context), so that a dry run can decide it again and weigh the
answer by the count. If the database is gone the numbers wait; nothing is refused for them.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from stateward.gate.audit.record import canonical
from stateward.kernel.clock import now, rfc3339
from stateward.kernel.flow import Flow, Statement
from stateward.tenancy.actors import Actor, Call

COUNT = "SELECT stateward_audit_count_reads(%s::uuid, %s::jsonb)"


class ReadClass(NamedTuple):
    """What two reads have in common that count as one."""

    tenant_id: UUID
    actor_type: str
    actor_id: UUID
    action: str
    namespace_id: UUID | None
    classification: str
    decision: bytes  # its facts but for the id, canonical


class ReadCounts:
    """What this process has counted and not yet added. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[tuple[datetime, ReadClass], int] = defaultdict(int)

    def add(self, kind: ReadClass, minute: datetime, count: int = 1) -> None:
        with self._lock:
            self._counts[minute, kind] += count

    def drain(self) -> dict[tuple[datetime, ReadClass], int]:
        """All of it, taken as added; ``put_back`` what could not be."""
        with self._lock:
            taken, self._counts = dict(self._counts), defaultdict(int)
            return taken

    def put_back(self, counts: Mapping[tuple[datetime, ReadClass], int]) -> None:
        with self._lock:
            for key, count in counts.items():
                self._counts[key] += count


READS = ReadCounts()


def count_read(  # noqa: PLR0917  # in the order of a sentence: who, which call, does what
    actor: Actor,
    call: Call,  # every door of the audit takes the call; a count keeps nothing of it
    action: str,
    namespace_id: UUID | None,
    classification: str,
    decision: Mapping[str, Any],
    *,
    times: int = 1,
    counts: ReadCounts = READS,
) -> None:
    """Count a read, or several, that was allowed by the decision of these facts."""
    counts.add(
        read_class(actor, action, namespace_id, classification, decision), this_minute(), times
    )


def read_class(
    actor: Actor,
    action: str,
    namespace_id: UUID | None,
    classification: str,
    decision: Mapping[str, Any],
) -> ReadClass:
    """The class of reads that a decision of these facts allows."""
    facts = {name: value for name, value in decision.items() if name != "id"}
    return ReadClass(
        actor.tenant_id,
        actor.type,
        actor.id,
        action,
        namespace_id,
        classification,
        canonical(facts),
    )


def this_minute() -> datetime:
    return now().replace(second=0, microsecond=0)


def flush_reads(counts: ReadCounts = READS) -> Flow[int]:
    """Add what was counted to the database, one statement a tenant; how many classes that were."""
    waiting = counts.drain()
    total = len(waiting)
    while waiting:
        tenant_id = next(iter(waiting))[1].tenant_id
        own = {key: count for key, count in waiting.items() if key[1].tenant_id == tenant_id}
        items = [_item(minute, kind, count) for (minute, kind), count in own.items()]
        try:
            yield Statement(COUNT, (tenant_id, canonical(items).decode()))
        except BaseException:
            counts.put_back(waiting)
            raise
        waiting = {key: count for key, count in waiting.items() if key not in own}
    return total


def _item(minute: datetime, kind: ReadClass, count: int) -> dict[str, Any]:
    named = (kind.actor_type, kind.actor_id, kind.action, kind.namespace_id, kind.classification)
    return {
        "minute": rfc3339(minute),
        "class": sha256(canonical(named) + kind.decision).hexdigest(),
        "actor_type": kind.actor_type,
        "actor_id": kind.actor_id,
        "action": kind.action,
        "namespace_id": kind.namespace_id,
        "classification": kind.classification,
        "decision": orjson.Fragment(kind.decision),
        "count": count,
    }

"""Denials: the first is a record at once; identical ones within the minute become ONE further record.

A caller that is refused a thousand times a second must not fill the audit, and must not be able to
hide in it either. The first denial is written before the answer. Those that are the same (who, what,
on what, why) are counted for a minute and then written as one record with their number and the times
of the first and the last.

The counts live in memory, and each also in a *spool*, an append-only file: a process that is killed
leaves it behind, unlocked, and the next flush of any process of this installation writes what it
held. Nothing is dropped; the records' ids are drawn with the first denial, so nothing is written
twice either.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings

from stateward.gate.audit.record import Draft, append, canonical, compose
from stateward.kernel.clock import now, rfc3339
from stateward.kernel.flow import Flow, Statement
from stateward.kernel.ids import uuid7
from stateward.tenancy.actors import Actor, Call

WINDOW_SECONDS = 60.0
MAX_WINDOWS = 10_000  # of different denials at a time; past it they are written without waiting
IS_WRITTEN = """
SELECT stateward_audit_has(%s::uuid, %s::uuid)
"""


@dataclass(frozen=True, slots=True)
class Denial:
    """What was denied, to whom and why; two that are equal but for the request are identical."""

    actor: Actor
    call: Call
    action: str
    resource_type: str
    resource_id: str
    outcome: str
    reason: str
    namespace_id: UUID | None
    classification: str | None
    decision: dict[str, Any] | None
    personal: dict[str, str]

    def identity(self) -> tuple[Any, ...]:
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

    def draft(self, **extra: Any) -> Draft:
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
            extra=extra,
        )


@dataclass(slots=True)
class Window:
    """A minute of one denial: how often it came again after the first."""

    denial: Denial
    record_id: UUID
    slot: int
    ends_at: float  # by this process's monotonic clock
    count: int = 0
    first: str = ""
    last: str = ""

    def draft(self) -> Draft:
        drawn = self.denial.draft(count=self.count, first=self.first, last=self.last)
        return with_id(drawn, self.record_id)


def with_id(draft: Draft, record_id: UUID) -> Draft:
    """The same draft under an id that was drawn before."""
    middle = draft.middle.replace(str(draft.id).encode(), str(record_id).encode(), 1)
    return draft._replace(id=record_id, middle=middle)

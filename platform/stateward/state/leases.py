"""Leases: one holder of a key at a time, told apart by a fencing token that only rises."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from math import ceil
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from stateward.gate.audit.record import Draft
from stateward.kernel.clock import rfc3339
from stateward.kernel.errors import StatewardError
from stateward.state.entries import Principal
from stateward.state.exceptions import Leased, StaleFencingToken
from stateward.state.statements import Written, draft_fields

LEASE = "SELECT * FROM stateward_lease(%s, %s, %s, %s::json, %s)"
REPLAYED = {"Idempotency-Replayed": "true"}


class Lease(NamedTuple):
    """Who has a key to themselves until when. Writes of it carry the token."""

    id: UUID
    namespace: str
    key: str
    fencing_token: int
    expires_at: datetime
    holder: Principal

    @property
    def granted_at(self) -> datetime:
        """As its id says, by the clock of whoever served the request, to the millisecond."""
        return datetime.fromtimestamp((self.id.int >> 80) / 1000, UTC)


class LeaseOrder(NamedTuple):
    """One call of ``stateward_lease``, decided under the two epochs; ``fields`` as
    ``stateward_lease_item`` names them.
    """

    tenant_id: UUID
    epochs: tuple[int, int]
    fields: dict[str, Any]
    draft: Draft

    @property
    def sql(self) -> str:
        return LEASE

    @property
    def parameters(self) -> Sequence[Any]:
        head, middle = self.draft.head, self.draft.middle
        fields = draft_fields(self.draft) | self.fields
        fields |= {"ho": 0, "hl": len(head), "mo": len(head), "ml": len(middle)}
        return (self.tenant_id, *self.epochs, orjson.dumps(fields).decode(), head + middle)


class Told(NamedTuple):
    """The row of ``stateward_lease``."""

    verdict: str
    id: UUID | None
    token: int | None
    until: datetime | None
    holder: str | None  # JSON; None: free, but others wait
    seconds: float | None  # until what is in the way ends
    ahead: int | None  # how many wait before this one
    labels: str | None  # JSON
    status: int | None  # of a repeat


def principal_of(document: Any) -> Principal:
    return Principal(document["type"], UUID(document["id"]), document["name"])


def taken(told: Told, *, is_replay: bool = False) -> Leased:
    """What somebody is told who does not get the lease: who has it, and when to ask again."""
    seconds = max(1, ceil(told.seconds or 0))
    holder = json.loads(told.holder) if told.holder else None
    return Leased(
        None if holder else "Others came earlier and wait for the lease on this key.",
        headers={"Retry-After": str(seconds)} | (REPLAYED if is_replay else {}),
        retry_after_seconds=seconds,
        holder=holder,
        expires_at=rfc3339(told.until) if told.holder and told.until else None,
        waiting=told.ahead or 0,
    )


def lease_refusal(row: Written) -> StatewardError:
    """Why the statement did not write a key that is leased, or was leased anew since; also where it
    was not written the first time, and this is the repeat.
    """
    lease: dict[str, Any] = json.loads(row.lease or "{}")
    replayed = REPLAYED if row.verdict == "replay" else {}
    if lease.get("verdict", row.verdict) == "fenced":
        return StaleFencingToken(current_version=row.version, headers={**replayed})
    seconds = max(1, ceil(lease["seconds"]))
    return Leased(
        headers={"Retry-After": str(seconds), **replayed},
        retry_after_seconds=seconds,
        holder={name: lease[name] for name in ("type", "id", "name")},
        expires_at=rfc3339(datetime.fromisoformat(lease["until"])),
    )

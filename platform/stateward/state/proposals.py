"""Proposals: what they are, what the votes on one come to, and their statement."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, NamedTuple
from uuid import UUID

import orjson

from stateward.gate.audit.record import Draft
from stateward.state.entries import Principal
from stateward.state.statements import Item, Write, Written, compose_call, draft_fields

FIELD = "proposal"  # the part that is sealed; bound into the seal

State = Literal["open", "committed", "rejected", "withdrawn", "expired"]
VoteName = Literal["accept", "reject"]
Place = tuple[str, UUID]  # of a principal: type, id


class Vote(NamedTuple):
    """How a voter voted last."""

    vote: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Proposal:
    """A value somebody wants written, and who decides on it."""

    id: UUID
    namespace: str
    key: str
    state: str
    quorum: int
    voters: tuple[Principal, ...]
    counter: int  # raised by each vote
    value: bytes | None  # sealed; None once it is over
    write_id: UUID
    size_bytes: int
    if_version: int | None
    note: str | None
    proposer: Principal
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    version: int | None  # of the entry, once committed
    votes: Mapping[Place, Vote]
    data: bytes | None = None  # the value as JSON, for those who may read it

    def votes_of(self, vote: VoteName) -> int:
        return sum(one.vote == vote for one in self.votes.values())

    def names(self, place: Place) -> bool:
        return any((voter.type, voter.id) == place for voter in self.voters)

    def with_vote(self, place: Place, vote: VoteName, at: datetime) -> Proposal:
        return replace(self, votes={**self.votes, place: Vote(vote, at)})

    def outcome(self, standing: Collection[Place]) -> State:
        """What the votes come to, accepting ones counted only of those who may still vote.

        Rejections stand all the same: whoever may no longer vote can take nothing back.
        """
        accepted = (place for place, one in self.votes.items() if one.vote == "accept")
        if sum(place in standing for place in accepted) >= self.quorum:
            return "committed"
        if len(self.voters) - self.votes_of("reject") < self.quorum:
            return "rejected"
        return "open"


# Past its time an open proposal is read as expired at once; a sweep writes it down.
_COLUMNS = """p.id, p.key, CASE WHEN p.state = 'open' AND p.expires_at <= clock_timestamp()
    THEN 'expired' ELSE p.state END, p.quorum, p.voters::text, p.votes,
    CASE WHEN p.state = 'open' THEN p.value END, p.write_id, p.size_bytes, p.if_version, p.note,
    p.actor_type, p.actor_id, p.actor_name, p.created_at, p.expires_at, p.ended_at, p.version,
    (SELECT json_agg(json_build_array(v.voter_type, v.voter_id, v.vote,
        v.at))::text
     FROM stateward_vote v WHERE v.tenant_id = p.tenant_id AND v.proposal_id = p.id)"""
FIND = f"""
SELECT {_COLUMNS} FROM stateward_proposal p
WHERE p.tenant_id = %s AND p.namespace_id = %s AND p.id = %s
"""
# Newest first, with the labels of a living entry, by which it is decided who may know of it.
LIST = f"""
SELECT {_COLUMNS}, CASE WHEN e.is_alive THEN e.labels::text END
FROM stateward_proposal p
LEFT JOIN stateward_entry e ON e.tenant_id = p.tenant_id AND e.namespace_id = p.namespace_id
    AND e.key = p.key
WHERE p.tenant_id = %(tenant)s AND p.namespace_id = %(namespace)s AND p.id < %(before)s
  AND (%(state)s::text IS NULL OR %(state)s = CASE WHEN p.state = 'open'
       AND p.expires_at <= clock_timestamp() THEN 'expired' ELSE p.state END)
ORDER BY p.id DESC LIMIT %(limit)s
"""
CALL = "SELECT * FROM stateward_proposal(%s, %s, %s, %s::json, %s::json, %s)"


def proposal_of(namespace: str, row: Sequence[Any]) -> Proposal:
    """One row of ``FIND`` or ``LIST``."""
    voters = tuple(_principal(one) for one in json.loads(row[4]))
    votes = {
        (kind, UUID(voter)): Vote(vote, _moment(at))
        for kind, voter, vote, at in json.loads(row[18] or "[]")
    }
    return Proposal(
        row[0], namespace, row[1], row[2], row[3], voters, row[5],
        bytes(row[6]) if row[6] is not None else None, row[7], row[8], row[9], row[10],
        Principal(*row[11:14]), row[14], row[15], row[16], row[17], votes,
    )  # fmt: skip


class ProposalOrder(NamedTuple):
    """One call of ``stateward_proposal``, decided under the two epochs; ``fields`` as
    ``stateward_proposal_item`` names them. ``item`` is the write that the deciding vote makes.
    """

    tenant_id: UUID
    epochs: tuple[int, int]
    fields: dict[str, Any]
    draft: Draft
    value: bytes = b""  # sealed, of a new proposal
    item: Item | None = None

    @property
    def sql(self) -> str:
        return CALL

    @property
    def parameters(self) -> Sequence[Any]:
        writes, blob = "[]", self.value
        if self.item is not None:
            write = Write(self.tenant_id, self.epochs, self.item)
            *_, writes, blob = compose_call([write], mode="alone")
        head, middle = self.draft.head, self.draft.middle
        fields = draft_fields(self.draft) | self.fields
        fields |= {"vo": 0, "vl": len(self.value)}
        fields |= {"ho": len(blob), "hl": len(head)}
        fields |= {"mo": len(blob) + len(head), "ml": len(middle)}
        text = orjson.dumps(fields).decode()
        return (self.tenant_id, *self.epochs, text, writes, blob + head + middle)


class Told(NamedTuple):
    """The row of ``stateward_proposal``."""

    verdict: str
    status: int | None
    id: UUID | None
    labels: str | None  # JSON
    version: int | None
    at: datetime | None
    created_at: datetime | None
    expires_at: datetime | None
    was_alive: bool | None
    lease: str | None
    xact: int | None

    def written(self) -> Written:
        """What became of the write, as its own statement would have said it."""
        return Written(
            0, self.verdict, self.version, self.at, self.created_at, self.expires_at, self.labels,
            self.was_alive, None, None, self.lease, self.xact,
        )  # fmt: skip


def _principal(document: Any) -> Principal:
    return Principal(document["type"], UUID(document["id"]), document["name"])


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)

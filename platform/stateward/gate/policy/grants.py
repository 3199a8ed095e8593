"""Grants: one principal, some actions, one resource or everything beneath a namespace. They permit,
and never forbid.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from stateward.gate.policy.facts import EntityFacts, Uid
from stateward.gate.policy.vocabulary import ACTION_NAMES


@dataclass(frozen=True, slots=True)
class Grant:
    id: str
    principal: Uid
    actions: frozenset[str]  # names of actions or groups
    resource: Uid  # this, and all that lies beneath it
    ends_at: datetime | None = (
        None  # by the database's clock, which the statement that writes compares
    )

    def covers(self, principal: EntityFacts, action: str, resource: EntityFacts) -> bool:
        return (
            self.principal in (principal.uid, *principal.parents)
            and not self.actions.isdisjoint(ACTION_NAMES[action])
            and self.resource in (resource.uid, *resource.parents)
        )

"""Grants: one principal, some actions, one resource or everything beneath a namespace. They permit,
and never forbid.

Who gives and takes them is the business of ``governance.grants``, whose tables the gate knows by
two functions of the database (``load.py``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType

from stateward.gate.policy.facts import EntityFacts, Uid
from stateward.gate.policy.vocabulary import ACTION_NAMES
from stateward.kernel import clock

NO_GROUPS: Mapping[Uid, tuple[Uid, ...]] = MappingProxyType({})
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Grant:
    id: str
    principal: Uid
    actions: frozenset[str]  # names of actions or groups
    resource: Uid  # this, and all that lies beneath it
    # By the database's clock, which the statement that writes compares.
    ends_at: datetime | None = None
    # Without it a grant reaches nothing that is classified restricted, now or later.
    restricted: bool = False

    def permits(self, action: str, resource: EntityFacts) -> bool:
        """Whether it permits ``action`` on what it is known to be about."""
        if self.actions.isdisjoint(ACTION_NAMES[action]):
            return False
        return self.restricted or resource.attributes.get("classification") != "restricted"


class Grants:
    """A tenant's grants, filed by whom and what they are about: among ten thousand a decision looks
    up as many places as among ten.
    """

    def __init__(
        self, grants: Iterable[Grant] = (), groups: Mapping[Uid, tuple[Uid, ...]] = NO_GROUPS
    ) -> None:
        self._all = tuple(grants)
        self._filed: dict[Uid, dict[Uid, list[Grant]]] = {}
        for grant in self._all:
            theirs = self._filed.setdefault(grant.principal, {})
            theirs.setdefault(grant.resource, []).append(grant)
        self._groups = groups  # of each member
        self._passed = _LONG_AGO

    def with_one_more(self, grant: Grant, members: Iterable[Uid] = ()) -> Grants:
        """As they would be, to ask what that changes; ``members`` are those of the group it is to.

        Groups that nothing is granted to are not loaded.
        """
        groups = dict(self._groups)
        for member in members:
            groups[member] = (*groups.get(member, ()), grant.principal)
        return Grants((*self._all, grant), groups)

    def without(self, grant_id: str) -> Grants:
        return Grants((one for one in self._all if one.id != grant_id), self._groups)

    def groups_of(self, principal: Uid) -> tuple[Uid, ...]:
        return self._groups.get(principal, ())

    def permitting(
        self, principal: EntityFacts, action: str, resource: EntityFacts
    ) -> tuple[Grant, ...]:
        """Those that permit it, or did until they ended; oldest first."""
        if not self._filed:
            return ()
        about = self._about(principal, resource)
        found = [grant for grant in about if grant.permits(action, resource)]
        return tuple(sorted(found, key=lambda grant: grant.id))

    def covering(
        self, principal: EntityFacts, action: str, resource: EntityFacts
    ) -> tuple[Grant, ...]:
        """Those that permit it now."""
        permitting = self.permitting(principal, action, resource)
        return tuple([grant for grant in permitting if not self.is_over(grant.ends_at)])

    def _about(self, principal: EntityFacts, resource: EntityFacts) -> Iterator[Grant]:
        held_by = (principal.uid, *principal.parents, *self.groups_of(principal.uid))
        for theirs in filter(None, map(self._filed.get, held_by)):
            for place in (resource.uid, *resource.parents):
                yield from theirs.get(place, ())

    def is_over(self, ends_at: datetime | None) -> bool:
        """Whether that end has passed: by the database's word if it gave one, else by our clock."""
        return ends_at is not None and (ends_at <= self._passed or ends_at <= clock.now())

    def note_end(self, ends_at: datetime | None) -> None:
        """The database said that ``ends_at`` lies behind us, whatever our own clock thinks."""
        if ends_at is not None and ends_at > self._passed:
            self._passed = ends_at

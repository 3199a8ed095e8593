"""What a grant would change, said before it is given or taken: the gate is asked the same questions
under the rules as they are and as they would be.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from governance.grants.holding import reach, tree_of
from governance.grants.models import Grant as GrantRow
from governance.grants.models import GroupMember
from governance.grants.objects import Target
from governance.grants.words import meant
from stateward.gate.policy.book import PolicyBook
from stateward.gate.policy.decide import decide
from stateward.gate.policy.facts import Uid
from stateward.gate.policy.grants import Grant
from stateward.gate.policy.principals import load_principals
from stateward.gate.policy.requests import Resource
from stateward.gate.policy.vocabulary import ENTITY_TYPES
from stateward.tenancy.actors import Actor
from stateward.tenancy.scope import run_flow

MOST_MEMBERS = 20  # of a group are asked about; what differs among more is said of these
MOST_PLACES = 50


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of one action: in how many places it changes, stays as it is, or is refused all
    the same.
    """

    action: str
    changed: int
    same: int
    refused: int
    reason: str  # of the first that is refused all the same


@dataclass(frozen=True, slots=True)
class Preview:
    """``changes`` of a grant given are what is gained, of one taken what is lost."""

    changes: tuple[Change, ...]
    places: int  # namespaces that are there; 0 where it is about one thing
    looked_at: int  # places that were asked about
    principals: int
    asked: int  # principals that were asked about

    @property
    def effective(self) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.changed)


def preview_giving(
    book: PolicyBook,
    target: Target,
    principal: tuple[str, UUID],
    actions: frozenset[str],
    *,
    restricted: bool,
) -> Preview:
    """What they will be able to do that they cannot do now."""
    kind, principal_id = principal
    who: Uid = (ENTITY_TYPES.get(kind, "Group"), str(principal_id))
    where: Uid = (ENTITY_TYPES[target.kind], target.id)
    people = _people(book.tenant_id, kind, principal_id)
    members = [("Member", str(one.id)) for one in people[0]] if kind == "group" else []
    grant = Grant("preview", who, actions, where, None, restricted)
    after = book.under(book.grants.with_one_more(grant, members))
    return _compare(book, after, target, people, actions, restricted=restricted)


def preview_taking(book: PolicyBook, target: Target, grant: GrantRow) -> Preview:
    """What they can do now and will not be able to."""
    without = book.under(book.grants.without(str(grant.id)))
    return _compare(
        without,
        book,
        target,
        _people(book.tenant_id, grant.principal_type, grant.principal_id),
        frozenset(grant.actions),
        restricted=grant.restricted,
    )


def _compare(
    less: PolicyBook,
    more: PolicyBook,
    target: Target,
    asked: tuple[list[Actor], int],
    actions: frozenset[str],
    *,
    restricted: bool,
) -> Preview:
    people, count = asked
    there = tree_of(target, less.tenant_id, restricted=restricted)
    tree = [one for one in there if not one.id.partition("unmade-")[1]]
    places = tree[:MOST_PLACES] or ([target.resource] if target.place == "branch" else there[:1])
    changes = tuple(
        _change(less, more, people, action, list(reach(target, action, places)))
        for action in meant(actions)
    )
    return Preview(changes, len(tree), len(places), count, len(people))


def _change(
    less: PolicyBook, more: PolicyBook, people: list[Actor], action: str, places: list[Resource]
) -> Change:
    changed = same = refused = 0
    reason = ""
    for place in places:
        before = [decide(less, one, action, place) for one in people]
        after = [decide(more, one, action, place) for one in people]
        if any(a.allowed and not b.allowed for a, b in zip(after, before, strict=True)):
            changed += 1
        elif any(one.allowed for one in before) or not people:
            same += 1
        else:
            refused += 1
            reason = reason or after[0].reason
    return Change(action, changed, same, refused, reason)


def _people(tenant_id: UUID, kind: str, principal_id: UUID) -> tuple[list[Actor], int]:
    """The principal, or some of a group's members and how many there are."""
    if kind != "group":
        return run_flow(load_principals(tenant_id, kind, [principal_id])), 1
    rows = GroupMember.objects.filter(tenant_id=tenant_id, group_id=principal_id)
    ids = list(rows.order_by("member_id").values_list("member_id", flat=True))
    return run_flow(load_principals(tenant_id, "member", ids[:MOST_MEMBERS])), len(ids)

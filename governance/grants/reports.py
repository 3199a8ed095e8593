"""Access as a report: of an object over its principals, of a principal over the objects."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from governance.grants.access import (
    Verdict,
    ask,
    chosen_actions,
    explained,
)
from governance.grants.holding import Giver
from governance.grants.lists import known_objects
from governance.grants.models import Grant, Group
from governance.grants.objects import Target
from governance.grants.queries import grants_to, groups_of, newest
from governance.grants.words import OBJECT_TYPES
from governance.people.rules import unfit
from stateward.gate.policy.principals import load_principals
from stateward.gate.policy.requests import Resource
from stateward.gate.policy.vocabulary import ResourceType
from stateward.kernel.errors import NotFound
from stateward.tenancy.actors import Actor
from stateward.tenancy.scope import run_flow

MOST_GRANTS = 200  # of a principal are listed


@dataclass(frozen=True, slots=True)
class PrincipalRow:
    principal: Actor
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True)
class ObjectRow:
    target: Target
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True)
class PrincipalReport:
    principal: Actor
    actions: tuple[str, ...]
    rows: tuple[ObjectRow, ...]
    following: str | None
    grants: tuple[Grant, ...]  # to them and to their groups
    groups: tuple[Group, ...]


def who_can(
    by: Giver,
    target: Target,
    principals: list[Actor],
    actions: tuple[str, ...],
    *,
    known: Iterable[Grant] = (),
) -> tuple[PrincipalRow, ...]:
    """What each of them may do there; ``known`` are grants whose names need no look-up."""
    answers = [ask(by.book, one, target, actions) for one in principals]
    return tuple(map(PrincipalRow, principals, explained(by.book, answers, known=known)))


def may_list(by: Giver, kind: str) -> None:
    """Naming everybody takes the right to list them."""
    of: ResourceType = "member" if kind == "member" else "agent"
    by.require(f"{of}.read", Resource(of, ""))


def what_can(
    by: Giver,
    principal: tuple[str, str],
    *,
    of: str,
    actions: str | None = None,
    after: str = "",
    limit: int,
) -> PrincipalReport:
    """The objects of a kind on which the principal may do anything, as far as the caller may know
    of them. One may always ask about oneself.
    """
    kind, name = principal
    actor = by.actor
    found = run_flow(load_principals(actor.tenant_id, kind, [_uuid(name)]))
    if not found:
        raise NotFound
    one = found[0]
    if (one.type, one.id) != (actor.type, actor.id):
        tenant = Resource("tenant", actor.tenant_slug, {"name": actor.tenant_slug})
        by.require("grant.read", tenant, known_by="grant.read")
        may_list(by, kind)
    if of not in OBJECT_TYPES:
        raise unfit("objects", f"one of {', '.join(OBJECT_TYPES)}")
    asked = chosen_actions(of, actions)
    targets, following = known_objects(by, of, after=after, limit=limit)
    groups = groups_of(actor.tenant_id, one.id) if kind == "member" else []
    grants = _grants_of(actor.tenant_id, kind, one.id, groups)
    answers = [(target, ask(by.book, one, target, asked)) for target in targets]
    touched = [(target, row) for target, row in answers if any(said.allowed for _, said in row)]
    verdicts = explained(by.book, [row for _, row in touched], known=grants)
    rows = map(ObjectRow, (target for target, _ in touched), verdicts)
    return PrincipalReport(one, asked, tuple(rows), following, grants, tuple(groups))


def _grants_of(
    tenant_id: UUID, kind: str, principal_id: UUID, groups: list[Group]
) -> tuple[Grant, ...]:
    rows = grants_to(tenant_id, kind, principal_id, tuple(one.id for one in groups))
    return tuple(newest(tenant_id, rows, MOST_GRANTS))


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound from None

"""Access as a report: of an object over its principals, of a principal over the objects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from governance.grants.access import (
    Verdict,
    ask,
    chosen_actions,
    explained,
    principals_page,
    rules_now,
)
from governance.grants.acts import giver, readable
from governance.grants.lists import known_objects
from governance.grants.models import Grant
from governance.grants.objects import Target
from governance.grants.queries import grants_to, groups_of, newest
from governance.grants.words import OBJECT_TYPES
from governance.people.acts import permit
from governance.people.rules import unfit
from stateward.gate.policy.principals import load_principals
from stateward.gate.policy.requests import Resource
from stateward.gate.policy.vocabulary import ResourceType
from stateward.kernel.errors import NotFound
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.scope import run_flow

MOST_GRANTS = 200  # of a principal are listed


@dataclass(frozen=True, slots=True)
class PrincipalRow:
    principal: Actor
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True)
class ObjectReport:
    target: Target
    actions: tuple[str, ...]
    rows: tuple[PrincipalRow, ...]
    following: UUID | None


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


def who_can(
    actor: Actor,
    call: Call,
    object_: tuple[str, str],
    *,
    of: Literal["member", "agent"],
    actions: str | None = None,
    after: UUID | None = None,
    limit: int,
) -> ObjectReport:
    """A page of principals with what each may do there; the caller may read its grants."""
    target = readable(actor, call, *object_)
    asked = chosen_actions(target.kind, actions)
    may_list(actor, call, of)
    book = rules_now(actor.tenant_id)
    principals, following = principals_page(actor.tenant_id, of, after=after, limit=limit)
    answers = [ask(book, one, target, asked) for one in principals]
    rows = map(PrincipalRow, principals, explained(book, answers))
    return ObjectReport(target, asked, tuple(rows), following)


def may_list(actor: Actor, call: Call, kind: str) -> None:
    """Naming everybody takes the right to list them."""
    of: ResourceType = "member" if kind == "member" else "agent"
    permit(actor, call, f"{of}.read", Resource(of, ""))


def what_can(
    actor: Actor,
    call: Call,
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
    found = run_flow(load_principals(actor.tenant_id, kind, [_uuid(name)]))
    if not found:
        raise NotFound
    one = found[0]
    if (one.type, one.id) != (actor.type, actor.id):
        tenant = Resource("tenant", actor.tenant_slug, {"name": actor.tenant_slug})
        permit(actor, call, "grant.read", tenant, known_by="grant.read")
        may_list(actor, call, kind)
    if of not in OBJECT_TYPES:
        raise unfit("objects", f"one of {', '.join(OBJECT_TYPES)}")
    by = giver(actor, call)
    asked = chosen_actions(of, actions)
    targets, following = known_objects(by, of, after=after, limit=limit)
    grants = _grants_of(actor.tenant_id, kind, one.id)
    answers = [(target, ask(by.book, one, target, asked)) for target in targets]
    touched = [(target, row) for target, row in answers if any(said.allowed for _, said in row)]
    verdicts = explained(by.book, [row for _, row in touched])
    rows = map(ObjectRow, (target for target, _ in touched), verdicts)
    return PrincipalReport(one, asked, tuple(rows), following, grants)


def _grants_of(tenant_id: UUID, kind: str, principal_id: UUID) -> tuple[Grant, ...]:
    groups = [one.id for one in groups_of(tenant_id, principal_id)] if kind == "member" else []
    rows = grants_to(tenant_id, kind, principal_id, tuple(groups))
    return tuple(newest(tenant_id, rows, MOST_GRANTS))


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound from None

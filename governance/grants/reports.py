"""Access as a report: of an object over its principals, of a principal over the objects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from governance.grants.access import (
    Sources,
    Verdict,
    chosen_actions,
    principals_page,
    rules_now,
    verdicts,
)
from governance.grants.acts import giver, readable
from governance.grants.lists import known_objects
from governance.grants.models import Grant
from governance.grants.objects import Target
from governance.grants.queries import grants_reaching, grants_to, groups_of
from governance.grants.words import OBJECT_TYPES
from governance.people.acts import permit
from governance.people.rules import unfit
from stateward.gate.policy.principals import load_principals
from stateward.gate.policy.requests import Resource
from stateward.gate.policy.vocabulary import ResourceType
from stateward.kernel.errors import NotFound
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.scope import run_flow

MOST_GRANTS = 500  # of an object are named; a source among the others is still linked by its id


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
    grants: tuple[Grant, ...]  # on it and above it


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
    grants = tuple(grants_reaching(actor.tenant_id, target).order_by("-id")[:MOST_GRANTS])
    sources = Sources(book, grants)
    rows = tuple(
        PrincipalRow(one, verdicts(book, sources, one, target, asked)) for one in principals
    )
    return ObjectReport(target, asked, rows, following, grants)


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
    sources = Sources(by.book, grants)
    rows = (ObjectRow(target, verdicts(by.book, sources, one, target, asked)) for target in targets)
    touched = tuple(row for row in rows if any(verdict.allowed for verdict in row.verdicts))
    return PrincipalReport(one, asked, touched, following, grants)


def _grants_of(tenant_id: UUID, kind: str, principal_id: UUID) -> tuple[Grant, ...]:
    groups = [one.id for one in groups_of(tenant_id, principal_id)] if kind == "member" else []
    rows = grants_to(tenant_id, kind, principal_id, tuple(groups))
    return tuple(rows.order_by("-id")[:MOST_GRANTS])


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound from None

"""Members: their roles, their suspension, their removal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from governance.people.acts import permit, record
from governance.people.exceptions import AlreadyMember
from governance.people.queries import active_owners
from governance.people.rules import (
    OWNER,
    check_is_other,
    check_may_give,
    check_owner_stays,
    check_roles,
)
from stateward.gate.policy.requests import Decision, Resource
from stateward.kernel.errors import NotFound
from stateward.tenancy.accounts.sessions import end_sessions
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.epochs import bump_all
from stateward.tenancy.models import MEMBER_ROLES, Member, Person
from stateward.tenancy.queries import memberships_of


def add_member(*, actor: Actor, call: Call, person: Person, roles: Sequence[str]) -> Member:
    """Make someone with an account a member at once, without an invitation."""
    check_roles(roles, MEMBER_ROLES)
    check_may_give(actor, roles)
    member = Member(tenant_id=actor.tenant_id, person=person, roles=sorted(set(roles)))
    decision = permit(actor, call, "member.manage", resource_of(member), roles=list(roles))
    if Member.objects.filter(tenant_id=actor.tenant_id, person=person).exists():
        raise AlreadyMember
    member.save(force_insert=True)
    _record(actor, call, "member.added", member, decision=decision, details={"roles": member.roles})
    return member


def change_roles(*, actor: Actor, call: Call, member_id: UUID, roles: Sequence[str]) -> Member:
    """Give a member exactly ``roles``. Nobody changes their own; what is taken counts like what
    is given.
    """
    check_roles(roles, MEMBER_ROLES)
    member, decision = _change(actor, call, member_id, roles)
    before, member.roles = member.roles, sorted(set(roles))
    member.save(update_fields=["roles"])
    details = {"before": before, "after": member.roles}
    _record(actor, call, "member.roles_changed", member, decision=decision, details=details)
    return member


def suspend_member(*, actor: Actor, call: Call, member_id: UUID) -> Member:
    """Shut a member out until someone lets them back in; their sessions end."""
    member, decision = _change(actor, call, member_id, ())
    member.is_active = False
    member.save(update_fields=["is_active"])
    end_sessions(member.person_id)
    _record(actor, call, "member.suspended", member, decision=decision, details={})
    return member


def resume_member(*, actor: Actor, call: Call, member_id: UUID) -> Member:
    member, decision = _change(actor, call, member_id, None)
    member.is_active = True
    member.save(update_fields=["is_active"])
    _record(
        actor, call, "member.resumed", member, decision=decision, details={"roles": member.roles}
    )
    return member


def remove_member(*, actor: Actor, call: Call, member_id: UUID) -> None:
    """Remove a member with their tokens; their sessions end. Records keep their name and id."""
    member, decision = _change(actor, call, member_id, ())
    end_sessions(member.person_id)
    _record(
        actor, call, "member.removed", member, decision=decision, details={"roles": member.roles}
    )
    member.delete()


def disable_person(person: Person) -> None:
    """Take a person's right to sign in anywhere. For operators, by command."""
    end_sessions(person.id)
    _let_in(person, is_active=False)


def enable_person(person: Person) -> None:
    _let_in(person, is_active=True)


def _let_in(person: Person, *, is_active: bool) -> None:
    """Raises the epoch of every tenant they are in: their tokens must be looked up anew."""
    person.is_active = is_active
    person.save(update_fields=["is_active"])
    bump_all((one.tenant_id for one in memberships_of(person.id)), "principals")


def resource_of(member: Member) -> Resource:
    about = {"name": str(member.person), "email": member.person.email, "roles": member.roles}
    return Resource("member", str(member.id), about)


def _change(
    actor: Actor, call: Call, member_id: UUID, roles: Sequence[str] | None
) -> tuple[Member, Decision | None]:
    """The member, locked, once everything allows a change to ``roles`` (none: out; None: as
    they were).
    """
    owners = active_owners(
        actor.tenant_id
    )  # locked before any other member's row: one order for all
    found = Member.objects.select_for_update(of=("self",)).select_related("person")
    member = found.filter(tenant_id=actor.tenant_id, id=member_id).first()
    if member is None:
        raise NotFound
    given = list(member.roles if roles is None else roles)
    about = resource_of(member)
    decision = permit(actor, call, "member.manage", about, roles=given, known_by="member.read")
    check_is_other(actor, member.id)
    check_may_give(actor, {*given, *member.roles})
    if OWNER in member.roles and OWNER not in given:
        check_owner_stays(owners, member.id)
    return member, decision


def _record(
    actor: Actor,
    call: Call,
    event: str,
    member: Member,
    *,
    decision: Decision | None,
    details: dict[str, Any],
) -> None:
    personal = {"email": member.person.email}
    about = resource_of(member)
    record(
        actor,
        call,
        "member.manage",
        event,
        about=about,
        decision=decision,
        personal=personal,
        details=details,
    )

"""Groups: made, named, filled, emptied, deleted.

Whoever changes a group changes what its members hold; so they must hold all that is granted to it,
whatever the change, and nobody puts themselves into one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from governance.grants.acts import changing, giver, record
from governance.grants.exceptions import GroupNameTaken, OwnGrant, TooManyGroups
from governance.grants.models import Grant, Group, GroupMember
from governance.grants.objects import find_target
from governance.grants.queries import MAX_GROUPS
from governance.people.acts import permit
from stateward.gate.policy.requests import Decision, Resource
from stateward.kernel.errors import NotFound
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.models import Member


def create_group(*, actor: Actor, call: Call, name: str, description: str = "") -> Group:
    """An empty group."""
    about = all_groups(actor)
    decision = permit(actor, call, "grant.manage", about)
    with changing(actor, about):
        if Group.objects.filter(tenant_id=actor.tenant_id)[MAX_GROUPS - 1 :].exists():
            raise TooManyGroups
        group = Group(tenant_id=actor.tenant_id, name=name, description=description)
        _save(group, force_insert=True)
        _record(actor, call, "group.created", group, decision=decision)
    group.refresh_from_db()
    return group


def change_group(*, actor: Actor, call: Call, group_id: UUID, fields: Mapping[str, str]) -> Group:
    """Give it another name or description."""
    with changing(actor, all_groups(actor)):
        group, decision = _managed(actor, call, group_id)
        for name in fields:
            setattr(group, name, fields[name])
        _save(group)
        _record(
            actor,
            call,
            "group.changed",
            group,
            decision=decision,
            details={"changed": sorted(fields)},
        )
    return group


def delete_group(*, actor: Actor, call: Call, group_id: UUID) -> None:
    """Delete it with all that is granted to it."""
    with changing(actor, all_groups(actor)):
        group, decision = _managed(actor, call, group_id)
        given = [str(grant.id) for grant in _granted_to(group)]
        group.delete()
        _record(actor, call, "group.deleted", group, decision=decision, details={"grants": given})


def add_member(*, actor: Actor, call: Call, group_id: UUID, member_id: UUID) -> GroupMember:
    """Put a member into the group; the same again changes nothing."""
    with changing(actor, all_groups(actor)):
        group, decision = _managed(actor, call, group_id)
        member = _member(actor, member_id)
        if actor.type == "member" and actor.id == member_id:
            raise OwnGrant
        added, is_new = GroupMember.objects.get_or_create(
            tenant_id=actor.tenant_id,
            group=group,
            member=member,
            defaults={"added_by": actor.name[:200], "added_at": Now()},
        )
        if is_new:
            details = {"member": str(member_id)}
            _record(actor, call, "group.member_added", group, decision=decision, details=details)
    return GroupMember.objects.select_related("member__person").get(id=added.id)


def remove_member(*, actor: Actor, call: Call, group_id: UUID, member_id: UUID) -> None:
    with changing(actor, all_groups(actor)):
        group, decision = _managed(actor, call, group_id)
        rows = GroupMember.objects.filter(
            tenant_id=actor.tenant_id, group=group, member_id=member_id
        )
        gone, _ = rows.delete()
        if not gone:
            raise NotFound
        details = {"member": str(member_id)}
        _record(actor, call, "group.member_removed", group, decision=decision, details=details)


def find_group(actor: Actor, call: Call, group_id: UUID) -> Group:
    """One group, if the caller may read grants of the tenant; else NotFound."""
    group = Group.objects.filter(tenant_id=actor.tenant_id, id=group_id).first()
    if group is None:
        raise NotFound
    permit(actor, call, "grant.read", all_groups(actor), known_by="grant.read")
    return group


def all_groups(actor: Actor) -> Resource:
    """Groups belong to the tenant as a whole, and so does the right to manage them."""
    return Resource("tenant", actor.tenant_slug, {"name": actor.tenant_slug})


def _managed(actor: Actor, call: Call, group_id: UUID) -> tuple[Group, Decision | None]:
    """The group, locked, if the caller holds all that is granted to it."""
    rows = Group.objects.select_for_update(of=("self",))
    group = rows.filter(tenant_id=actor.tenant_id, id=group_id).first()
    if group is None:
        raise NotFound
    about = all_groups(actor)
    decision = permit(actor, call, "grant.manage", about, known_by="grant.read")
    if actor.type != "system":
        by = giver(actor, call)
        for grant in _granted_to(group):
            target = find_target(
                actor.tenant_id, actor.tenant_slug, grant.object_type, grant.object_id
            )
            by.check(
                target,
                frozenset(grant.actions),
                restricted=grant.restricted,
                ends_at=grant.ends_at,
            )
    return group, decision


def _granted_to(group: Group) -> list[Grant]:
    return list(
        Grant.objects.filter(
            tenant_id=group.tenant_id,
            principal_type="group",
            principal_id=group.id,
            has_ended=False,
        )
    )


def _member(actor: Actor, member_id: UUID) -> Member:
    member = Member.objects.filter(tenant_id=actor.tenant_id, id=member_id).first()
    if member is None:
        raise NotFound
    return member


def _save(group: Group, *, force_insert: bool = False) -> None:
    try:
        with transaction.atomic():
            group.save(force_insert=force_insert)
    except IntegrityError:
        raise GroupNameTaken from None


def _record(
    actor: Actor,
    call: Call,
    event: str,
    group: Group,
    *,
    decision: Decision | None,
    details: Mapping[str, Any] | None = None,
) -> None:
    told = {"group": str(group.id), "name": group.name, **(details or {})}
    about = all_groups(actor)
    record(actor, call, event, about=about, decision=decision, details=told)

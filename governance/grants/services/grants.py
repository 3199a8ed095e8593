"""Grants: given and revoked. What one holds oneself is the most one gives, and never to oneself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models.functions import Now

from governance.grants.acts import changing, giver, manageable, record
from governance.grants.exceptions import AlreadyGranted, OwnGrant, TooManyGrants
from governance.grants.holding import Giver
from governance.grants.models import TABLES, Branch, Grant
from governance.grants.objects import Principal, Target, find_principal, is_oneself
from governance.grants.permissions import permissions_for
from governance.grants.queries import grants_about, has_room
from governance.grants.words import AGENTS_OBJECTS, grantable, meant
from governance.people.exceptions import AgentRetired
from governance.people.rules import unfit
from stateward.kernel.clock import now
from stateward.kernel.errors import NotFound
from stateward.kernel.ids import uuid7
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.epochs import standing
from stateward.tenancy.models import Agent

MAX_REASON = 500


@dataclass(frozen=True, slots=True)
class Wanted:
    """A grant as somebody asks for it."""

    principal: tuple[str, str]  # type and id
    object: tuple[str, str]
    actions: frozenset[str]
    reason: str
    restricted: bool = False
    ends_at: datetime | None = None


def give(*, actor: Actor, call: Call, wanted: Wanted) -> Grant:
    """Give it, in force for every write that starts from now on."""
    before = standing(actor.tenant_id)
    by = giver(actor, call)
    target, decision = manageable(by, *wanted.object)
    with changing(actor, target.resource, before):
        principal = check(by, wanted, target)
        if not has_room(actor.tenant_id):
            raise TooManyGrants
        grant_id = _write(actor, wanted, target, principal)
        details = _details(wanted, principal) | {"grant": str(grant_id), "reason": wanted.reason}
        record(
            actor,
            call,
            "grant.given",
            about=target.resource,
            decision=decision,
            details=details,
        )
    return Grant.objects.get(tenant_id=actor.tenant_id, id=grant_id)


def check(by: Giver, wanted: Wanted, target: Target) -> Principal:
    """To whom it is to be given, if it may be."""
    _check_words(wanted, target)
    principal = find_principal(by.actor.tenant_id, *wanted.principal)
    if principal.kind == "agent":
        if target.kind not in AGENTS_OBJECTS:
            raise unfit("principal", f"an agent is given nothing on a {target.kind}")
        if principal.row.status == Agent.Status.RETIRED:
            raise AgentRetired
    if by.actor.type == "system":
        return principal
    if is_oneself(by.actor, principal):
        raise OwnGrant
    by.check(target, wanted.actions, restricted=wanted.restricted, ends_at=wanted.ends_at)
    _check_is_new(by.actor, wanted, target, principal)
    return principal


def revoke(*, actor: Actor, call: Call, grant_id: UUID) -> None:
    """Take a grant away. The record keeps what it was."""
    grant = Grant.objects.filter(tenant_id=actor.tenant_id, id=grant_id).first()
    if grant is None:
        raise NotFound
    before = standing(actor.tenant_id)
    by = giver(actor, call)
    target, decision = manageable(by, grant.object_type, grant.object_id)
    with changing(actor, target.resource, before):
        if actor.type != "system" and not grant.has_ended:
            by.check(target, frozenset(grant.actions), restricted=grant.restricted, is_taken=True)
        place = "branch" if grant.is_branch else grant.object_type
        rows = TABLES[place, grant.principal_type]._base_manager
        gone, _ = rows.filter(tenant_id=actor.tenant_id, grant_id=grant_id).delete()
        if not gone:  # another session was quicker
            raise NotFound
        details = {
            "grant": str(grant.id),
            "to": {"type": grant.principal_type, "id": str(grant.principal_id)},
            "actions": grant.actions,
        }
        record(
            actor,
            call,
            "grant.revoked",
            about=target.resource,
            decision=decision,
            details=details,
        )


def _check_words(wanted: Wanted, target: Target) -> None:
    unknown = sorted(wanted.actions - grantable(target.kind))
    if unknown or not wanted.actions:
        what = repr(unknown[0]) if unknown else "nothing"
        raise unfit("actions", f"{what} is not an action or a group for a {target.kind}")
    if not wanted.reason.strip() or len(wanted.reason) > MAX_REASON:
        raise unfit("reason", f"say why, in at most {MAX_REASON} characters")
    if wanted.ends_at is not None and wanted.ends_at <= now():
        raise unfit("ends_at", "lies in the past")
    if wanted.restricted and target.kind not in AGENTS_OBJECTS:
        raise unfit("restricted", f"a {target.kind} has no classification")


def _check_is_new(actor: Actor, wanted: Wanted, target: Target, principal: Principal) -> None:
    asked = set(meant(wanted.actions))
    theirs = grants_about(actor.tenant_id, target).filter(
        principal_type=principal.kind, principal_id=principal.id, has_ended=False
    )
    for grant in theirs:
        lasts = grant.ends_at is None or (
            wanted.ends_at is not None and grant.ends_at >= wanted.ends_at
        )
        reaches = grant.restricted or not wanted.restricted
        if lasts and reaches and asked <= set(meant(frozenset(grant.actions))):
            raise AlreadyGranted(grant=str(grant.id))


def _write(actor: Actor, wanted: Wanted, target: Target, principal: Principal) -> UUID:
    row = target.row
    if target.place == "branch":
        row, _ = Branch.objects.get_or_create(tenant_id=actor.tenant_id, name=target.id)
    holder: dict[str, Any] = {principal.kind: principal.row}
    if principal.kind == "member":
        holder |= {"user": principal.row.person}
    table = TABLES[target.place, principal.kind]
    grant_id = uuid7()
    table._base_manager.bulk_create(
        table(
            tenant_id=actor.tenant_id,
            grant_id=grant_id,
            permission=permission,
            content_object=row,
            restricted=wanted.restricted,
            ends_at=wanted.ends_at,
            reason=wanted.reason.strip(),
            giver_type=actor.type,
            giver_id=actor.id,
            giver_name=actor.name[:200],
            created_at=Now(),
            **holder,
        )
        for permission in permissions_for(target.place, wanted.actions)
    )
    return grant_id


def _details(wanted: Wanted, principal: Principal) -> dict[str, Any]:
    return {
        "to": {"type": principal.kind, "id": str(principal.id)},
        "actions": sorted(wanted.actions),
        "restricted": wanted.restricted,
        "ends_at": wanted.ends_at.isoformat() if wanted.ends_at else None,
    }

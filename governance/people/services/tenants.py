"""A tenant's life: made by an operator, run by its owners, closed by one of them, deleted by
two people after a grace.
"""

from __future__ import annotations

from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.db.models.functions import Now

from governance.people.acts import note, permit, record, system_actor, system_call
from governance.people.exceptions import (
    NotClosed,
    OperatorsOnly,
    SecondPersonNeeded,
    SlugTaken,
)
from governance.people.models import Closure, TenantLimits
from governance.people.queries import limits_of
from governance.people.rules import OWNER, check_slug, unfit
from stateward.gate.keys.services import ensure_tenant_keys
from stateward.gate.policy.requests import Resource
from stateward.kernel.errors import NotFound
from stateward.operations.backups.services import CREATE
from stateward.operations.jobs.services import start
from stateward.state.exceptions import UnderHold
from stateward.state.holds import load_holds
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.epochs import bump
from stateward.tenancy.models import PLATFORM, Epoch, Member, Person, Tenant
from stateward.tenancy.queries import memberships_of
from stateward.tenancy.scope import run_flow, tenant_scope
from stateward.web.sessions import OPERATOR

PURGE_ROWS = 5_000
LONGEST = {"most_credential_days": 3650, "invitation_days": 90, "deletion_grace_days": 365}


def create_tenant(
    *, actor: Actor, call: Call, slug: str, name: str, owner: Person | None = None
) -> Tenant:
    """A new tenant with its epoch and keys, and ``owner`` as its first member. Operators only
    (403).

    Recorded twice: in the new tenant's own tree, and in the platform's.
    """
    check_operator(actor)
    check_slug(slug)
    with transaction.atomic():
        try:
            with transaction.atomic():
                tenant = Tenant.objects.create(slug=slug, name=name or slug)
        except IntegrityError:
            raise SlugTaken from None
        Epoch.objects.create(tenant_id=tenant.id)
        maker = system_actor(tenant, actor.name)
        with tenant_scope(tenant.id):
            run_flow(ensure_tenant_keys(tenant.id))
            note(maker, call, "tenant.manage", "tenant.created", about=resource_of(tenant))
            if owner is not None:
                member = Member.objects.create(tenant=tenant, person=owner, roles=[OWNER])
                about = Resource("member", str(member.id), {"roles": [OWNER]})
                personal = {"email": owner.email}
                record(
                    maker,
                    call,
                    "member.manage",
                    "member.added",
                    about=about,
                    decision=None,
                    personal=personal,
                )
        with tenant_scope(PLATFORM):
            who = actor if actor.tenant_id == PLATFORM else system_actor(None, actor.name)
            note(who, call, "tenant.manage", "tenant.created", about=resource_of(tenant))
    tenant.refresh_from_db()
    return tenant


def change_tenant(
    *,
    actor: Actor,
    call: Call,
    name: str | None = None,
    limits: dict[str, int] | None = None,
) -> Tenant:
    """Rename the actor's tenant or set its limits."""
    tenant = Tenant.objects.select_for_update().get(id=actor.tenant_id)
    decision = permit(actor, call, "tenant.manage", resource_of(tenant))
    if name is not None:
        tenant.name = name
        tenant.save(update_fields=["name"])
    if limits:
        for member, value in limits.items():
            if not 1 <= value <= LONGEST[member]:
                raise unfit(member, f"a whole number from 1 to {LONGEST[member]}")
        TenantLimits.objects.update_or_create(tenant_id=tenant.id, defaults=limits)
    details = {"name": name, "limits": limits or {}}
    about = resource_of(tenant)
    record(
        actor,
        call,
        "tenant.manage",
        "tenant.changed",
        about=about,
        decision=decision,
        details=details,
    )
    return tenant


def close_tenant(*, actor: Actor, call: Call, reason: str = "") -> Closure:
    """Close the actor's tenant: from the next statement on, nobody reads or writes in it.

    A last backup is queued with it, and stays when the tenant is deleted: its export.
    """
    tenant = Tenant.objects.select_for_update().get(id=actor.tenant_id)
    decision = permit(actor, call, "tenant.manage", resource_of(tenant))
    closure, _ = Closure.objects.get_or_create(
        tenant=tenant,
        defaults={
            "reason": reason,
            "closed_by": person_of(actor),
            "delete_after": Now() + limits_of(tenant.id).deletion_grace,
        },
    )
    tenant.status = Tenant.Status.CLOSED
    tenant.save(update_fields=["status"])
    about = resource_of(tenant)
    export = start(CREATE, tenant_id=tenant.id, params={"keep": True}, actor=actor)
    details = {"reason": reason, "export": str(export)}
    record(
        actor,
        call,
        "tenant.manage",
        "tenant.closed",
        about=about,
        decision=decision,
        details=details,
    )
    closure.refresh_from_db()
    return closure


def reopen_tenant(*, actor: Actor, call: Call) -> Tenant:
    """Take a closure back, whatever was asked for since. An owner may, while the rows are there."""
    tenant, closure = _closed(actor)
    _check_may_end(actor)
    closure.delete()
    tenant.status = Tenant.Status.ACTIVE
    tenant.save(update_fields=["status"])
    record(
        actor, call, "tenant.manage", "tenant.reopened", about=resource_of(tenant), decision=None
    )
    return tenant


def ask_for_deletion(*, actor: Actor, call: Call, slug: str) -> Closure:
    """Ask that the closed tenant be deleted once its grace is over; ``slug`` is typed to
    confirm.
    """
    tenant, closure = _closed(actor)
    _check_may_end(actor)
    if slug != tenant.slug:
        raise unfit("slug", "type the tenant's slug to confirm")
    _check_nothing_is_held(tenant)
    closure.asked_by, closure.asked_at = person_of(actor), Now()
    closure.approved_by = closure.approved_at = None
    closure.save()
    record(
        actor,
        call,
        "tenant.manage",
        "tenant.deletion_asked",
        about=resource_of(tenant),
        decision=None,
    )
    closure.refresh_from_db()
    return closure


def approve_deletion(*, actor: Actor, call: Call, tenant_id: UUID | None = None) -> Closure:
    """The second person's word: another owner of the tenant, or an operator of the platform."""
    tenant, closure = _closed(actor, tenant_id)
    _check_may_end(actor)
    approver = person_of(actor)
    if closure.asked_by is None or approver == closure.asked_by:
        raise SecondPersonNeeded
    _check_nothing_is_held(tenant)
    closure.approved_by, closure.approved_at = approver, Now()
    closure.save()
    who = actor if actor.tenant_id == tenant.id else system_actor(tenant, f"operator {actor.id}")
    record(
        who,
        call,
        "tenant.manage",
        "tenant.deletion_approved",
        about=resource_of(tenant),
        decision=None,
    )
    closure.refresh_from_db()
    return closure


def delete_due_tenants() -> list[str]:
    """Delete, in batches, every closed tenant that two people gave up and whose grace is over;
    their slugs.

    A run that is cut short is continued by the next. What remains is a record in the platform's
    tree.
    """
    deleted = []
    for tenant in Tenant.objects.filter(status=Tenant.Status.CLOSED).order_by("id"):
        with tenant_scope(tenant.id):
            is_due = Closure.objects.filter(
                tenant=tenant, approved_by__isnull=False, delete_after__lte=Now()
            ).exclude(approved_by=F("asked_by"))
            if not is_due.exists() or run_flow(load_holds(tenant.id)).all:
                continue
            people = list(Member.objects.values_list("person_id", flat=True))
        _purge(tenant)
        for person_id in people:
            if not memberships_of(person_id):
                Person.objects.filter(id=person_id, is_operator=False).delete()
        deleted.append(tenant.slug)
    return deleted


def check_operator(actor: Actor) -> None:
    is_operator = actor.tenant_id == PLATFORM and OPERATOR in actor.roles
    if actor.type != "system" and not is_operator:
        raise OperatorsOnly


def person_of(actor: Actor) -> UUID:
    """The human being behind a member or operator; SecondPersonNeeded (403) for programs."""
    if actor.tenant_id == PLATFORM or actor.type == "system":
        return actor.id
    if actor.type != "member":
        raise SecondPersonNeeded("Only people close and delete tenants, not programs.")
    return Member.objects.values_list("person_id", flat=True).get(id=actor.id)


def resource_of(tenant: Tenant) -> Resource:
    return Resource("tenant", tenant.slug, {"name": tenant.name})


def _closed(actor: Actor, tenant_id: UUID | None = None) -> tuple[Tenant, Closure]:
    tenant = Tenant.objects.select_for_update().filter(id=tenant_id or actor.tenant_id).first()
    if tenant is None:
        raise NotFound
    closure = Closure.objects.select_for_update().filter(tenant=tenant).first()
    if closure is None:
        raise NotClosed
    return tenant, closure


def _check_may_end(actor: Actor) -> None:
    """A closed tenant decides nothing any more: its owners and the operators do, by the code's
    word.
    """
    if actor.type == "system" or (actor.type == "member" and {OWNER, OPERATOR} & set(actor.roles)):
        return
    raise SecondPersonNeeded("Only an owner, or the platform's operator, ends or reopens a tenant.")


def _check_nothing_is_held(tenant: Tenant) -> None:
    """A hold outlives the wish to be gone. The function that deletes looks again."""
    with tenant_scope(tenant.id):
        if run_flow(load_holds(tenant.id)).all:
            raise UnderHold("A hold keeps this tenant; release it first.")


def _purge(tenant: Tenant) -> None:
    actor = system_actor(None, "deletion of closed tenants")
    gone = 1
    while gone:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT stateward_purge_tenant(%s, %s)", (tenant.id, PURGE_ROWS))
            gone = cursor.fetchone()[0]
    with tenant_scope(PLATFORM):
        note(actor, system_call(), "tenant.manage", "tenant.deleted", about=resource_of(tenant))
        bump(PLATFORM, "principals")

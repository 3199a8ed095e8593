"""Invitations: someone becomes a member by opening a one-time link."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from allauth.account.models import EmailAddress
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.mail import send_mail
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from governance.people.acts import permit, record
from governance.people.exceptions import AlreadyMember, LinkSpent, SignInFirst, Unfit
from governance.people.links import Link, new_link, parse_link
from governance.people.models import Invitation
from governance.people.queries import limits_of, open_invitations
from governance.people.rules import check_may_give, check_roles, unfit
from stateward.gate.policy.requests import Resource
from stateward.kernel.errors import Fault, NotFound
from stateward.kernel.ids import uuid7
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.models import MEMBER_ROLES, Member, Person, Tenant
from stateward.tenancy.scope import tenant_scope


@dataclass(frozen=True, slots=True)
class Invited:
    invitation: Invitation
    link: Link  # shown once


def invite(*, actor: Actor, call: Call, email: str, roles: Sequence[str]) -> Invited:
    """Send a one-time link to ``email``; an open invitation of the same address is replaced."""
    email = normal_email(email)
    check_roles(roles, MEMBER_ROLES)
    check_may_give(actor, roles)
    invitation_id = uuid7()
    about = Resource("member", str(invitation_id), {"email": email, "roles": list(roles)})
    decision = permit(actor, call, "member.manage", about, roles=list(roles))
    if Member.objects.filter(tenant_id=actor.tenant_id, person__email=email).exists():
        raise AlreadyMember
    open_ones = Invitation.objects.filter(tenant_id=actor.tenant_id, email=email)
    open_ones.filter(accepted_at=None, withdrawn_at=None).update(withdrawn_at=Now())
    link = new_link(actor.tenant_id, invitation_id)
    invitation = Invitation.objects.create(
        id=invitation_id,
        tenant_id=actor.tenant_id,
        email=email,
        roles=sorted(set(roles)),
        secret_hash=link.hash(),
        invited_by=actor.name[:200],
        expires_at=Now() + limits_of(actor.tenant_id).invitation_life,
    )
    personal, details = {"email": email}, {"roles": invitation.roles}
    record(
        actor,
        call,
        "member.manage",
        "member.invited",
        about=about,
        decision=decision,
        personal=personal,
        details=details,
    )
    invitation.refresh_from_db()
    transaction.on_commit(partial(_send, email, link, actor.name), robust=True)
    return Invited(invitation, link)


def withdraw_invitation(*, actor: Actor, call: Call, invitation_id: UUID) -> None:
    """Make an open invitation's link worthless."""
    found = open_invitations(actor.tenant_id).select_for_update().filter(id=invitation_id)
    invitation = found.first()
    about = Resource("member", str(invitation_id))
    decision = permit(actor, call, "member.manage", about, known_by="member.read")
    if invitation is None:
        raise NotFound
    invitation.withdrawn_at = Now()
    invitation.save(update_fields=["withdrawn_at"])
    record(
        actor, call, "member.manage", "member.invitation_withdrawn", about=about, decision=decision
    )


def find_invitation(text: str) -> Invitation:
    """The open invitation a link belongs to; LinkSpent (410) for every other text."""
    link = parse_link(text)
    if link is None:
        raise LinkSpent
    with tenant_scope(link.tenant_id):
        return _open_invitation(link)


def accept_invitation(
    text: str, *, call: Call, name: str = "", password: str = "", person: Person | None = None
) -> Member:
    """Become a member. ``person`` is who is signed in; without an account, one is made with
    ``password``.

    The mail reached its reader, so the address counts as proved.
    """
    link = parse_link(text)
    if link is None:
        raise LinkSpent
    with tenant_scope(link.tenant_id):
        invitation = _open_invitation(link)
        known = Person.objects.filter(email=invitation.email).first()
        if known is not None and (person is None or person.id != known.id):
            raise SignInFirst
        guest = known or make_person(email=invitation.email, name=name, password=password)
        if Member.objects.filter(tenant_id=link.tenant_id, person=guest).exists():
            raise AlreadyMember
        member = Member.objects.create(
            tenant_id=link.tenant_id, person=guest, roles=invitation.roles
        )
        invitation.accepted_at = Now()
        invitation.save(update_fields=["accepted_at"])
        _record_joining(member, call)
    return member


def make_person(*, email: str, name: str, password: str) -> Person:
    """An account whose address is proved. 422 where the password is not good enough."""
    person = Person(email=normal_email(email), name=name.strip()[:200])
    try:
        validate_password(password, person)
    except ValidationError as error:
        faults = tuple(Fault("/password", message) for message in error.messages)
        raise Unfit(" ".join(error.messages), errors=faults) from None
    person.set_password(password)
    try:
        with transaction.atomic():
            person.save(force_insert=True)
    except IntegrityError:
        raise SignInFirst from None
    EmailAddress.objects.create(user=person, email=person.email, verified=True, primary=True)
    return person


def normal_email(email: str) -> str:
    email = email.strip().lower()
    try:
        validate_email(email)
    except ValidationError:
        raise unfit("email", "not an e-mail address") from None
    return email


def _open_invitation(link: Link) -> Invitation:
    rows = open_invitations(link.tenant_id).select_for_update(of=("self",)).filter(id=link.id)
    invitation = rows.select_related("tenant").first()
    if invitation is None or not link.matches(bytes(invitation.secret_hash)):
        raise LinkSpent
    if invitation.tenant.status != Tenant.Status.ACTIVE:
        raise LinkSpent
    return invitation


def _record_joining(member: Member, call: Call) -> None:
    actor = Actor(
        type="member",
        id=member.id,
        name=str(member.person),
        tenant_id=member.tenant_id,
        tenant_slug=member.tenant.slug,
        roles=tuple(member.roles),
        attributes={"email": member.person.email},
        auth_method="session",
    )
    about = Resource("member", str(member.id), {"roles": member.roles})
    personal = {"email": member.person.email}
    record(
        actor, call, "member.manage", "member.joined", about=about, decision=None, personal=personal
    )


def _send(email: str, link: Link, inviter: str) -> None:
    send_mail(
        "You are invited to Stateward",
        f"{inviter} invites you.\n\nOpen this link, once, to join:\n\n{link.url}\n\n"
        "If you did not expect this, you need do nothing.\n",
        None,
        [email],
    )

"""Credentials: issued once, rotated with an overlap, revoked at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models.functions import Now

from governance.people.acts import permit, record
from governance.people.exceptions import CredentialEnded, TooManyCredentials
from governance.people.queries import limits_of, working_credentials
from governance.people.rules import (
    MAX_CREDENTIALS,
    MAX_OVERLAP,
    check_may_give,
    check_scopes,
    credential_end,
    unfit,
)
from stateward.gate.policy.exceptions import Denied
from stateward.gate.policy.requests import Decision, Resource
from stateward.kernel.errors import NotFound
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.authenticate import hash_secret
from stateward.tenancy.limits import copy_rate_limit
from stateward.tenancy.models import Agent, Credential, CredentialIndex, Member
from stateward.tenancy.scope import run_flow
from stateward.tenancy.tokens import Token, new_token

Holder = Agent | Member


@dataclass(frozen=True, slots=True)
class Issued:
    """A new credential and its text, which is shown once and kept nowhere."""

    credential: Credential
    api_key: str


def issue_credential(
    *,
    actor: Actor,
    call: Call,
    holder: Holder,
    label: str = "",
    scopes: Sequence[str] | None = None,
    expires_at: datetime | None = None,
) -> Issued:
    """A new key of an agent, or a personal token of a member.

    Whoever issues for an agent must be able to give its roles. A member needs no permission for a
    token of their own, unless a policy forbids it: it can do no more than they can.
    """
    credential = Credential(tenant_id=actor.tenant_id, label=label, created_by=actor.name[:200])
    _hold(credential, holder)
    decision = _permit(actor, call, credential)
    if actor.id != holder.id:
        check_may_give(actor, holder.roles)
    return _issue(actor, call, credential, decision, scopes=scopes, expires_at=expires_at)


def rotate_credential(
    *, actor: Actor, call: Call, credential_id: UUID, overlap: timedelta = timedelta(days=1)
) -> Issued:
    """A new key in place of an old one, with its scopes and as long a life; the old one works
    for ``overlap`` yet.
    """
    if not timedelta(0) <= overlap <= MAX_OVERLAP:
        most = int(MAX_OVERLAP.total_seconds())
        raise unfit("overlap_seconds", f"a whole number from 0 to {most}")
    old, decision = _managed(actor, call, credential_id)
    now = _database_now()
    if old.replaced_by is not None or not _works(old, now):
        raise CredentialEnded
    new = Credential(
        tenant_id=old.tenant_id, agent_id=old.agent_id, member_id=old.member_id, label=old.label
    )
    new.created_by = actor.name[:200]
    most_life = timedelta(days=limits_of(actor.tenant_id).most_credential_days)
    end = now + min(old.expires_at - old.created_at, most_life) if old.expires_at else None
    issued = _issue(actor, call, new, decision, scopes=old.scopes, expires_at=end, instead_of=old)
    run_flow(copy_rate_limit(old.tenant_id, old.id, issued.credential.id))
    old.replaced_by = issued.credential.id
    old.expires_at = min(filter(None, (old.expires_at, now + overlap)))
    old.save(update_fields=["replaced_by", "expires_at"])
    return issued


def revoke_credential(*, actor: Actor, call: Call, credential_id: UUID) -> Credential:
    """End a credential now: no call that begins after this commits is let in by it. Twice is
    once.
    """
    credential, decision = _managed(actor, call, credential_id)
    if credential.revoked_at is None:
        credential.revoked_at = Now()
        credential.save(update_fields=["revoked_at"])
        _record(actor, call, "credential.revoked", credential, decision=decision, details={})
        credential.refresh_from_db()
    return credential


def resource_of(credential: Credential) -> Resource:
    holder = str(credential.agent_id or credential.member_id)
    return Resource("credential", str(credential.id), {"name": credential.label, "holder": holder})


def _issue(
    actor: Actor,
    call: Call,
    credential: Credential,
    decision: Decision | None,
    *,
    scopes: Sequence[str] | None,
    expires_at: datetime | None,
    instead_of: Credential | None = None,
) -> Issued:
    scopes = None if scopes is None else sorted(set(scopes))
    check_scopes(actor, scopes)
    holder_id = credential.agent_id or credential.member_id
    working = working_credentials(actor.tenant_id)
    is_of_agent = credential.agent_id is not None
    mine = working.filter(**{"agent_id" if is_of_agent else "member_id": holder_id})
    if mine.count() - (instead_of is not None) >= MAX_CREDENTIALS:
        raise TooManyCredentials
    token = new_token()
    credential.key_id, credential.secret_hash = token.key_id, hash_secret(token)
    credential.scopes = scopes
    most_days = limits_of(actor.tenant_id).most_credential_days
    credential.expires_at = credential_end(expires_at, now=_database_now(), most_days=most_days)
    _save(credential, token)
    details: dict[str, Any] = {"holder": str(holder_id), "key_id": token.key_id, "scopes": scopes}
    event = "credential.issued" if instead_of is None else "credential.rotated"
    if instead_of is not None:
        details["instead_of"] = str(instead_of.id)
    _record(actor, call, event, credential, decision=decision, details=details)
    credential.refresh_from_db()
    return Issued(credential, token.text)


def _permit(actor: Actor, call: Call, credential: Credential) -> Decision | None:
    is_own = actor.type == "member" and credential.member_id == actor.id
    try:
        return permit(actor, call, "credential.manage", resource_of(credential))
    except Denied as denied:
        if is_own and denied.members.get("reason") == "no_match":
            return None
        raise


def _managed(actor: Actor, call: Call, credential_id: UUID) -> tuple[Credential, Decision | None]:
    found = Credential.objects.select_for_update(of=("self",))
    credential = found.filter(tenant_id=actor.tenant_id, id=credential_id).first()
    if credential is None:
        raise NotFound
    try:
        return credential, _permit(actor, call, credential)
    except Denied as denied:
        # Who may not manage it may not know that it exists.
        hidden = NotFound()
        for name in ("decision", "action", "resource"):
            setattr(hidden, name, getattr(denied, name))
        raise hidden from None


def _hold(credential: Credential, holder: Holder) -> None:
    if isinstance(holder, Agent):
        credential.agent = holder
    else:
        credential.member = holder


def _save(credential: Credential, token: Token) -> None:
    credential.save(force_insert=True)
    CredentialIndex.objects.create(key_id=token.key_id, tenant_id=credential.tenant_id)


def _works(credential: Credential, now: datetime) -> bool:
    ended = credential.expires_at is not None and credential.expires_at <= now
    return credential.revoked_at is None and not ended


def _database_now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        moment: datetime = cursor.fetchone()[0]
    return moment


def _record(
    actor: Actor,
    call: Call,
    event: str,
    credential: Credential,
    *,
    decision: Decision | None,
    details: dict[str, Any],
) -> None:
    about = resource_of(credential)
    record(actor, call, "credential.manage", event, about=about, decision=decision, details=details)

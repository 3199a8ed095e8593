"""How a bearer credential becomes an actor: one flow for both planes.

One statement finds the tenant of the key id, sets it for row-level security and reads the
credential with its holder. Then, in this order: the secret (in constant time), revocation and
expiry by the database's clock, holder and tenant. Only who knows the secret learns that an agent is
paused or a tenant closed.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import NamedTuple
from uuid import UUID

from django.conf import settings

from stateward.kernel.errors import StatewardError
from stateward.kernel.flow import Flow, Statement
from stateward.tenancy.actors import Actor
from stateward.tenancy.exceptions import BadCredential, NotActive
from stateward.tenancy.models import Agent, Tenant
from stateward.tenancy.tokens import Token, parse_token, secret_hash

FIND = "SELECT * FROM stateward_credential(%s)"


class Holder(NamedTuple):
    """A row of the SQL function ``stateward_credential``."""

    now: datetime
    id: UUID
    secret_hash: bytes
    scopes: list[str] | None
    expires_at: datetime | None
    revoked_at: datetime | None
    tenant_id: UUID
    tenant_slug: str
    tenant_status: str
    agent_id: UUID | None
    agent_name: str | None
    agent_roles: list[str] | None
    framework: str | None
    team: str | None
    environment: str | None
    risk_class: str | None
    owner: UUID | None
    purpose: str | None
    agent_status: str | None
    member_id: UUID | None
    member_roles: list[str] | None
    member_is_active: bool | None
    person_name: str | None
    person_email: str | None
    person_is_active: bool | None


def authenticate(token: str) -> Flow[Actor]:
    """The actor whom ``token`` lets in; BadCredential (401) or NotActive (403)."""
    parsed = parse_token(token)
    if parsed is None:
        raise BadCredential
    rows = yield Statement(FIND, (parsed.key_id,))
    if not rows:
        # The same work as for a known key id, so that time does not tell which ids exist.
        hmac.compare_digest(secret_hash(parsed.secret, hashing_keys()[0]), bytes(32))
        raise BadCredential
    holder = Holder(*rows[0])
    if not _knows_the_secret(parsed, bytes(holder.secret_hash)):
        raise BadCredential
    actor = _agent(holder, holder.agent_id) if holder.agent_id else _member(holder)
    if actor is None:
        raise BadCredential
    if _has_ended(holder):
        raise attributed(BadCredential(), actor, _how_it_ended(holder))
    if inactive := _why_inactive(holder):
        raise attributed(NotActive(inactive), actor, NotActive.code)
    return actor


def attributed(error: StatewardError, actor: Actor, reason: str) -> StatewardError:
    """``error`` with what the audit is to say of it; the caller is told none of this.

    For refusals of someone who knows the secret: the record belongs to the holder's tenant, which
    wants to know that a key is used after its end.
    """
    error.actor = actor  # type: ignore[attr-defined]  # read by whoever records denials
    error.denial = {  # type: ignore[attr-defined]  # likewise
        "action": "access",
        "resource_type": "credential",
        "resource_id": str(actor.credential_id),
        "reason": reason,
    }
    return error


def hash_secret(token: Token) -> bytes:
    """What a new credential's row keeps of its secret."""
    return secret_hash(token.secret, hashing_keys()[0])


def hashing_keys() -> Sequence[bytes]:
    """The key secrets are hashed under, then those it replaced (``SECRET_KEY_FALLBACKS``)."""
    return [_derived(text) for text in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]


@cache
def _derived(secret_key: str) -> bytes:
    return hmac.digest(secret_key.encode(), b"stateward credential secrets v1", hashlib.sha256)


def _knows_the_secret(token: Token, stored: bytes) -> bool:
    matches = [
        hmac.compare_digest(secret_hash(token.secret, key), stored) for key in hashing_keys()
    ]
    return any(matches)


def _how_it_ended(holder: Holder) -> str:
    return "credential_revoked" if holder.revoked_at is not None else "credential_expired"


def _why_inactive(holder: Holder) -> str | None:
    if holder.tenant_status != Tenant.Status.ACTIVE:
        return "This tenant is closed."
    if holder.agent_id is not None:
        is_active = holder.agent_status == Agent.Status.ACTIVE
        return None if is_active else f"This agent is {holder.agent_status}."
    is_active = bool(holder.member_is_active and holder.person_is_active)
    return None if is_active else "This member is not active."


def _has_ended(holder: Holder) -> bool:
    expired = holder.expires_at is not None and holder.expires_at <= holder.now
    return expired or holder.revoked_at is not None


def _agent(holder: Holder, agent_id: UUID) -> Actor:
    return Actor(
        type="agent",
        id=agent_id,
        name=holder.agent_name or "",
        tenant_id=holder.tenant_id,
        tenant_slug=holder.tenant_slug,
        roles=tuple(holder.agent_roles or ()),
        attributes={
            "framework": holder.framework or "",
            "team": holder.team or "",
            "environment": holder.environment or "",
            "risk_class": holder.risk_class or "",
            "owner": str(holder.owner or ""),
            "purpose": holder.purpose or "",
        },
        auth_method="api_key",
        credential_id=holder.id,
        scopes=None if holder.scopes is None else frozenset(holder.scopes),
        ends_at=holder.expires_at,
    )


def _member(holder: Holder) -> Actor | None:
    if holder.member_id is None:
        return None
    return Actor(
        type="member",
        id=holder.member_id,
        name=holder.person_name or holder.person_email or "",
        tenant_id=holder.tenant_id,
        tenant_slug=holder.tenant_slug,
        roles=tuple(holder.member_roles or ()),
        attributes={"email": holder.person_email or ""},
        auth_method="token",
        credential_id=holder.id,
        scopes=None if holder.scopes is None else frozenset(holder.scopes),
        ends_at=holder.expires_at,
    )

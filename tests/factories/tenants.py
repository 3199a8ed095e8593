"""Tenants with their people and programs, made straight in the tables: what most tests begin
from.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from stateward.kernel.clock import now
from stateward.kernel.ids import uuid7
from stateward.tenancy.authenticate import hash_secret
from stateward.tenancy.models import (
    Agent,
    Credential,
    CredentialIndex,
    Epoch,
    Member,
    Person,
    Tenant,
)
from stateward.tenancy.scope import tenant_scope
from stateward.tenancy.tokens import new_token

PASSWORD = "a long enough passphrase"


@dataclass(frozen=True)
class Issued:
    id: UUID
    key_id: str
    text: str


def make_tenant(**fields: Any) -> Tenant:
    tenant = Tenant.objects.create(slug=f"t-{uuid7()}", **{"name": "A tenant", **fields})
    Epoch.objects.create(tenant_id=tenant.id)
    return tenant


def make_person(**fields: Any) -> Person:
    fields = {"email": f"p-{uuid7()}@example.org", "password": PASSWORD, "name": "Pat", **fields}
    return Person.objects.create_user(**fields)


def make_member(tenant: Tenant, *roles: str, person: Person | None = None, **fields: Any) -> Member:
    with tenant_scope(tenant.id):
        return Member.objects.create(
            tenant=tenant,
            person=person or make_person(),
            roles=list(roles or ("viewer",)),
            **fields,
        )


def make_agent(tenant: Tenant, *roles: str, **fields: Any) -> Agent:
    with tenant_scope(tenant.id):
        return Agent.objects.create(
            tenant=tenant, **{"name": f"a-{uuid7()}", "roles": list(roles or ("reader",)), **fields}
        )


def make_key(
    holder: Agent | Member,
    *,
    scopes: list[str] | None = None,
    expires_at: datetime | None = None,
    **fields: Any,
) -> Issued:
    token = new_token()
    name = "agent" if isinstance(holder, Agent) else "member"
    with tenant_scope(holder.tenant_id):
        credential = Credential.objects.create(
            tenant_id=holder.tenant_id,
            key_id=token.key_id,
            secret_hash=hash_secret(token),
            scopes=scopes,
            expires_at=expires_at or now() + timedelta(days=1),
            **{name: holder},
            **fields,
        )
        CredentialIndex.objects.create(key_id=token.key_id, tenant_id=holder.tenant_id)
    return Issued(credential.id, token.key_id, token.text)


def epoch_of(tenant: Tenant) -> int:
    return Epoch.objects.get(tenant_id=tenant.id).epoch

"""How often callers may call: set for the whole tenant or for one credential, in force from the
next look a process takes, at most a second later.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from governance.people.acts import permit, record
from governance.people.rules import unfit
from governance.people.services.credentials import resource_of as credential_resource
from governance.people.services.tenants import resource_of as tenant_resource
from stateward.gate.policy.exceptions import Denied
from stateward.gate.policy.requests import Decision
from stateward.kernel.errors import NotFound
from stateward.kernel.gcra import Pace
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.limits import (
    LEAST_PER_SECOND,
    MOST_BURST,
    MOST_PER_SECOND,
    rate_limits_of,
    set_rate_limit,
)
from stateward.tenancy.models import Credential, Tenant
from stateward.tenancy.scope import run_flow


def tenant_pace(actor: Actor, call: Call) -> Pace | None:
    """The tenant's limit, for who may read the tenant; None: it has none."""
    tenant = Tenant.objects.get(id=actor.tenant_id)
    permit(actor, call, "tenant.read", tenant_resource(tenant))
    return pace_of(actor.tenant_id, actor.tenant_id)


def limit_tenant(*, actor: Actor, call: Call, pace: Pace | None) -> Pace | None:
    """From now on all callers of the tenant together stay within ``pace``; None: no limit."""
    tenant = Tenant.objects.select_for_update().get(id=actor.tenant_id)
    about = tenant_resource(tenant)
    decision = permit(actor, call, "tenant.manage", about)
    details = _change(tenant.id, tenant.id, pace)
    record(
        actor,
        call,
        "tenant.manage",
        "rate_limit.set",
        about=about,
        decision=decision,
        details=details,
    )
    return pace


def credential_pace(actor: Actor, call: Call, credential_id: UUID) -> Pace | None:
    """A credential's own limit; 404 for who may not manage the credential."""
    _managed(actor, call, credential_id)
    return pace_of(actor.tenant_id, credential_id)


def limit_credential(
    *, actor: Actor, call: Call, credential_id: UUID, pace: Pace | None
) -> Pace | None:
    """From now on the credential stays within ``pace``; None: no limit of its own. Its holder may
    not do it for being the holder: who is held to a limit does not lift it.
    """
    credential, decision = _managed(actor, call, credential_id)
    about = credential_resource(credential)
    details = _change(credential.tenant_id, credential.id, pace)
    record(
        actor,
        call,
        "credential.manage",
        "rate_limit.set",
        about=about,
        decision=decision,
        details=details,
    )
    return pace


def pace_of(tenant_id: UUID, subject: UUID) -> Pace | None:
    """The limit of one credential, or (by its own id) of the tenant. Whoever calls has decided."""
    found = run_flow(rate_limits_of(tenant_id, subject))
    return found[0].pace if found else None


def _managed(actor: Actor, call: Call, credential_id: UUID) -> tuple[Credential, Decision | None]:
    credential = Credential.objects.filter(tenant_id=actor.tenant_id, id=credential_id).first()
    if credential is None:
        raise NotFound
    try:
        return credential, permit(actor, call, "credential.manage", credential_resource(credential))
    except Denied as denied:
        hidden = NotFound()
        for name in ("decision", "action", "resource"):
            setattr(hidden, name, getattr(denied, name))
        raise hidden from None


def _change(tenant_id: UUID, subject: UUID, pace: Pace | None) -> dict[str, Any]:
    """Set it; what the record is to say of it."""
    _check(pace)
    before = pace_of(tenant_id, subject)
    run_flow(set_rate_limit(tenant_id, subject, pace))
    return {"subject": str(subject), "before": _details(before), "after": _details(pace)}


def _check(pace: Pace | None) -> None:
    if pace is None:
        return
    if not LEAST_PER_SECOND <= pace.per_second <= MOST_PER_SECOND:
        said = f"a number from {LEAST_PER_SECOND} to {MOST_PER_SECOND:,}"
        raise unfit("requests_per_second", said)
    if not 1 <= pace.burst <= MOST_BURST:
        raise unfit("burst", f"a whole number from 1 to {MOST_BURST:,}")


def _details(pace: Pace | None) -> dict[str, float] | None:
    return None if pace is None else {"requests_per_second": pace.per_second, "burst": pace.burst}

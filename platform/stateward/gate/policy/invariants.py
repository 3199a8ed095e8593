"""L0: what no policy, role or grant can change. Each answers with a code and a sentence when it
refuses.

One of them refuses a refusal: a tenant's own ``forbid`` never binds an owner who reads or
activates policies. Whoever writes a rule that shuts everybody out can still be undone by an owner,
at once and without breaking in (``EMERGENCY``).
"""

from __future__ import annotations

from collections.abc import Collection

from stateward.gate.policy.facts import PrincipalFacts, ResourceFacts
from stateward.gate.policy.vocabulary import ACTION_NAMES
from stateward.tenancy.models import AGENT_ROLES

Refusal = tuple[str, str]

# What an owner can always do about policies, whatever a tenant's forbid says.
EMERGENCY = frozenset({"policy.read", "policy.activate"})

# What a restriction of processing refuses whatever for, and what it allows for its purpose alone.
_USING = frozenset({"state.write", "state.delete", "state.propose", "state.vote", "state.lease"})
_READING = frozenset({"state.read_value", "state.decrypt_restricted"})
_UNDER_HOLD = frozenset({"state.delete", "state.purge", "namespace.delete"})

_SENTENCES = {
    "other_tenant": "This belongs to another tenant.",
    "tenant_closed": "This tenant is closed.",
    "principal_inactive": "The principal is paused, disabled or retired.",
    "unknown_action": "There is no such action.",
    "under_hold": "A hold keeps this; nothing in it is deleted.",
    "subject_restricted": "Processing of this person's data is restricted.",
}

# Nobody gives more than they hold: the roles whose holder may give each role.
_GIVERS: dict[str, frozenset[str]] = {
    "owner": frozenset({"owner"}),
    **dict.fromkeys(
        ("admin", "editor", "auditor", "viewer", *AGENT_ROLES), frozenset({"owner", "admin"})
    ),
}


def is_emergency(principal: PrincipalFacts, action: str) -> bool:
    is_owner = principal.uid[0] == "Member" and "owner" in principal.attributes["roles"]
    return is_owner and action in EMERGENCY


def standing_refusal(
    tenant: tuple[str, str, bool], principal: PrincipalFacts, action: str, resource: ResourceFacts
) -> Refusal | None:
    """What can be told without the context. ``tenant`` is its id, its slug, and whether it is
    active.
    """
    tenant_id, slug, is_active = tenant
    foreign = resource.uid[0] == "Tenant" and resource.uid[1] not in (tenant_id, slug)
    foreign = foreign or (resource.tenant is not None and str(resource.tenant) != tenant_id)
    code = None
    if foreign or principal.tenant_id != tenant_id:
        code = "other_tenant"
    elif not is_active:
        code = "tenant_closed"
    elif not principal.is_active:
        code = "principal_inactive"
    elif action not in ACTION_NAMES:
        code = "unknown_action"
    elif resource.is_held and action in _UNDER_HOLD:
        code = "under_hold"
    elif resource.restricted_to is not None and action in _USING:
        code = "subject_restricted"
    return (code, _SENTENCES[code]) if code else None


def restriction_refusal(action: str, resource: ResourceFacts, purpose: object) -> Refusal | None:
    """What refuses reading a restricted person's data for any other purpose than the one named."""
    if resource.restricted_to in {None, purpose} or action not in _READING:
        return None
    return "subject_restricted", _SENTENCES["subject_restricted"]


def giving_refusal(
    principal: PrincipalFacts, resource: ResourceFacts, roles: Collection[str]
) -> Refusal | None:
    """What refuses handing out ``roles``: to oneself never, and to others none above one's own."""
    if principal.uid == resource.uid:
        return "own_roles", "Nobody changes their own roles."
    held = frozenset(principal.attributes["roles"])
    above = [role for role in sorted(roles) if held.isdisjoint(_GIVERS.get(role, frozenset()))]
    if above:
        return "above_own_roles", f"Giving the role {above[0]} takes more than you hold."
    return None

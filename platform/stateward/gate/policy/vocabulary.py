"""The words policies are written in: actions and their groups, kinds of principal and resource, and
their attributes.

``schema/v1.cedarschema`` says the same to Cedar's validator; a test holds the two together.
"""

from __future__ import annotations

from typing import Literal

SCHEMA_VERSION = 1

ResourceType = Literal[
    "tenant", "namespace", "entry", "policy", "agent", "member", "credential",
    "audit_log", "backup", "hold", "data_key", "job",
]  # fmt: skip

_FAMILIES = {
    "state": (
        "read_meta read_value decrypt_restricted write delete purge lease break_lease propose vote"
    ),
    "namespace": "create read update delete",
    "policy": "read draft approve activate explain",
    "classification": "read manage",
    "retention": "read manage",
    "hold": "read place release",
    "subject": "read manage disclose erase",
    "key": "read rotate destroy",
    "backup": "read create restore",
    "audit": "read export manage",
    "grant": "read manage",
    "compliance": "read manage",
    "alert": "read manage",
    "model": "use",
    "agent": "read manage",
    "credential": "manage",
    "member": "read manage",
    "tenant": "read manage",
    "job": "read manage",
    "breakglass": "use",
}

ACTIONS: tuple[str, ...] = tuple(
    f"{family}.{verb}" for family, verbs in _FAMILIES.items() for verb in verbs.split()
)

# Every action with the groups it belongs to, itself first.
ACTION_NAMES: dict[str, tuple[str, ...]] = {
    action: (action, f"{action.split('.')[0]}.*", "*") for action in ACTIONS
}
for _action in ("state.read_meta", "state.read_value"):
    ACTION_NAMES[_action] += ("state.read",)

GROUPS: frozenset[str] = frozenset(
    name for names in ACTION_NAMES.values() for name in names
) - frozenset(ACTIONS)

ENTITY_TYPES: dict[str, str] = {
    "agent": "Agent",
    "member": "Member",
    "system": "System",
    "tenant": "Tenant",
    "namespace": "Namespace",
    "entry": "Entry",
    "policy": "Policy",
    "credential": "Credential",
    "audit_log": "AuditLog",
    "backup": "Backup",
    "hold": "Hold",
    "data_key": "DataKey",
    "job": "Job",
}

_STATE = ("name", "namespace", "classification", "owner", "scope")

# Texts every entity of a type has; what a caller leaves out is the empty text, so that no policy
# fails on its absence.
TEXTS: dict[str, tuple[str, ...]] = {
    "Agent": (
        "id", "name", "framework", "team", "environment", "risk_class", "owner", "purpose",
    ),
    "Member": ("id", "name", "email"),
    "System": ("id", "name"),
    "Tenant": ("name",),
    "Namespace": _STATE,
    "Entry": _STATE,
    "Policy": ("name",),
    "Credential": ("name", "holder"),
    "AuditLog": ("name",),
    "Backup": ("name",),
    "Hold": ("name",),
    "DataKey": ("name", "namespace"),
    "Job": ("name",),
}  # fmt: skip
WITH_ROLES = frozenset({"Agent", "Member", "System"})
WITH_LABELS = frozenset({"Namespace", "Entry"})


def scope_allows(scopes: frozenset[str] | None, action: str) -> bool:
    """Whether a credential capped to ``scopes`` (names of actions or groups; None caps nothing) may
    be used for it.
    """
    return scopes is None or not scopes.isdisjoint(ACTION_NAMES[action])

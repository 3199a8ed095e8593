"""The words of grants: what they may be about, to whom they may be given, and which actions make
sense there.
"""

from __future__ import annotations

from functools import cache
from typing import Literal

from stateward.gate.policy.vocabulary import ACTION_NAMES, ACTIONS, GROUPS

ObjectType = Literal["tenant", "namespace", "agent", "policy"]
PrincipalType = Literal["member", "group", "agent"]

OBJECT_TYPES: tuple[ObjectType, ...] = ("tenant", "namespace", "agent", "policy")
PRINCIPAL_TYPES: tuple[PrincipalType, ...] = ("member", "group", "agent")
# An agent works with state; that it manages agents or policies is for roles to say, in the open.
AGENTS_OBJECTS: tuple[ObjectType, ...] = ("tenant", "namespace")

# Families of actions that are about such an object or what lies beneath it.
_FAMILIES: dict[ObjectType, frozenset[str]] = {
    "tenant": frozenset(action.split(".")[0] for action in ACTIONS),
    "namespace": frozenset({"state", "namespace", "retention", "hold", "grant", "model"}),
    "agent": frozenset({"agent", "grant"}),
    "policy": frozenset({"policy", "grant"}),
}


@cache
def actions_of(kind: ObjectType) -> tuple[str, ...]:
    """The single actions that a grant on such an object may allow, in their usual order."""
    return tuple(one for one in ACTIONS if one.split(".")[0] in _FAMILIES[kind])


@cache
def grantable(kind: ObjectType) -> frozenset[str]:
    """Names a grant may hold: actions, and groups all of whose actions belong there."""
    own = frozenset(actions_of(kind))
    groups = {group for group in GROUPS if set(meant_by(group)) <= own}
    return own | groups


@cache
def meant_by(name: str) -> tuple[str, ...]:
    """The single actions that a name stands for."""
    return tuple(action for action in ACTIONS if name in ACTION_NAMES[action])


def meant(names: frozenset[str]) -> tuple[str, ...]:
    """The same for several names, each action once."""
    return tuple(one for one in ACTIONS if not names.isdisjoint(ACTION_NAMES[one]))


@cache
def everything(kind: ObjectType) -> tuple[str, ...]:
    """The fewest names that stand for all that can be granted there."""
    if kind == "tenant":
        return ("*",)
    families = dict.fromkeys(one.split(".")[0] for one in actions_of(kind))
    return tuple(f"{family}.*" for family in families)

"""A statement's reach as values that can be compared: which statement covers which.

One covers another if whatever matches the other matches it. That is told from the syntax alone and
is sound, never complete: scopes by type, name and the tree of namespaces, actions by their groups,
conditions by being the same, so that one with fewer of them covers more.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from cedarpy import pst

from stateward.gate.policy.screening import chain_of
from stateward.gate.policy.statements import Statement
from stateward.gate.policy.vocabulary import ACTION_NAMES, ACTIONS

Uid = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Reach:
    """One side of a scope: of a type, the thing itself or all beneath it; None: whatever it is."""

    type: str | None = None
    entity: Uid | None = None
    beneath: bool = False  # with all that lies in the entity

    def covers(self, other: Reach) -> bool:
        if self.type is not None and self.type != other.known_type:
            return False
        if self.entity is None:
            return True
        if other.entity is None:
            return False
        if self.entity == other.entity:
            return self.beneath or not other.beneath
        return self.beneath and _lies_in(other.entity, self.entity)

    @property
    def known_type(self) -> str | None:
        """The type of all that it reaches, where it is known."""
        return self.type or (self.entity[0] if self.entity and not self.beneath else None)


@dataclass(frozen=True, slots=True)
class Shape:
    """What a statement is about. ``conditions`` are the links of its chain, as Cedar's tree spells
    them; what stands in an ``unless`` begins with "not".
    """

    effect: Literal["permit", "forbid"]
    principal: Reach
    actions: frozenset[str]
    resource: Reach
    conditions: frozenset[str]

    def covers(self, other: Shape) -> bool:
        return (
            self.actions >= other.actions
            and self.conditions <= other.conditions
            and self.principal.covers(other.principal)
            and self.resource.covers(other.resource)
        )


def shape_of(statement: Statement) -> Shape:
    tree = statement.tree
    return Shape(
        statement.effect,
        _reach(tree.principal),
        actions_of(tree),
        _reach(tree.resource),
        frozenset(_spelled(is_not, link) for is_not, link in links_of(tree)),
    )


def actions_of(tree: pst.Template) -> frozenset[str]:
    """Every action its scope stands for, groups resolved."""
    match tree.action:
        case pst.ActionEq(entity=entity):
            return _members(entity.id)
        case pst.ActionIn(entities=entities):
            return frozenset[str]().union(*(_members(entity.id) for entity in entities))
    return frozenset(ACTIONS)


def links_of(tree: pst.Template) -> list[tuple[bool, pst.Expr]]:
    """Every condition that must hold, or (True) must not."""
    found: list[tuple[bool, pst.Expr]] = []
    for clause in tree.clauses:
        if isinstance(clause, pst.Unless):
            found += [(True, part) for part in _alternatives(clause.expr)]
        else:
            found += [(False, link) for link in chain_of(clause.expr)]
    return found


def _spelled(is_not: bool, link: pst.Expr) -> str:
    return f"not {link!r}" if is_not else repr(link)


def _alternatives(expression: pst.Expr) -> list[pst.Expr]:
    """``a || b``: each must fail where the whole must."""
    found: list[pst.Expr] = []
    rest = [expression]
    while rest:
        part = rest.pop()
        if isinstance(part, pst.BinaryOp) and part.op == "or":
            rest += [part.right, part.left]
        else:
            found.append(part)
    return found


@cache
def _members(name: str) -> frozenset[str]:
    return frozenset(action for action, names in ACTION_NAMES.items() if name in names)


def _reach(constraint: Any) -> Reach:
    match constraint:
        case pst.ScopeEq(entity=pst.EntityUid() as uid):
            return Reach(entity=(str(uid.type), uid.id))
        case pst.ScopeIn(entity=pst.EntityUid() as uid):
            return Reach(entity=(str(uid.type), uid.id), beneath=True)
        case pst.ScopeIs(entity_type=kind):
            return Reach(type=str(kind))
        case pst.ScopeIsIn(entity_type=kind, entity=pst.EntityUid() as uid):
            return Reach(str(kind), (str(uid.type), uid.id), beneath=True)
    return Reach()


def _lies_in(inner: Uid, outer: Uid) -> bool:
    """Whether a namespace or entry lies in a namespace, told from their names."""
    if outer[0] != "Namespace" or inner[0] not in {"Namespace", "Entry"}:
        return False
    name = inner[1].partition("/")[0] if inner[0] == "Entry" else inner[1]
    is_within = name.startswith(f"{outer[1]}.")
    return is_within or (inner[0] == "Entry" and name == outer[1])

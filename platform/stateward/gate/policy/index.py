"""Which statements a request can meet, found without asking Cedar about the rest.

Each statement is filed under one action, one principal and one resource key, read off its scope; a
scope that names nobody in particular is narrowed by a leading condition such as ``principal.team ==
"desk"``. Leaving the others out changes no answer: Cedar looks at the scope first, then at
conditions from left to right, and these comparisons read texts that every entity has, so what is
left out would have been false and could not have failed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Literal

from cedarpy import pst

from stateward.gate.policy.facts import EntityFacts, Lens, Uid
from stateward.gate.policy.screening import chain_of
from stateward.gate.policy.vocabulary import TEXTS

ANY = "*"
Side = Literal["principal", "resource"]
SIDES: tuple[Side, ...] = ("principal", "resource")
# Texts that every type of principal, or every type a namespace's policies speak of, surely has.
_SURE = {
    "principal": frozenset({"id", "name"}),
    "resource": frozenset({"name"}),
}


class Index:
    """Statements by number, filed under (action, principal, resource)."""

    def __init__(self, trees: Iterable[pst.Template]) -> None:
        self._filed: defaultdict[tuple[str, str, str], list[int]] = defaultdict(list)
        for number, tree in enumerate(trees):
            principal, resource = (
                filed_under(tree, "principal")[0],
                filed_under(tree, "resource")[0],
            )
            for action in _action_keys(tree.action):
                self._filed[action, principal, resource].append(number)
        self.principal_keys = frozenset(key[1] for key in self._filed)
        self.resource_keys = frozenset(key[2] for key in self._filed)
        self.principal_attributes = _compared(self.principal_keys)
        self.resource_attributes = _compared(self.resource_keys)

    def find(
        self, actions: Iterable[str], principals: Iterable[str], resources: Iterable[str]
    ) -> tuple[int, ...]:
        """The numbers of all statements that could apply, ascending."""
        found: set[int] = set()
        for action in (*actions, ANY):
            for principal in principals:
                for resource in resources:
                    found.update(self._filed.get((action, principal, resource), ()))
        return tuple(sorted(found))


def _compared(keys: Iterable[str]) -> frozenset[str]:
    """The attributes that keys such as ``team=desk`` compare."""
    return frozenset(key.partition("=")[0] for key in keys if "=" in key and key[0].islower())


def _action_keys(constraint: pst.ActionConstraint) -> tuple[str, ...]:
    if isinstance(constraint, pst.ActionEq):
        return (constraint.entity.id,)
    if isinstance(constraint, pst.ActionIn):
        return tuple(dict.fromkeys(entity.id for entity in constraint.entities))
    return (ANY,)


def filed_under(tree: pst.Template, side: Side) -> tuple[str, bool]:
    """The key of one side of the scope, and whether meeting the key is all that the scope asks."""
    match tree.principal if side == "principal" else tree.resource:
        case pst.ScopeEq(entity=pst.EntityUid() as uid):
            return f"== {uid.type}::{uid.id}", True
        case pst.ScopeIn(entity=pst.EntityUid() as uid):
            return f"{uid.type}::{uid.id}", True
        case pst.ScopeIsIn(entity=pst.EntityUid() as uid):
            return f"{uid.type}::{uid.id}", False
        case pst.ScopeIs(entity_type=kind):
            compared = _leading_key(tree, side)
            return compared or f"is {kind}", compared is None
    return _leading_key(tree, side) or ANY, True


def _leading_key(tree: pst.Template, side: str) -> str | None:
    """The key of a leading comparison, for a scope that names no entity."""
    compared = {
        attribute: value
        for variable, attribute, value in _leading_comparisons(tree)
        if variable == side
    }
    if not compared:
        return None
    # The more an attribute tells apart, the fewer rules are met under one key.
    attribute = next((name for name in ("id", "name") if name in compared), min(compared))
    return f"{attribute}={compared[attribute]}"


def _leading_comparisons(tree: pst.Template) -> Iterator[tuple[str, str, str]]:
    """The comparisons with a text that begin the first ``when``, up to what could fail."""
    if not tree.clauses or not isinstance(tree.clauses[0], pst.When):
        return
    guarded: set[tuple[str, str]] = set()
    for link in chain_of(tree.clauses[0].expr):
        match link:
            case pst.HasAttr(base=pst.Var(name=variable), attrs=(attribute,)):
                guarded.add((variable, attribute))
            case pst.BinaryOp(
                op="eq",
                left=pst.GetAttr(
                    base=pst.Var(name="principal" | "resource" as variable), attr=attribute
                ),
                right=pst.StringLit(value=value),
            ) if (variable, attribute) in guarded or _is_sure(tree, variable, attribute):
                yield variable, attribute, value
            case _:
                return


def _is_sure(tree: pst.Template, variable: str, attribute: str) -> bool:
    """Whether reading the attribute cannot fail, whoever asks and whatever is asked about."""
    match tree.principal if variable == "principal" else tree.resource:
        case pst.ScopeIs(entity_type=kind) | pst.ScopeIsIn(entity_type=kind):
            return attribute in TEXTS.get(str(kind), ())
        case pst.ScopeEq(entity=pst.EntityUid(type=kind)):
            return attribute in TEXTS.get(str(kind), ())
        case pst.ScopeIn(entity=pst.EntityUid(type=kind)) if str(kind) == "Namespace":
            return attribute in TEXTS["Namespace"]  # only namespaces and entries lie in one
    return attribute in _SURE[variable]


def named_entities(nodes: tuple[pst.PstNode, ...]) -> frozenset[Uid]:
    """Every entity that is named anywhere in ``nodes``."""
    return frozenset((str(uid.type), uid.id) for uid in pst.entity_uids(nodes))


def lens_of(tree: pst.Template) -> Lens:
    """What a statement can read, seen from its syntax alone. Of its scope, only what the index has
    not settled.
    """
    reading = _Reading()
    stack: list[Any] = [tree.clauses]
    while stack:
        stack.extend(reading.note(stack.pop()))
    unsettled = [getattr(tree, side) for side in SIDES if not filed_under(tree, side)[1]]
    return Lens(
        principal=frozenset(reading.of["principal"]),
        resource=frozenset(reading.of["resource"]),
        labels=reading.labels,
        context=frozenset(reading.of["context"]),
        ancestors=named_entities((*tree.clauses, *unsettled)),
        uids=frozenset(reading.uids).union(
            side for side in SIDES if not filed_under(tree, side)[1]
        ),
        action=reading.action,
        everything=reading.everything,
    )


class _Reading:
    """What has been seen to be read so far. Whatever it does not understand counts as all."""

    def __init__(self) -> None:
        self.of: dict[str, set[str]] = {"principal": set(), "resource": set(), "context": set()}
        self.uids: set[str] = set()
        self.labels = self.action = self.everything = False

    def note(self, node: Any) -> Iterable[Any]:
        """Take note of one node; answers its parts that are still to be looked at."""
        match node:
            case pst.GetAttr() | pst.HasAttr():
                return self._note_attribute(node)
            case pst.BinaryOp(op="get_tag" | "has_tag", left=left, right=right):
                if not isinstance(left, pst.Var) or left.name != "resource":
                    self.everything = True
                self.labels = True
                return (right,)
            case pst.BinaryOp(op="in", left=left, right=right):
                self.everything = self.everything or not _is_literal(right)
                return (left, right)
            case pst.Var(name=name):
                self.everything = self.everything or name == "context"
                self.action = self.action or name == "action"
                self.uids.add(name)
                return ()
        return _parts(node)

    def _note_attribute(self, node: pst.GetAttr | pst.HasAttr) -> Iterable[Any]:
        base = node.base
        if isinstance(base, pst.Var) and base.name in self.of:
            self.of[base.name].add(node.attr if isinstance(node, pst.GetAttr) else node.attrs[0])
            return ()
        self.everything = self.everything or not _is_context_path(node)
        return (base,)


def walk(node: Any) -> Iterator[Any]:
    """Every node under ``node``, itself first; without recursion."""
    stack: list[Any] = [node]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(_parts(node))


def scope_matches(
    tree: pst.Template, actions: Collection[str], principal: EntityFacts, resource: EntityFacts
) -> bool:
    """Whether the statement's scope, its conditions aside, holds for this request."""
    action = tree.action
    return (
        (isinstance(action, pst.ScopeAny) or not set(_action_keys(action)).isdisjoint(actions))
        and _constraint_holds(tree.principal, principal)
        and _constraint_holds(tree.resource, resource)
    )


def _constraint_holds(constraint: pst.PrincipalOrResourceConstraint, entity: EntityFacts) -> bool:
    match constraint:
        case pst.ScopeEq(entity=pst.EntityUid() as uid):
            return entity.uid == (str(uid.type), uid.id)
        case pst.ScopeIn(entity=pst.EntityUid() as uid):
            return (str(uid.type), uid.id) in (entity.uid, *entity.parents)
        case pst.ScopeIs(entity_type=kind):
            return entity.uid[0] == str(kind)
        case pst.ScopeIsIn(entity_type=kind, entity=pst.EntityUid() as uid):
            own = (entity.uid, *entity.parents)
            return entity.uid[0] == str(kind) and (str(uid.type), uid.id) in own
    return True


def _parts(node: Any) -> Iterable[Any]:
    if isinstance(node, tuple):
        return node
    if isinstance(node, Mapping):
        return node.values()
    if is_dataclass(node):
        return [getattr(node, field.name) for field in fields(node)]
    return ()


def _is_literal(node: pst.Expr) -> bool:
    if isinstance(node, pst.Set):
        return all(isinstance(element, pst.EntityLit) for element in node.elements)
    return isinstance(node, pst.EntityLit)


def _is_context_path(node: pst.GetAttr | pst.HasAttr) -> bool:
    """``context.a.b``: reads one member of the context, at whatever depth."""
    base = node.base
    while isinstance(base, pst.GetAttr):
        base = base.base
    return isinstance(base, pst.Var) and base.name == "context"

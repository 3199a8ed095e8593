"""The common shapes of a rule as a form, in one-to-one correspondence with its text.

``text_of_form`` writes a form; ``form_of_text`` reads it back, or answers None for a text that the
form cannot say, which is then shown as text only. Whatever is read back is written as the same
rule: ``form_of_text`` compares Cedar's trees of both before it answers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from cedarpy import pst

from governance.policies.shapes import links_of
from governance.policies.templates import quoted
from stateward.gate.policy.statements import parse
from stateward.gate.policy.tokens import TextFault
from stateward.gate.policy.vocabulary import ACTION_NAMES, GROUPS
from stateward.kernel.errors import unfit

Effect = Literal["permit", "forbid"]
Who = Literal["anybody", "agents", "members", "agent", "member", "role"]
What = Literal["anything", "entries", "namespace", "entry"]
Operator = Literal["is", "is_not", "one_of", "has_label", "has"]
EFFECTS: tuple[Effect, ...] = ("permit", "forbid")
WHO: tuple[Who, ...] = ("anybody", "agents", "members", "agent", "member", "role")
WHAT: tuple[What, ...] = ("anything", "entries", "namespace", "entry")
OPERATORS: tuple[Operator, ...] = ("is", "is_not", "one_of", "has_label", "has")
NAMED_WHO = frozenset({"agent", "member", "role"})
NAMED_WHAT = frozenset({"namespace", "entry"})
# What a condition may be about; the last ones may be absent, and are tested first.
FIELDS = (
    "principal.name", "principal.team", "principal.environment", "principal.risk_class",
    "principal.framework", "resource.name", "resource.classification", "resource.owner",
    "context.auth_method", "context.purpose", "context.run",
)  # fmt: skip
ABSENT = frozenset({"context.purpose", "context.run"})
FLAG = "context.mfa"
MOST_CONDITIONS = 20
_LITERAL = re.compile(r'"(?:[^"\\]|\\.)*"')


@dataclass(frozen=True, slots=True)
class Condition:
    """``field`` ``operator`` ``values``; of ``has_label`` the field is the label's name. ``has``
    takes no value: a flag that is set, or something that is there.
    """

    field: str
    operator: Operator
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RuleForm:
    """One statement. ``conditions`` must all hold; ``exceptions``: none of them may."""

    effect: Effect
    who: Who
    who_name: str
    actions: tuple[str, ...]  # of actions or groups; none: all
    what: What
    what_name: str
    conditions: tuple[Condition, ...] = ()
    exceptions: tuple[Condition, ...] = ()


_WHO = {
    "anybody": "principal",
    "agents": "principal is Agent",
    "members": "principal is Member",
    "agent": "principal == Agent::{}",
    "member": "principal == Member::{}",
    "role": "principal in Role::{}",
}
_WHAT = {
    "anything": "resource",
    "entries": "resource is Entry",
    "namespace": "resource in Namespace::{}",
    "entry": "resource == Entry::{}",
}


def text_of_form(form: RuleForm) -> str:
    """The form as Cedar, laid out as our own are."""
    who = _WHO[form.who].format(quoted(form.who_name))
    what = _WHAT[form.what].format(quoted(form.what_name))
    head = f"{form.effect} (\n  {who},\n  {_actions(form.actions)},\n  {what}\n)"
    when = _block("when", " &&\n  ", form.conditions)
    unless = _block("unless", " ||\n  ", form.exceptions)
    return f"{head}{when}{unless};\n"


def check_form(form: RuleForm) -> None:
    """422 with its place for a condition that is about nothing the form knows, or lacks its
    value.
    """
    for member, conditions in (("conditions", form.conditions), ("exceptions", form.exceptions)):
        for number, one in enumerate(conditions):
            at = f"{member}/{number}"
            if one.operator == "has" and one.field not in {FLAG, *ABSENT}:
                raise unfit(f"{at}/field", f"one of {', '.join((FLAG, *sorted(ABSENT)))}")
            if one.operator in {"is", "is_not", "one_of"} and one.field not in FIELDS:
                raise unfit(f"{at}/field", f"one of {', '.join(FIELDS)}")
            most = 0 if one.operator == "has" else 50 if one.operator == "one_of" else 1
            if not min(most, 1) <= len(one.values) <= most:
                raise unfit(f"{at}/values", f"{min(most, 1)} to {most} of them")


def form_of_text(text: str) -> RuleForm | None:
    """The form that says exactly this, or None."""
    statements = parse(text)
    bare = _LITERAL.sub("", text)
    if isinstance(statements, TextFault) or len(statements) != 1 or "//" in bare or "@" in bare:
        return None  # comments and annotations are the text's alone
    tree = statements[0].tree
    read = _read(statements[0].effect, tree)
    if read is None:
        return None
    again = parse(text_of_form(read))
    if isinstance(again, TextFault) or _spelled(again[0].tree) != _spelled(tree):
        return None
    return read


def _spelled(tree: pst.Template) -> tuple[str, ...]:
    parts = (tree.effect, tree.principal, tree.action, tree.resource, tree.clauses)
    return tuple(repr(part) for part in parts)


def _actions(names: tuple[str, ...]) -> str:
    if not names:
        return "action"
    written = [f"Action::{quoted(name)}" for name in names]
    if len(written) > 1:
        return f"action in [{', '.join(written)}]"
    return f"action {'in' if names[0] in GROUPS else '=='} {written[0]}"


def _block(word: str, joint: str, conditions: tuple[Condition, ...]) -> str:
    if not conditions:
        return ""
    return f"\n{word} {{\n  {joint.join(_written(one) for one in conditions)}\n}}"


def _written(one: Condition) -> str:
    if one.operator == "has":
        of, _, name = one.field.partition(".")
        return one.field if one.field == FLAG else f"{of} has {name}"
    value = quoted(one.values[0]) if one.values else '""'
    if one.operator == "has_label":
        label = quoted(one.field)
        return f"(resource.hasTag({label}) && resource.getTag({label}) == {value})"
    if one.operator == "one_of":
        compared = f"[{', '.join(map(quoted, one.values))}].contains({one.field})"
    else:
        compared = f"{one.field} {'==' if one.operator == 'is' else '!='} {value}"
    if one.field in ABSENT:
        of, _, name = one.field.partition(".")
        return f"({of} has {name} && {compared})"
    return compared


def _read(effect: Effect, tree: pst.Template) -> RuleForm | None:
    who, what, actions = _read_who(tree), _read_what(tree), _read_actions(tree)
    if who is None or what is None or actions is None:
        return None
    found: tuple[list[Condition], list[Condition]] = ([], [])
    for is_not, links in _grouped(tree):
        one = _read_condition(links)
        if one is None:
            return None
        found[is_not].append(one)
    if any(len(each) > MOST_CONDITIONS for each in found):
        return None
    return RuleForm(effect, *who, actions, *what, tuple(found[0]), tuple(found[1]))


def _grouped(tree: pst.Template) -> list[tuple[bool, list[pst.Expr]]]:
    """Conditions, with a test for presence put to what it guards."""
    groups: list[tuple[bool, list[pst.Expr]]] = []
    waiting: pst.Expr | None = None
    for is_not, link in links_of(tree):
        if is_not:
            both = isinstance(link, pst.BinaryOp) and link.op == "and"
            groups.append((True, [link.left, link.right] if both else [link]))  # type: ignore[union-attr]  # as tested
            continue
        if waiting is not None:
            if _guards(waiting, link):
                groups.append((False, [waiting, link]))
                waiting = None
                continue
            groups.append((False, [waiting]))
            waiting = None
        if _is_presence(link):
            waiting = link
        else:
            groups.append((False, [link]))
    if waiting is not None:
        groups.append((False, [waiting]))
    return groups


def _is_presence(link: pst.Expr) -> bool:
    is_tag = isinstance(link, pst.BinaryOp) and link.op == "has_tag"
    return is_tag or isinstance(link, pst.HasAttr)


def _guards(presence: pst.Expr, link: pst.Expr) -> bool:
    read = _read_condition([presence, link])
    return read is not None


def _read_condition(links: list[pst.Expr]) -> Condition | None:
    match links:
        case [pst.GetAttr(base=pst.Var(name="context"), attr="mfa")]:
            return Condition(FLAG, "has")
        case [pst.HasAttr(base=pst.Var(name=of), attrs=(name,))] if f"{of}.{name}" in ABSENT:
            return Condition(f"{of}.{name}", "has")
        case [
            pst.BinaryOp(op="has_tag", right=pst.StringLit(value=label)),
            pst.BinaryOp(
                op="eq",
                left=pst.BinaryOp(op="get_tag", right=pst.StringLit(value=same)),
                right=pst.StringLit(value=value),
            ),
        ] if label == same:
            return Condition(label, "has_label", (value,))
        case [pst.HasAttr(base=pst.Var(name=of), attrs=(name,)), compared]:
            read = _read_compared(compared)
            is_guard = read is not None and read.field == f"{of}.{name}" and read.field in ABSENT
            return read if is_guard else None
        case [compared]:
            read = _read_compared(compared)
            return read if read is not None and read.field not in ABSENT else None
    return None


def _read_compared(link: pst.Expr) -> Condition | None:
    match link:
        case pst.BinaryOp(
            op="eq" | "not_eq" as op,
            left=pst.GetAttr(base=pst.Var(name=of), attr=name),
            right=pst.StringLit(value=value),
        ) if f"{of}.{name}" in FIELDS:
            return Condition(f"{of}.{name}", "is" if op == "eq" else "is_not", (value,))
        case pst.BinaryOp(
            op="contains",
            left=pst.Set(elements=items),
            right=pst.GetAttr(base=pst.Var(name=of), attr=name),
        ) if f"{of}.{name}" in FIELDS:
            values = tuple(item.value for item in items if isinstance(item, pst.StringLit))
            is_whole = len(values) == len(items)
            return Condition(f"{of}.{name}", "one_of", values) if is_whole else None
    return None


def _read_who(tree: pst.Template) -> tuple[Who, str] | None:
    match tree.principal:
        case pst.ScopeIs(entity_type=kind):
            return {"Agent": ("agents", ""), "Member": ("members", "")}.get(str(kind))  # type: ignore[return-value]  # words of ``Who``
        case pst.ScopeEq(entity=pst.EntityUid() as uid) if str(uid.type) in {"Agent", "Member"}:
            return ("agent" if str(uid.type) == "Agent" else "member"), uid.id
        case pst.ScopeIn(entity=pst.EntityUid() as uid) if str(uid.type) == "Role":
            return "role", uid.id
        case pst.ScopeAny():
            return "anybody", ""
    return None


def _read_what(tree: pst.Template) -> tuple[What, str] | None:
    match tree.resource:
        case pst.ScopeIs(entity_type=kind) if str(kind) == "Entry":
            return "entries", ""
        case pst.ScopeIn(entity=pst.EntityUid() as uid) if str(uid.type) == "Namespace":
            return "namespace", uid.id
        case pst.ScopeEq(entity=pst.EntityUid() as uid) if str(uid.type) == "Entry":
            return "entry", uid.id
        case pst.ScopeAny():
            return "anything", ""
    return None


def _read_actions(tree: pst.Template) -> tuple[str, ...] | None:
    match tree.action:
        case pst.ActionEq(entity=entity):
            names: tuple[str, ...] = (entity.id,)
        case pst.ActionIn(entities=entities):
            names = tuple(entity.id for entity in entities)
        case _:
            return ()
    return names if all(name in ACTION_NAMES or name in GROUPS for name in names) else None

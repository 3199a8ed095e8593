"""What can be told of a draft before it decides anything: statements that permit everything, that
never match, that add nothing to another or are overruled by one, that reach restricted values
unasked, and names nobody has.

Every finding is sound: what is said to be so is so for every request (``tests/policy/`` asks the
decision point). Nothing is said where it is not sure, and the work is bounded: past ``MOST_PAIRS``
comparisons the rest is named as not compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from cedarpy import pst

from governance.policies.shapes import Reach, Shape, links_of, shape_of
from stateward.gate.policy.index import walk
from stateward.gate.policy.rules import Rule, Source, rules_of
from stateward.gate.policy.statements import Statement, parse
from stateward.gate.policy.tokens import TextFault, place
from stateward.gate.policy.vocabulary import ACTIONS
from stateward.tenancy.models import AGENT_ROLES, MEMBER_ROLES

Code = Literal[
    "permits_everything", "never_matches", "duplicate", "adds_nothing", "overruled",
    "reaches_restricted", "unknown_name", "not_compared",
]  # fmt: skip
CODES: tuple[Code, ...] = (
    "permits_everything", "never_matches", "duplicate", "adds_nothing", "overruled",
    "reaches_restricted", "unknown_name", "not_compared",
)  # fmt: skip
MOST_PAIRS = 50_000
MOST_FINDINGS = 200
CLASSIFICATIONS = frozenset({"public", "internal", "confidential", "restricted"})
ROLES = frozenset((*MEMBER_ROLES, *AGENT_ROLES))
CHANGING = frozenset({"state.decrypt_restricted", "state.write", "state.delete", "state.purge"})
OF_STATE = frozenset({"Namespace", "Entry", "Tenant", None})
# Which of the names of a type exist; for types that it does not know, all of them.
Known = Callable[[str, frozenset[str]], frozenset[str]]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing about a statement of the draft; ``other``: the rule it is about as well."""

    code: Code
    line: int
    column: int
    message: str
    other: str | None = None

    def as_dict(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "line": self.line,
            "column": self.column,
            "message": self.message,
            "other": self.other,
        }


@dataclass(frozen=True, slots=True)
class _Part:
    """A statement of the draft with its shape."""

    number: int
    statement: Statement
    shape: Shape


def find(text: str, *, others: Iterable[Source] = (), known: Known | None = None) -> list[Finding]:
    """All findings, in the order of the text; none for a text that does not parse. ``others``: the
    hard rules in force beside it, shipped roles among them.
    """
    statements = parse(text)
    if isinstance(statements, TextFault):
        return []
    parts = [_Part(n, one, shape_of(one)) for n, one in enumerate(statements, start=1)]
    found: list[tuple[int, Finding]] = []

    def note(part: _Part, code: Code, message: str, *, at: int = 0, other: str = "") -> None:
        offset = part.statement.offset + at
        found.append((offset, Finding(code, *place(text, offset), message, other or None)))

    for part in parts:
        for code, message, at in _alone(part, known):
            note(part, code, message, at=at)
    living = [part for part in parts if not _impossible(part.statement.tree)]
    for part, code, message, other in _beside(living, list(_rules(others))):
        note(part, code, message, other=other)
    return [one for _, one in sorted(found, key=lambda pair: pair[0])][:MOST_FINDINGS]


def _rules(others: Iterable[Source]) -> Iterator[Rule]:
    for source in others:
        found = rules_of(source)
        if source.level == "hard" and isinstance(found, tuple):
            yield from found


def _alone(part: _Part, known: Known | None) -> Iterator[tuple[Code, str, int]]:
    shape, tree = part.shape, part.statement.tree
    at = part.statement.text.index(part.statement.head)
    if reason := _impossible(tree):
        yield "never_matches", f"it never matches: {reason}", at
        return
    if _permits_everything(shape, tree):
        yield "permits_everything", "it permits everybody everything", at
        return
    if shape.effect == "permit" and _reaches_restricted(shape, tree):
        wording = "it reaches restricted values: nothing in it asks for the classification"
        yield "reaches_restricted", wording, at
    yield from _unknown_names(part.statement, known)


def _permits_everything(shape: Shape, tree: pst.Template) -> bool:
    is_open = shape.principal.covers(Reach()) and shape.resource.covers(Reach())
    is_open = is_open and shape.effect == "permit" and shape.actions >= frozenset(ACTIONS)
    return is_open and all(_folds_to(link) is (not is_not) for is_not, link in links_of(tree))


def _impossible(tree: pst.Template) -> str:
    """Why no request can match; "" where one might."""
    links = links_of(tree)
    for is_not, link in links:
        if _folds_to(link) is is_not:
            return "a condition is always true" if is_not else "a condition is always false"
    spelled = {(is_not, repr(link)) for is_not, link in links}
    if any((not is_not, text) in spelled for is_not, text in spelled):
        return "a condition must hold and must not hold"
    left: dict[str, frozenset[str]] = {}
    for is_not, link in links:
        told = _one_of(link)
        if told is not None and not is_not:
            name, values = told
            left[name] = left[name] & values if name in left else values
            if not left[name]:
                return f"{name} cannot be two things at once"
    return ""


def _folds_to(expression: pst.Expr) -> bool | None:
    """What a condition is for every request, where it is the same for all."""
    match expression:
        case pst.BoolLit(value=value):
            return bool(value)
        case pst.UnaryOp(op="not", arg=inner):
            found = _folds_to(inner)
            return None if found is None else not found
        case pst.BinaryOp(op="and" | "or" as joint, left=left, right=right):
            settles = joint == "or"  # what stands to the right counts only while it is open
            one = _folds_to(left)
            return one if one is None or one is settles else _folds_to(right)
        case pst.BinaryOp(
            op="eq" | "not_eq" as op, left=pst.StringLit(value=a), right=pst.StringLit(value=b)
        ):
            return bool((a == b) is (op == "eq"))
    return None


def _one_of(link: pst.Expr) -> tuple[str, frozenset[str]] | None:
    """``principal.team == "desk"`` and ``["a", "b"].contains(principal.team)``: the name, and what
    it may be.
    """
    match link:
        case pst.BinaryOp(
            op="eq", left=pst.GetAttr(base=pst.Var(name=of), attr=name),
            right=pst.StringLit(value=value),
        ) | pst.BinaryOp(
            op="eq", left=pst.StringLit(value=value),
            right=pst.GetAttr(base=pst.Var(name=of), attr=name),
        ):  # fmt: skip
            return f"{of}.{name}", frozenset({value})
        case pst.BinaryOp(
            op="contains", left=pst.Set(elements=items),
            right=pst.GetAttr(base=pst.Var(name=of), attr=name),
        ):  # fmt: skip
            values = [item.value for item in items if isinstance(item, pst.StringLit)]
            return (f"{of}.{name}", frozenset(values)) if len(values) == len(items) else None
    return None


def _reaches_restricted(shape: Shape, tree: pst.Template) -> bool:
    kind = shape.resource.known_type
    if shape.resource.entity and kind is None:
        kind = shape.resource.entity[0]
    if shape.actions.isdisjoint(CHANGING) or kind not in OF_STATE:
        return False
    return not any(
        getattr(node, "attr", None) == "classification"
        or "classification" in (getattr(node, "attrs", None) or ())
        for node in walk(tree.clauses)
    )


def _unknown_names(statement: Statement, known: Known | None) -> Iterator[tuple[Code, str, int]]:
    named: dict[str, set[str]] = {}
    for uid in pst.entity_uids((statement.tree,)):
        named.setdefault(str(uid.type), set()).add(uid.id)
    for kind, names in sorted(named.items()):
        missing = frozenset(names) - _existing(kind, frozenset(names), known)
        for name in sorted(missing):
            written = f'{kind}::"{name}"'
            at = max(statement.text.find(written), 0)
            yield "unknown_name", f"there is no {written}", at
    for node in walk(statement.tree.clauses):
        told = _one_of(node) if isinstance(node, pst.BinaryOp) else None
        if told is not None and told[0] == "resource.classification":
            for value in sorted(told[1] - CLASSIFICATIONS):
                at = max(statement.text.find(f'"{value}"'), 0)
                yield "unknown_name", f"there is no classification {value!r}", at


def _existing(kind: str, names: frozenset[str], known: Known | None) -> frozenset[str]:
    if kind == "Role":
        return names & ROLES
    if kind == "Action" or known is None:  # actions are the validator's
        return names
    return known(kind, names)


def _beside(parts: list[_Part], rules: list[Rule]) -> Iterator[tuple[_Part, Code, str, str]]:
    """What statements are to one another and to the rules in force."""
    shapes = [(rule, shape_of(rule.statement)) for rule in rules]
    left = MOST_PAIRS
    for part in parts:
        left -= len(parts) + len(shapes)
        if left < 0:
            yield part, "not_compared", "from here on, not compared with other rules", ""
            return
        found = _in_text(part, parts) or _in_force(part, shapes)
        if found is not None:
            yield part, *found


def _in_text(part: _Part, parts: list[_Part]) -> tuple[Code, str, str] | None:
    for other in parts:
        if other.number == part.number or not other.shape.covers(part.shape):
            continue
        mutual = part.shape.covers(other.shape)
        name = f"statement {other.number}"
        if other.shape.effect == part.shape.effect:
            if mutual and other.number > part.number:
                continue  # told of the later one
            return _same(name, mutual=mutual)
        if part.shape.effect == "permit":
            return _overruled(name)
    return None


def _in_force(part: _Part, shapes: list[tuple[Rule, Shape]]) -> tuple[Code, str, str] | None:
    for rule, shape in shapes:
        if not shape.covers(part.shape):
            continue
        if shape.effect == part.shape.effect:
            return _same(rule.label, mutual=part.shape.covers(shape))
        if shape.effect == "forbid":
            return _overruled(rule.label)
    return None


def _same(name: str, *, mutual: bool) -> tuple[Code, str, str]:
    if mutual:
        return "duplicate", f"{name} says the same", name
    return "adds_nothing", f"whatever it matches, {name} matches already", name


def _overruled(name: str) -> tuple[Code, str, str]:
    return "overruled", f"it permits nothing: {name} forbids all of it", name

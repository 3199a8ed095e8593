"""Rules that cannot hold, found without Cedar.

A condition is translated, once, into a Python function that answers true, false, or None for
"cannot tell". It knows comparisons of texts, ``has``, ``contains``, membership and the joints
between them, over what every request carries; the context, and whatever could fail, it cannot tell.
Only a rule that is surely false is left out; every other one is evaluated by Cedar, which alone
says what holds. Joints follow Cedar's order: what stands to the right counts only once the left is
known, so that a rule that would have failed is never taken for one that is false.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cedarpy import pst

from stateward.gate.policy.facts import EntityFacts

Answer = bool | None
Check = Callable[[EntityFacts, EntityFacts], Answer]
_Value = Callable[[EntityFacts, EntityFacts], "str | tuple[str, ...] | None"]


def screen_of(tree: pst.Template) -> Check | None:
    """What screens a rule by its conditions; None where nothing can be told of them."""
    checks: list[Check | None] = []
    for clause in tree.clauses:
        if isinstance(clause, pst.Unless):
            checks.append(_negated(_check(clause.expr)))
        else:
            checks.extend(map(_check, chain_of(clause.expr)))
    return _all(checks)


def chain_of(expression: pst.Expr) -> list[pst.Expr]:
    """``a && b && c`` as its links, in the order they are evaluated."""
    links: list[pst.Expr] = []
    rest = [expression]
    while rest:
        link = rest.pop()
        if isinstance(link, pst.BinaryOp) and link.op == "and":
            rest += [link.right, link.left]
        else:
            links.append(link)
    return links


def _check(expression: pst.Expr) -> Check | None:
    """The function for a condition; None where it can never tell."""
    match expression:
        case pst.BoolLit(value=value):
            return lambda principal, resource: value
        case pst.UnaryOp(op="not", arg=inner):
            return _negated(_check(inner))
        case pst.BinaryOp(op="and"):
            return _all([_check(link) for link in chain_of(expression)])
        case pst.BinaryOp(op="or", left=left, right=right):  # not (not a and not b)
            return _negated(_all([_negated(_check(left)), _negated(_check(right))]))
    return _has(expression) or _comparison(expression)


def _all(checks: Sequence[Check | None]) -> Check | None:
    """A chain of conditions. Whether a link counts is known only if all before it hold, so the
    first that cannot be told ends what can be told of the chain.
    """
    end = next((number for number, check in enumerate(checks) if check is None), len(checks))
    known = tuple(check for check in checks[:end] if check is not None)
    is_whole = end == len(checks)
    if not known:
        return None

    def every(principal: EntityFacts, resource: EntityFacts) -> Answer:
        for check in known:
            answer = check(principal, resource)
            if answer is not True:
                return answer
        return True if is_whole else None

    return every


def _has(expression: pst.Expr) -> Check | None:
    match expression:
        case pst.HasAttr(base=pst.Var(name="principal"), attrs=(name,)):
            return lambda principal, resource: name in principal.attributes
        case pst.HasAttr(base=pst.Var(name="resource"), attrs=(name,)):
            return lambda principal, resource: name in resource.attributes
    return None


def _comparison(expression: pst.Expr) -> Check | None:
    match expression:
        case pst.BinaryOp(op="eq" | "not_eq" as op, left=left, right=right):
            equal = _equal(left, right)
            return equal if op == "eq" else _negated(equal)
        case pst.BinaryOp(op="contains", left=left, right=right):
            return _contains(_value(left), _value(right))
        case pst.BinaryOp(
            op="in", left=pst.Var(name="principal" | "resource" as of), right=right
        ) if (named := _entities(right)) is not None:
            if of == "principal":
                return lambda principal, resource: _is_in(principal, named)
            return lambda principal, resource: _is_in(resource, named)
    return None


def _equal(left: pst.Expr, right: pst.Expr) -> Check | None:
    match left, right:
        case pst.Var(name="principal"), pst.EntityLit(value=uid):
            wanted = (str(uid.type), uid.id)
            return lambda principal, resource: principal.uid == wanted
    one, other = _value(left), _value(right)
    if one is None or other is None:
        return None

    def equal(principal: EntityFacts, resource: EntityFacts) -> Answer:
        a, b = one(principal, resource), other(principal, resource)
        return a == b if isinstance(a, str) and isinstance(b, str) else None

    return equal


def _contains(many: _Value | None, one: _Value | None) -> Check | None:
    if many is None or one is None:
        return None

    def contains(principal: EntityFacts, resource: EntityFacts) -> Answer:
        items, item = many(principal, resource), one(principal, resource)
        return item in items if isinstance(items, tuple) and isinstance(item, str) else None

    return contains


def _value(expression: pst.Expr) -> _Value | None:
    """What gives a text or several; at run time None where the attribute is absent."""
    match expression:
        case pst.StringLit(value=text):
            return lambda principal, resource: text
        case pst.GetAttr(base=pst.Var(name="principal"), attr=name):
            return lambda principal, resource: principal.attributes.get(name)
        case pst.GetAttr(base=pst.Var(name="resource"), attr=name):
            return lambda principal, resource: resource.attributes.get(name)
        case pst.Set(elements=elements):
            texts = tuple([item.value for item in elements if isinstance(item, pst.StringLit)])
            if len(texts) == len(elements):
                return lambda principal, resource: texts
    return None


def _entities(expression: pst.Expr) -> frozenset[tuple[str, str]] | None:
    items: Sequence[pst.Expr] = (
        expression.elements if isinstance(expression, pst.Set) else (expression,)
    )
    named = [(str(i.value.type), i.value.id) for i in items if isinstance(i, pst.EntityLit)]
    return frozenset(named) if len(named) == len(items) else None


def _is_in(entity: EntityFacts, named: frozenset[tuple[str, str]]) -> bool:
    return entity.uid in named or not named.isdisjoint(entity.parents)


def _negated(check: Check | None) -> Check | None:
    if check is None:
        return None

    def negated(principal: EntityFacts, resource: EntityFacts) -> Answer:
        answer = check(principal, resource)
        return None if answer is None else not answer

    return negated

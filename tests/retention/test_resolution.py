"""The resolution against a second one, written from the rules' words and nothing of the first."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.retention.resolution import Resolver
from governance.retention.terms import CLOCKS, NEVER, Item, Rule, Scope, Terms
from tests.factories.retention import terms

NOW = datetime(2026, 11, 21, tzinfo=UTC)
SPACES = ["air", "air.book", "air.book.old", "airline", "pay"]
CLASSES = ["internal", "restricted"]
PATTERNS = ["", "a*", "a?", "*b", "ab"]
LABELS = ["", "case=1", "case=2"]
KEYS = ["a", "ab", "abb", "b"]


def applies(rule: Rule, item: Item) -> bool:
    scope = rule.terms.scope
    path, own = item.namespace.split("."), scope.namespace.split(".")
    name, _, value = scope.label.partition("=")
    return (
        (not scope.namespace or path[: len(own)] == own)
        and scope.classification in ("", item.classification)
        and (not scope.key_pattern or fnmatchcase(item.key, scope.key_pattern))
        and (not scope.label or item.labels.get(name) == value)
    )


def date(rule: Rule, item: Item) -> datetime | None:
    start = {"created": item.created, "modified": item.modified, "ended": item.ended}
    begun = start[rule.terms.clock]
    return None if begun is None else begun + timedelta(days=rule.terms.days)


# Step by step: whoever names a label first, then a pattern, then the deepest namespace, then a
# classification.
NARROWER = (
    lambda scope: bool(scope.label),
    lambda scope: bool(scope.key_pattern),
    lambda scope: len(scope.namespace.split(".")) if scope.namespace else 0,
    lambda scope: bool(scope.classification),
)


def reference(rules: list[Rule], item: Item, is_held: bool) -> tuple[str, object, object]:
    """(state, retained until, deleted at), said as a person would work it out."""
    about = [rule for rule in rules if applies(rule, item)]
    keeping = [rule for rule in about if rule.terms.kind == "retain"]
    going = [rule for rule in about if rule.terms.kind == "delete"]
    dates = [date(rule, item) or NEVER for rule in keeping]
    until = max(dates) if dates else None
    for narrower in NARROWER:
        most = max((narrower(rule.terms.scope) for rule in going), default=0)
        going = [rule for rule in going if narrower(rule.terms.scope) == most]
    end = min((one for rule in going if (one := date(rule, item))), default=None)
    if not about:
        return "unruled", None, None
    if end is None or end > NOW:
        return ("kept" if end is None else "waiting"), until, end
    if is_held:
        return "held", until, end
    return ("retained" if until is not None and until > NOW else "due"), until, end


def some_rule(draw: random.Random, number: int) -> Rule:
    scope = Scope(
        draw.choice(["", *SPACES]),
        draw.choice(PATTERNS),
        draw.choice(["", *CLASSES]),
        draw.choice(LABELS),
    )
    kind = draw.choice(["retain", "delete"])
    said = Terms(kind, scope, draw.choice(CLOCKS), draw.randrange(0, 60))  # type: ignore[arg-type]
    return Rule(UUID(int=number + 1), f"rule-{number}", 1, said)


def some_item(draw: random.Random) -> Item:
    created = NOW - timedelta(days=draw.randrange(0, 90), seconds=draw.randrange(3))
    modified = created + (NOW - created) * draw.random()
    ended = modified if draw.random() < 0.4 else None
    labels = {"case": draw.choice("123")} if draw.random() < 0.5 else {}
    where = draw.choice(SPACES), draw.choice(CLASSES), draw.choice(KEYS)
    return Item(*where, labels, created, modified, ended)


def compare(draw: random.Random) -> None:
    rules = [some_rule(draw, number) for number in range(draw.randrange(0, 9))]
    resolver = Resolver(draw.sample(rules, len(rules)))
    for _ in range(20):
        item, is_held = some_item(draw), draw.random() < 0.3
        found = resolver.resolve(item, NOW, is_held=is_held)
        assert (found.state, found.retain_until, found.delete_at) == reference(
            rules, item, is_held
        ), (rules, item)


@given(st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_any_rules_resolve_as_the_reference_does(draw: random.Random) -> None:
    compare(draw)


def test_a_thousand_rule_sets_differ_in_nothing() -> None:
    for seed in range(1000):
        compare(random.Random(seed))


@given(st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_a_hold_leaves_nothing_due(draw: random.Random) -> None:
    resolver = Resolver(some_rule(draw, number) for number in range(6))

    assert all(
        resolver.resolve(some_item(draw), NOW, is_held=True).state != "due" for _ in range(20)
    )


@given(st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_one_more_retain_rule_makes_nothing_due(draw: random.Random) -> None:
    rules = [some_rule(draw, number) for number in range(6)]
    more = some_rule(draw, 7)
    more = more._replace(terms=terms("retain", days=more.terms.days))
    items = [some_item(draw) for _ in range(20)]

    for item in items:
        if Resolver(rules).resolve(item, NOW).state != "due":
            assert Resolver([*rules, more]).resolve(item, NOW).state != "due"


def test_the_reference_is_able_to_differ() -> None:
    """A resolver that forgot the order of the rules would be found out."""
    item = Item("air", "internal", "a", {}, NOW - timedelta(days=10), NOW, None)
    rules = [
        Rule(UUID(int=1), "tenant", 1, terms(days=5)),
        Rule(UUID(int=2), "here", 1, terms(namespace="air", days=20)),
    ]

    assert reference(rules, item, False)[0] == "waiting"
    assert reference(rules[:1], item, False)[0] == "due"


@pytest.mark.parametrize(
    ("name", "root", "is_beneath"),
    [("air.book", "air", True), ("airline", "air", False), ("air", "air.book", False)],
)
def test_beneath_means_whole_segments(name: str, root: str, is_beneath: bool) -> None:
    assert Scope(root).reaches(name, "internal") is is_beneath

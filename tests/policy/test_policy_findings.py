"""Static findings: each with a text that has it and one that has not, and what they say is so."""

from __future__ import annotations

from random import Random

import pytest

from governance.policies.difference import difference
from governance.policies.findings import MOST_PAIRS, Finding, find
from governance.policies.shapes import shape_of
from stateward.gate.policy.book import PolicyBook
from stateward.gate.policy.decide import decide
from stateward.gate.policy.rules import Source, shipped_roles
from stateward.gate.policy.statements import parse
from tests.factories.policies import (
    ACTIONS,
    SLUG,
    TENANT,
    ask_cedar,
    context,
    principal,
    resource,
    statement,
)

ALL = "permit (principal, action, resource);"
NARROW = 'permit (principal is Agent, action == Action::"state.read_meta", resource);'


def codes(text: str, *others: str) -> list[str]:
    return [one.code for one in found(text, *others)]


def found(text: str, *others: str) -> list[Finding]:
    sources = [Source("policy", f"p{n}", other, 1) for n, other in enumerate(others)]
    known = {"Namespace": frozenset({"airline"})}
    return find(text, others=sources, known=lambda kind, names: known.get(kind, names) & names)


CASES = [
    ("permits_everything", ALL, "permit (principal, action, resource) when { context.mfa };"),
    ("permits_everything", ALL[:-1] + " when { true };", NARROW),
    ("never_matches", NARROW[:-1] + " when { false };", NARROW[:-1] + " when { true };"),
    ("never_matches", NARROW[:-1] + " unless { true };", NARROW[:-1] + " unless { false };"),
    (
        "never_matches",
        NARROW[:-1] + ' when { principal.team == "a" && principal.team == "b" };',
        NARROW[:-1] + ' when { principal.team == "a" && principal.name == "b" };',
    ),
    (
        "never_matches",
        NARROW[:-1] + ' when { ["a"].contains(principal.team) && principal.team == "b" };',
        NARROW[:-1] + ' when { ["a", "b"].contains(principal.team) && principal.team == "b" };',
    ),
    (
        "never_matches",
        NARROW[:-1] + " when { context.mfa } unless { context.mfa };",
        NARROW[:-1] + " when { context.mfa } unless { context has run };",
    ),
    ("duplicate", NARROW + NARROW, NARROW + NARROW.replace("Agent", "Member")),
    (
        "adds_nothing",
        NARROW + NARROW[:-1] + " when { context.mfa };",
        NARROW[:-1] + " when { context has run };" + NARROW[:-1] + " when { context.mfa };",
    ),
    (
        "overruled",
        NARROW + NARROW.replace("permit", "forbid"),
        NARROW + NARROW.replace("permit", "forbid")[:-1] + " when { context.mfa };",
    ),
    (
        "reaches_restricted",
        NARROW.replace("read_meta", "write"),
        NARROW.replace("read_meta", "write")[:-1]
        + ' unless { resource.classification == "restricted" };',
    ),
    ("unknown_name", NARROW.replace("is Agent", 'in Role::"boss"'), NARROW),
    (
        "unknown_name",
        NARROW.replace("resource)", 'resource in Namespace::"aeroline")'),
        NARROW.replace("resource)", 'resource in Namespace::"airline")'),
    ),
    (
        "unknown_name",
        NARROW.replace("resource)", "resource is Entry)")[:-1]
        + ' when { resource.classification == "secret" };',
        NARROW.replace("resource)", "resource is Entry)")[:-1]
        + ' when { resource.classification == "public" };',
    ),
]


@pytest.mark.parametrize(("code", "bad", "good"), CASES)
def test_each_finding_is_made_where_it_is_so_and_not_where_it_is_not(
    code: str, bad: str, good: str
) -> None:
    assert code in codes(bad)
    assert code not in codes(good)


def test_what_is_in_force_already_is_named() -> None:
    wide = 'permit (principal is Agent, action in Action::"state.read", resource);'

    [one] = found(NARROW, wide)
    [other] = found(NARROW, wide.replace("permit", "forbid"))

    assert (one.code, one.other) == ("adds_nothing", "policy:p0@1")
    assert (other.code, other.other) == ("overruled", "policy:p0@1")
    assert codes(NARROW, wide.replace("Agent", "Member")) == []


def test_the_tree_of_namespaces_is_known() -> None:
    inner = 'forbid (principal, action, resource in Namespace::"airline.bookings");'
    outer = inner.replace(".bookings", "")

    assert "adds_nothing" in [one.code for one in find(inner, others=[_hard(outer)])]
    assert find(outer, others=[_hard(inner)]) == []
    assert find(inner.replace("airline.", "airlines."), others=[_hard(outer)]) == []


def _hard(text: str) -> Source:
    return Source("policy", "other", text, 1)


def test_a_finding_has_its_place() -> None:
    text = f"// first\n{NARROW}\n\n  {NARROW[:-1]} when {{ false }};"

    [one] = found(text)

    assert (one.code, one.line, one.column) == ("never_matches", 4, 3)


def test_a_shadow_policy_overrules_nothing() -> None:
    forbid = NARROW.replace("permit", "forbid")
    shadow = Source("policy", "p", forbid, 1, "", "shadow")

    assert find(NARROW, others=[shadow]) == []


def test_the_work_is_bounded() -> None:
    """F83: past its bound, the rest is named as not compared."""
    each = [NARROW.replace("resource)", f'resource == Entry::"n/k{n}")') for n in range(20)]
    others = [text.replace("n/k", "m/k") for text in each] * (MOST_PAIRS // 400 + 1)

    assert codes("".join(each[:2]), *others) == []
    assert codes("".join(each), *others) == ["not_compared"]


@pytest.mark.parametrize("seed", range(10))
def test_what_is_found_is_so_for_every_request(seed: int) -> None:
    """Cedar itself is asked: whatever a statement matches, the one that covers it matches too."""
    rng = Random(seed)
    checked = 0
    for _ in range(60):
        one = statement(rng)
        closer = f"{one[:-1]} when {{ principal has name }};"
        other = rng.choice([statement(rng), closer, closer.replace("when", "unless")])
        first, second = (shape_of(parse(text)[0]) for text in (one, other))  # type: ignore[index]  # they parse
        never = "never_matches" in [found.code for found in find(one)]
        if not (first.covers(second) or never):
            continue
        for _ in range(12):
            asked = (principal(rng), rng.choice(ACTIONS), resource(rng), context(rng))
            matches = [_matches(text, asked) for text in (one, other)]
            assert not (first.covers(second) and matches[1] and not matches[0]), (one, other, asked)
            assert not (never and matches[0]), (one, asked)
            checked += 1
    assert checked > 0


def _matches(text: str, asked: tuple) -> bool:  # type: ignore[type-arg]  # as asked
    source = Source("policy", "p", text.replace("forbid", "permit", 1), 1)
    return "policy:p@1" in ask_cedar([source], *asked).matched


@pytest.mark.parametrize("seed", range(4))
def test_what_adds_nothing_can_go_and_what_is_overruled_allows_nothing(seed: int) -> None:
    rng = Random(50 + seed)
    for _ in range(25):
        texts = [statement(rng) for _ in range(8)]
        draft = statement(rng)
        others = [Source("policy", f"p{n}", text, 1) for n, text in enumerate(texts)]
        made = {one.code for one in find(draft, others=[*shipped_roles(), *others])}
        if made.isdisjoint({"adds_nothing", "duplicate", "overruled", "never_matches"}):
            continue
        without = PolicyBook(TENANT, others, tenant_slug=SLUG)
        with_it = PolicyBook(TENANT, [*others, Source("policy", "d", draft, 1)], tenant_slug=SLUG)
        for _ in range(20):
            asked = (principal(rng), rng.choice(ACTIONS), resource(rng), context(rng))
            one, other = decide(without, *asked), decide(with_it, *asked)
            if not other.faults:
                assert one.allowed is other.allowed


def test_a_difference_names_what_came_and_went() -> None:
    before = (
        'permit (principal in Role::"writer", action in [Action::"state.write"], '
        'resource in Namespace::"desk") when { principal.team == "desk" };'
    )
    after = (
        'permit (principal in Role::"writer", action in [Action::"state.write", '
        'Action::"state.delete"], resource in Namespace::"desk");'
        "forbid (principal is Agent, action, resource);"
    )

    changed, added = difference(before, after)

    assert (changed.kind, changed.reach, changed.opens) == ("changed", "wider", True)
    assert changed.actions_added == ("state.delete",)
    assert changed.conditions_removed == ('when principal.team == "desk"',)
    assert (added.kind, added.effect, added.opens) == ("added", "forbid", False)
    assert [one.kind for one in difference(after, before)] == ["changed", "removed"]
    assert difference(after, f"// said otherwise\n{after}") == []


def test_another_subject_is_told() -> None:
    [changed] = difference(NARROW, NARROW.replace("is Agent", 'in Role::"writer"'))

    assert changed.subject == ("principal is Agent", 'principal in Role::"writer"')
    assert changed.reach == "other"

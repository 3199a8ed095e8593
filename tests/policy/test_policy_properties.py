"""What holds of every decision, tried on thousands of random policies, principals and resources."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from stateward.gate.policy.book import PolicyBook
from stateward.gate.policy.decide import decide
from stateward.gate.policy.explain import explain
from stateward.gate.policy.invariants import EMERGENCY
from stateward.gate.policy.rules import Source
from tests.factories.policies import (
    ACTIONS,
    SLUG,
    TENANT,
    ask_cedar,
    context,
    policies,
    principal,
    resource,
    statement,
)


def book(sources: list[Source]) -> PolicyBook:
    return PolicyBook(TENANT, sources, tenant_slug=SLUG)


@pytest.mark.parametrize("seed", range(30))
def test_slices_answer_as_cedar_over_the_whole_set_does(seed: int) -> None:
    """20,400 requests in all. The other side gives Cedar every policy and every attribute."""
    rng = Random(seed)
    differing = []
    for _ in range(8):
        sources = policies(rng)
        rules = book(sources)
        for _ in range(85):
            asked = (principal(rng), rng.choice(ACTIONS), resource(rng), context(rng))
            decision = decide(rules, *asked)
            answer = (decision.outcome, set(decision.determining))
            expected = _expected(sources, asked)
            if answer != expected:
                differing.append((asked, answer, expected))

    assert differing == []


def _expected(sources: list[Source], asked: tuple[Any, ...]) -> tuple[str, set[str]]:
    """The layers, from what each rule says. Cedar names only the forbids once one has matched."""
    actor, action = asked[0], asked[1]
    if action in EMERGENCY and "owner" in actor.roles:
        sources = [source for source in sources if source.text.startswith("permit")]
    plain = ask_cedar(sources, *asked)
    forbids = {source.label for source in sources if source.text.startswith("forbid")}
    if forbids & plain.matched:
        return "deny_forbid", forbids & plain.matched
    if forbids & plain.failed:
        return "deny_error", forbids & plain.failed
    return ("allow", set(plain.matched)) if plain.matched else ("deny_no_match", set())


def test_nothing_is_allowed_without_a_rule() -> None:
    rng = Random(1)
    rules = book([])
    for _ in range(500):
        actor = principal(rng)
        decision = decide(rules, actor, rng.choice(ACTIONS), resource(rng), context(rng))
        assert decision.allowed is bool(decision.determining)
        assert decision.allowed <= bool(actor.roles)


def test_a_permit_more_never_takes_an_allow_away() -> None:
    rng = Random(2)
    for _ in range(60):
        sources = policies(rng)
        before = book(sources)
        after = book([*sources, Source("policy", "more", statement(rng, "permit"), 1)])
        for _ in range(10):
            asked = (principal(rng), rng.choice(ACTIONS), resource(rng), context(rng))
            assert decide(after, *asked).allowed >= decide(before, *asked).allowed


def test_a_forbid_more_never_adds_an_allow() -> None:
    rng = Random(3)
    for _ in range(60):
        sources = policies(rng)
        before = book(sources)
        after = book([*sources, Source("policy", "more", statement(rng, "forbid"), 1)])
        for _ in range(10):
            asked = (principal(rng), rng.choice(ACTIONS), resource(rng), context(rng))
            assert decide(after, *asked).allowed <= decide(before, *asked).allowed


def test_the_order_of_policies_does_not_matter() -> None:
    rng = Random(4)
    for _ in range(60):
        sources = policies(rng)
        shuffled = rng.sample(sources, len(sources))
        one, other = book(sources), book(shuffled)
        assert one.version == other.version
        for _ in range(10):
            asked = (principal(rng), rng.choice(ACTIONS), resource(rng), context(rng))
            first, second = decide(one, *asked), decide(other, *asked)
            assert (first.outcome, first.determining) == (second.outcome, second.determining)


def test_a_class_decides_as_each_of_its_entries_does_alone() -> None:
    """F67: 10,000 cases. One book answers from its caches, the other is new for every question."""
    rng = Random(5)
    differing = 0
    for _ in range(50):
        sources = policies(rng, 6)
        shared = book(sources)
        asked = [
            (principal(rng), rng.choice(ACTIONS), resource(rng), context(rng)) for _ in range(40)
        ]
        alone = [book(sources) for _ in range(4)]
        for repeat in range(5):
            for number, one in enumerate(asked):
                fresh = alone[(number + repeat) % 4]
                fresh._forget()
                differing += decide(shared, *one).outcome != decide(fresh, *one).outcome

    assert differing == 0


def test_an_explanation_agrees_with_the_decision_it_explains() -> None:
    rng = Random(6)
    missed = 0
    for _ in range(60):
        rules = book(policies(rng))
        for _ in range(10):
            asked = (principal(rng), rng.choice(ACTIONS), resource(rng), context(rng))
            decision, explanation = decide(rules, *asked), explain(rules, *asked)
            assert explanation.outcome == decision.outcome
            assert [rule.label for rule in explanation.determining] == list(decision.determining)
            assert all(miss.rule.effect == "permit" for miss in explanation.near_misses)
            missed += len(explanation.near_misses)

    assert missed > 50

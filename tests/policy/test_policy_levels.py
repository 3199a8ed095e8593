"""Levels: shadow notes, advisory warns, soft has exceptions, hard decides."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Any

import pytest

from stateward.gate.policy.book import PolicyBook
from stateward.gate.policy.decide import decide
from stateward.gate.policy.explain import explain
from stateward.gate.policy.levels import LEVELS, Override
from stateward.gate.policy.requests import Resource
from stateward.gate.policy.rules import Source
from stateward.kernel import clock
from tests.factories.policies import (
    ACTIONS,
    SLUG,
    TENANT,
    agent,
    context,
    policies,
    principal,
    resource,
    statement,
)

FORBID = 'forbid (principal is Agent, action == Action::"state.write", resource);'
PERMIT = 'permit (principal is Agent, action == Action::"state.purge", resource);'
BROKEN = 'forbid (principal, action, resource) when { Agent::"x".team == "desk" };'
NOTE = Resource("entry", "desk/plan", {"name": "desk", "classification": "internal"})
WRITER = agent(Random(1), "writer")


def book(*texts: tuple[str, Any], overrides: tuple[Override, ...] = ()) -> PolicyBook:
    sources = [
        Source("policy", f"p{number}", text, 1, f"id-{number}", level)
        for number, (text, level) in enumerate(texts)
    ]
    return PolicyBook(TENANT, sources, tenant_slug=SLUG, overrides=overrides)


def exception(**other: Any) -> Override:
    fields = {
        "id": "o1",
        "policy_id": "id-0",
        "principal": ("Agent", str(WRITER.id)),
        "action": "state.write",
        "resource": ("Namespace", "desk"),
        "ends_at": clock.now() + timedelta(hours=1),
        **other,
    }
    return Override(**fields)


@pytest.mark.parametrize(
    ("level", "outcome", "advised", "shadow"),
    [
        ("hard", "deny_forbid", (), ()),
        ("soft", "deny_forbid", (), ()),
        ("advisory", "allow", ("policy:p0@1",), ()),
        ("shadow", "allow", (), ("policy:p0@1",)),
    ],
)
def test_a_forbid_decides_as_firmly_as_its_level(
    level: Any, outcome: str, advised: tuple[str, ...], shadow: tuple[str, ...]
) -> None:
    decision = decide(book((FORBID, level)), WRITER, "state.write", NOTE)

    assert decision.outcome == outcome
    assert decision.advised == advised
    assert decision.verdict.shadow == shadow
    assert decision.facts().get("shadow", []) == list(shadow)
    assert decision.facts().get("advised", []) == list(advised)


def test_a_permit_in_the_shadow_allows_nothing_and_says_that_it_would() -> None:
    decision = decide(book((PERMIT, "shadow")), WRITER, "state.purge", NOTE)

    assert decision.outcome == "deny_no_match"
    assert decision.verdict.shadow == ("policy:p0@1",)


def test_what_would_have_changed_nothing_is_not_noted() -> None:
    both = decide(book((FORBID, "hard"), (FORBID, "shadow")), WRITER, "state.write", NOTE)
    refused_anyway = decide(
        book((PERMIT, "shadow"), (PERMIT.replace("permit", "forbid"), "shadow")),
        WRITER,
        "state.purge",
        NOTE,
    )

    assert (both.outcome, both.verdict.shadow) == ("deny_forbid", ())
    assert refused_anyway.verdict.shadow == ()


@pytest.mark.parametrize(
    ("level", "outcome"),
    [("hard", "deny_error"), ("soft", "deny_error"), ("advisory", "allow"), ("shadow", "allow")],
)
def test_one_that_fails_refuses_only_where_it_decides(level: Any, outcome: str) -> None:
    decision = decide(book((BROKEN, level)), WRITER, "state.write", NOTE)

    assert decision.outcome == outcome
    assert [fault.rule for fault in decision.faults] == ["policy:p0@1"]


@pytest.mark.parametrize(("level", "outcome"), [("hard", "deny_error"), ("shadow", "allow")])
def test_one_that_cannot_be_read_refuses_only_where_it_decides(level: Any, outcome: str) -> None:
    unreadable = "forbid (principal, action, resource) when { nothing( };"

    assert decide(book((unreadable, level)), WRITER, "state.write", NOTE).outcome == outcome


def test_an_override_excepts_one_principal_action_and_place() -> None:
    rules = book((FORBID, "soft"), overrides=(exception(),))

    allowed = decide(rules, WRITER, "state.write", NOTE)

    assert allowed.outcome == "allow"
    assert "override:o1" in allowed.determining
    assert allowed.ends_at is not None
    elsewhere = Resource("entry", "airline/x", {"name": "airline", "classification": "internal"})
    assert not decide(rules, WRITER, "state.write", elsewhere).allowed
    other = agent(Random(5), "writer")
    assert other.id != WRITER.id
    assert not decide(rules, other, "state.write", NOTE).allowed


def test_an_override_of_a_hard_policy_changes_nothing() -> None:
    assert not decide(
        book((FORBID, "hard"), overrides=(exception(),)), WRITER, "state.write", NOTE
    ).allowed


def test_an_override_lets_past_one_policy_not_another() -> None:
    rules = book((FORBID, "soft"), (FORBID, "soft"), overrides=(exception(),))

    assert decide(rules, WRITER, "state.write", NOTE).determining == ("policy:p1@1",)


def test_an_override_permits_nothing_by_itself() -> None:
    nobody = agent(Random(1), "reader")
    over = exception(principal=("Agent", str(nobody.id)))

    assert (
        decide(book((FORBID, "soft"), overrides=(over,)), nobody, "state.write", NOTE).outcome
        == "deny_no_match"
    )


def test_an_override_is_over_when_its_time_is(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = book((FORBID, "soft"), overrides=(exception(),))
    assert decide(rules, WRITER, "state.write", NOTE).allowed
    later = clock.now() + timedelta(hours=2)
    monkeypatch.setattr(clock, "now", lambda: later)

    assert decide(rules, WRITER, "state.write", NOTE).outcome == "deny_forbid"


def test_an_explanation_names_what_warned_and_what_would_have_refused() -> None:
    told = explain(book((FORBID, "advisory"), (FORBID, "shadow")), WRITER, "state.write", NOTE)

    assert [(one.name, one.level) for one in told.advised] == [("p0", "advisory")]
    assert [(one.name, one.level) for one in told.shadow] == [("p1", "shadow")]


@pytest.mark.parametrize("seed", range(6))
def test_a_shadow_set_changes_no_answer_and_foretells_the_hard_one(seed: int) -> None:
    """Whatever is put in the shadow, each answer is as without it; and where it names a rule,
    the same rule hard changes that answer.
    """
    rng = Random(seed)
    for _ in range(8):
        plain = policies(rng)
        more = Source("policy", "more", statement(rng), 1)
        without = PolicyBook(TENANT, plain, tenant_slug=SLUG)
        shadowed = PolicyBook(TENANT, [*plain, _at(more, "shadow")], tenant_slug=SLUG)
        hard = PolicyBook(TENANT, [*plain, more], tenant_slug=SLUG)
        for _ in range(25):
            asked = (principal(rng), rng.choice(ACTIONS), resource(rng), context(rng))
            before, told = decide(without, *asked), decide(shadowed, *asked)
            assert (before.outcome, before.determining) == (told.outcome, told.determining)
            enforced = decide(hard, *asked)
            if told.verdict.shadow:
                assert enforced.allowed is not told.allowed
            elif not any(fault.rule.startswith("policy:more") for fault in told.faults):
                assert enforced.allowed is told.allowed


def _at(source: Source, level: Any) -> Source:
    return Source(source.kind, source.name, source.text, source.version, source.id, level)


@pytest.mark.parametrize("seed", range(3))
def test_soft_without_overrides_is_hard(seed: int) -> None:
    rng = Random(100 + seed)
    for _ in range(8):
        forbids = [
            Source("policy", f"p{number}", statement(rng, "forbid"), 1) for number in range(6)
        ]
        soft = PolicyBook(TENANT, [_at(one, "soft") for one in forbids], tenant_slug=SLUG)
        hard = PolicyBook(TENANT, forbids, tenant_slug=SLUG)
        for _ in range(20):
            asked = (principal(rng), rng.choice(ACTIONS), resource(rng), context(rng))
            one, other = decide(soft, *asked), decide(hard, *asked)
            assert (one.outcome, one.determining) == (other.outcome, other.determining)


def test_a_set_is_named_by_its_levels_too() -> None:
    assert len({book((FORBID, level)).version for level in LEVELS}) == len(LEVELS)

"""Grants in decisions: found whatever their number, for groups and prefixes, until they end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stateward.gate.policy.book import PolicyBook
from stateward.gate.policy.decide import decide
from stateward.gate.policy.facts import Uid
from stateward.gate.policy.grants import Grant, Grants
from stateward.gate.policy.requests import Resource
from stateward.gate.policy.vocabulary import ACTION_NAMES, ENTITY_TYPES
from stateward.kernel import clock
from stateward.tenancy.actors import Actor
from tests.factories import policies as random_policies
from tests.factories.policies import AGENTS, MEMBERS, NAMESPACES, SLUG, TENANT

VERA = UUID(int=1)
DESK: Uid = ("Group", "desk")
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def vera(*roles: str) -> Actor:
    return Actor("member", VERA, "Vera", TENANT, SLUG, roles, {"email": "v@example.org"})


def entry(namespace: str, classification: str = "internal") -> Resource:
    about = {"name": namespace, "classification": classification}
    return Resource("entry", f"{namespace}/k", about)


def grant(
    name: str = "g",
    who: Uid = ("Member", str(VERA)),
    where: Uid = ("Namespace", "airline"),
    **more: object,
) -> Grant:
    return Grant(name, who, frozenset({"state.*"}), where, **more)  # type: ignore[arg-type]


def test_a_member_holds_what_their_group_was_given() -> None:
    groups = {("Member", str(VERA)): (DESK,)}
    book = PolicyBook(TENANT, tenant_slug=SLUG, grants=Grants([grant(who=DESK)], groups))
    other = Actor("member", UUID(int=2), "Otto", TENANT, SLUG, (), {"email": ""})

    assert decide(book, vera(), "state.write", entry("airline.bookings")).allowed
    assert not decide(book, other, "state.write", entry("airline.bookings")).allowed


def test_restricted_is_out_of_reach_unless_said() -> None:
    within = PolicyBook(TENANT, tenant_slug=SLUG, grants=[grant()])
    beyond = PolicyBook(TENANT, tenant_slug=SLUG, grants=[grant(restricted=True)])

    assert not decide(within, vera(), "state.write", entry("airline", "restricted")).allowed
    assert decide(beyond, vera(), "state.write", entry("airline", "restricted")).allowed


def test_role_and_grant_are_both_named_and_the_lasting_one_counts() -> None:
    soon = clock.now() + timedelta(hours=1)
    book = PolicyBook(TENANT, tenant_slug=SLUG, grants=[grant(ends_at=soon)])

    both = decide(book, vera("editor"), "state.write", entry("airline"))
    alone = decide(book, vera(), "state.write", entry("airline"))

    assert both.determining == ("role:editor#2", "grant:g")
    assert (both.ends_at, alone.ends_at) == (None, soon)


def test_a_grant_ends_by_itself_though_the_decision_was_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOON)
    end, later = NOON + timedelta(minutes=1), NOON + timedelta(minutes=2)
    grants = [grant("a", ends_at=end), grant("b", ends_at=later)]
    book = PolicyBook(TENANT, tenant_slug=SLUG, grants=grants)
    ask = lambda: decide(book, vera(), "state.write", entry("airline"))  # noqa: E731

    assert ask().determining == ("grant:a", "grant:b")
    assert ask().ends_at == later
    monkeypatch.setattr(clock, "now", lambda: later)
    assert not ask().allowed
    assert ask().code == "no_match"


def test_the_databases_clock_overrules_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our clock is late: the statement said the end has passed, and nothing is decided on it."""
    monkeypatch.setattr(clock, "now", lambda: NOON)
    end = NOON + timedelta(minutes=1)
    book = PolicyBook(TENANT, tenant_slug=SLUG, grants=[grant(ends_at=end)])
    assert decide(book, vera(), "state.write", entry("airline")).ends_at == end

    book.grants.note_end(end)

    assert not decide(book, vera(), "state.write", entry("airline")).allowed


def test_a_context_that_is_read_changes_nothing_about_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Rules that read the context keep one verdict for each: all of them go with the grant."""
    from stateward.gate.policy.rules import Source  # noqa: PLC0415

    monkeypatch.setattr(clock, "now", lambda: NOON)
    text = (
        'forbid (principal, action == Action::"state.write", resource) '
        'when { context has purpose && context.purpose == "no" };'
    )
    end = NOON + timedelta(minutes=1)
    sources = [Source("policy", "p", text, 1)]
    book = PolicyBook(TENANT, sources, tenant_slug=SLUG, grants=[grant(ends_at=end)])
    asked = [{"purpose": "yes"}, {"purpose": "no"}, {}]

    before = [decide(book, vera(), "state.write", entry("airline"), one).outcome for one in asked]
    monkeypatch.setattr(clock, "now", lambda: end)
    after = [decide(book, vera(), "state.write", entry("airline"), one).outcome for one in asked]

    assert before == ["allow", "deny_forbid", "allow"]
    assert after == ["deny_no_match", "deny_forbid", "deny_no_match"]


def some_grants(rng: Random, count: int) -> list[Grant]:
    who: list[Uid] = [("Agent", str(one)) for one in AGENTS]
    who += [("Member", str(one)) for one in MEMBERS] + [("Group", str(n)) for n in range(3)]
    where: list[Uid] = [("Namespace", name) for name in NAMESPACES] + [("Tenant", SLUG)]
    where += [("Agent", str(one)) for one in AGENTS]
    ends = [None, None, NOON - timedelta(days=1), datetime(2999, 1, 1, tzinfo=UTC)]
    return [
        Grant(
            f"g{number}",
            rng.choice(who),
            frozenset(rng.sample([*random_policies.ACTIONS, *random_policies.GROUPS], 2)),
            rng.choice(where),
            rng.choice(ends),
            rng.random() < 0.3,
        )
        for number in range(count)
    ]


def covers(one: Grant, groups: dict[Uid, tuple[Uid, ...]], actor: Actor, asked: Resource) -> bool:
    """The rule itself, without any index: who, where, how long, how far."""
    uid = (ENTITY_TYPES[actor.type], str(actor.id))
    here: list[Uid] = [(ENTITY_TYPES[asked.type], asked.id)]
    if asked.type in {"entry", "namespace"}:
        path = str(asked.attributes["name"]).split(".")
        here += [("Namespace", ".".join(path[:n])) for n in range(1, len(path) + 1)]
    if asked.type != "tenant":
        here.append(("Tenant", SLUG))
    reached = one.restricted or asked.attributes.get("classification") != "restricted"
    lasts = one.ends_at is None or one.ends_at > clock.now()
    return (
        one.principal in (uid, *groups.get(uid, ())) and one.resource in here and reached and lasts
    )


@settings(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_decision_is_the_rule_of_all_grants_together(rng: Random) -> None:
    """F67 with grants: indexed, cached and combined as the plain rule says."""
    grants = some_grants(rng, rng.randrange(1, 30))
    groups: dict[Uid, tuple[Uid, ...]] = {
        ("Member", str(one)): (("Group", str(rng.randrange(3))),) for one in MEMBERS
    }
    sources = random_policies.policies(rng, most=4)
    plain = PolicyBook(TENANT, sources, tenant_slug=SLUG)
    book = PolicyBook(TENANT, sources, tenant_slug=SLUG, grants=Grants(grants, groups))

    for _ in range(40):
        actor, asked = random_policies.principal(rng), random_policies.resource(rng)
        action, given_ = rng.choice(random_policies.ACTIONS), random_policies.context(rng)
        without = decide(plain, actor, action, asked, given_)
        with_them = decide(book, actor, action, asked, given_)
        granted = any(
            covers(one, groups, actor, asked) and not one.actions.isdisjoint(ACTION_NAMES[action])
            for one in grants
        )
        expected = without.allowed or (without.outcome == "deny_no_match" and granted)
        assert with_them.allowed == expected, (without.outcome, granted)


def test_ten_thousand_grants_are_looked_up_in_a_few_places() -> None:
    """The work of a decision, counted rather than timed: grants that were looked at."""
    looked: list[str] = []

    class Counted(Grant):
        def permits(self, action: str, resource: object) -> bool:  # type: ignore[override]
            looked.append(self.id)
            return Grant.permits(self, action, resource)  # type: ignore[arg-type]

    others = [
        Counted(
            f"g{n}", ("Member", str(UUID(int=n + 10))), frozenset({"*"}), ("Namespace", f"n{n}")
        )
        for n in range(10_000)
    ]
    mine = Counted("mine", ("Member", str(VERA)), frozenset({"*"}), ("Namespace", "n7"))
    book = PolicyBook(TENANT, tenant_slug=SLUG, grants=[*others, mine])

    assert decide(book, vera(), "state.write", entry("n7.deep")).allowed
    assert not decide(book, vera(), "state.write", entry("n8")).allowed
    assert set(looked) == {"mine"}

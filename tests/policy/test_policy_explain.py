"""Explanations: what decided, what nearly did, and where it stands."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from stateward.gate.policy.book import PolicyBook
from stateward.gate.policy.explain import MOST_NEAR_MISSES, explain
from stateward.gate.policy.requests import Resource
from stateward.gate.policy.rules import Source
from stateward.tenancy.actors import Actor

TENANT = UUID(int=1)
ATTRIBUTES = {"name": "notes", "classification": "internal", "labels": {"region": "us"}}
ENTRY = Resource("entry", "notes/a", ATTRIBUTES)


def agent(*roles: str, **attributes: str) -> Actor:
    return Actor("agent", UUID(int=9), "booker", TENANT, "acme", roles, attributes)


def member(*roles: str) -> Actor:
    return Actor("member", UUID(int=8), "Ann", TENANT, "acme", roles, auth_method="session")


def rules(*texts: str) -> PolicyBook:
    sources = [Source("policy", f"p{n}", text, 3, f"id-{n}") for n, text in enumerate(texts)]
    return PolicyBook(TENANT, sources, tenant_slug="acme")


def test_a_role_that_nearly_allowed_is_named_with_its_clause() -> None:
    secret = Resource("entry", "notes/a", ATTRIBUTES | {"classification": "restricted"})
    told = explain(rules(), agent("writer"), "state.write", secret)

    [miss] = told.near_misses
    assert (miss.rule.kind, miss.rule.name, miss.rule.version) == ("role", "writer", None)
    assert miss.clause.startswith("resource has classification && ")
    assert miss.negated
    assert miss.values == {"resource.classification": "restricted"}


def test_the_first_clause_that_failed_counts_and_the_nearest_rule_comes_first() -> None:
    near = """permit (principal, action, resource)
when { principal has team && principal.team == "desk" &&
  resource.getTag("region") == "eu" };"""
    far = 'permit (principal, action, resource) when { resource.name == "x" && context.mfa };'
    told = explain(rules(far, near), agent(team="desk"), "state.write", ENTRY)

    first, second = told.near_misses
    assert (first.rule.policy_id, first.rule.version, first.held_before) == ("id-1", 3, 2)
    assert (first.line, first.column) == (3, 3)
    assert first.values == {"resource label region": "us"}
    assert (second.clause, second.values) == ('resource.name == "x"', {"resource.name": "notes"})


def test_a_clause_that_failed_to_evaluate_says_so() -> None:
    book = rules('permit (principal, action, resource) when { resource.getTag("x") == "y" };')
    told = explain(book, agent(), "state.write", ENTRY)

    [miss] = told.near_misses
    assert miss.values == {"resource label x": None}
    assert "tag" in (miss.error or "")
    assert told.errors[0].rule == "policy:p0@3"


def test_values_of_the_context_are_shown() -> None:
    book = rules(
        "permit (principal, action, resource)"
        ' when { context has purpose && context.purpose == "a" };'
    )

    def values(**context: Any) -> dict[str, Any]:
        [miss] = explain(book, agent(), "state.write", ENTRY, context).near_misses
        return miss.values

    assert values(purpose="b") == {"context.purpose": "b"}
    assert values() == {"context.purpose": None}


def test_rules_of_other_scopes_are_no_near_misses() -> None:
    book = rules(
        'permit (principal, action == Action::"state.read_value", resource) when { false };',
        "permit (principal is Member, action, resource) when { false };",
        'permit (principal, action, resource in Namespace::"ops") when { false };',
        "forbid (principal, action, resource) when { false };",
    )

    assert explain(book, agent(), "state.write", ENTRY).near_misses == ()


def test_no_more_than_twenty_are_told() -> None:
    book = rules(*["permit (principal, action, resource) when { false };"] * 30)

    assert len(explain(book, agent(), "state.write", ENTRY).near_misses) == MOST_NEAR_MISSES


def test_an_allow_has_no_near_misses() -> None:
    told = explain(
        rules("permit (principal, action, resource) when { false };"),
        agent("writer"),
        "state.write",
        ENTRY,
    )

    assert told.allowed
    assert told.near_misses == ()
    assert [rule.label for rule in told.determining] == ["role:writer"]


def test_of_two_the_one_who_was_refused_is_explained() -> None:
    secret = Resource("entry", "notes/a", ATTRIBUTES | {"classification": "restricted"})
    permit = 'permit (principal is Agent, action, resource) when { principal.team == "desk" };'
    context = {"on_behalf_of": "member:8"}

    theirs = explain(
        rules(permit),
        agent(team="desk"),
        "state.write",
        secret,
        context,
        delegator=member("editor"),
    )
    assert [miss.rule.name for miss in theirs.near_misses] == ["editor"]
    ours = explain(
        rules(permit), agent(team="ops"), "state.write", secret, context, delegator=member("owner")
    )
    assert [miss.rule.name for miss in ours.near_misses] == ["p0"]


def test_a_rule_that_cannot_be_read_is_an_error() -> None:
    told = explain(rules("permit ("), agent("writer"), "state.write", ENTRY)

    assert (told.outcome, told.determining) == ("deny_error", ())
    assert told.errors[0].rule == "policy:p0@3"


def test_an_unknown_action_is_explained_too() -> None:
    told = explain(rules(), agent("writer"), "state.fly", ENTRY)

    assert (told.code, told.near_misses) == ("unknown_action", ())


def test_an_explanation_is_plain_data() -> None:
    told = explain(rules(), agent("writer"), "state.purge", ENTRY).as_dict()

    assert told["outcome"] == "deny_no_match"
    assert told["near_misses"] == ()
    assert len(told["principal_snapshot"]) == len(told["resource_snapshot"]) == 64

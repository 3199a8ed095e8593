"""Texts of policies: where their parts stand, what is wrong with them, and what they can read."""

from __future__ import annotations

import re

import cedarpy
import pytest

from stateward.gate.policy.facts import EntityFacts
from stateward.gate.policy.index import filed_under, lens_of, named_entities, scope_matches, walk
from stateward.gate.policy.rules import shipped_roles
from stateward.gate.policy.statements import Statement, parse
from stateward.gate.policy.tokens import TextFault
from stateward.gate.policy.validate import SCHEMA_FILE, schema, validate
from stateward.gate.policy.vocabulary import (
    ACTION_NAMES,
    ACTIONS,
    ENTITY_TYPES,
    GROUPS,
    TEXTS,
    WITH_LABELS,
    WITH_ROLES,
)

HEAD = "permit (principal, action, resource)"


def one(text: str) -> Statement:
    statements = parse(text)
    assert isinstance(statements, tuple), statements
    [statement] = statements
    return statement


def conjuncts(clauses: str) -> list[tuple[str, bool]]:
    return [(c.text, c.negated) for c in one(f"{HEAD} {clauses};").conjuncts]


@pytest.mark.parametrize(
    ("clauses", "expected"),
    [
        ("", []),
        ("when { true }", [("true", False)]),
        ("when { (true && false) && true }", [("true", False), ("false", False), ("true", False)]),
        ("when { true || false && true }", [("true || false && true", False)]),
        ("when { (true || false) && true }", [("true || false", False), ("true", False)]),
        ("when { if true then true && false else true }",
         [("if true then true && false else true", False)]),
        ("unless { true || (false || true) }", [("true", True), ("false", True), ("true", True)]),
        ("unless { true && false }", [("true && false", True)]),
        ("unless { true && false || true }", [("true && false", True), ("true", True)]),
        ("unless { if true then false || true else true }",
         [("if true then false || true else true", True)]),
        ("when { true } unless { false } when { false }",
         [("true", False), ("false", True), ("false", False)]),
        ("when { [1, 2].contains(1) && {a: true}.a }",
         [("[1, 2].contains(1)", False), ("{a: true}.a", False)]),
        ("when { (true) == (true) }", [("(true) == (true)", False)]),
    ],
)  # fmt: skip
def test_conditions_are_taken_apart_as_cedar_evaluates_them(
    clauses: str, expected: list[tuple[str, bool]]
) -> None:
    assert conjuncts(clauses) == expected


def test_every_part_knows_its_place() -> None:
    forbid = "forbid (principal, action, resource,)"
    text = f'// note\n@advice("when {{ x }}")\n{forbid}\nwhen {{ context.mfa }};'
    statement = one(text)

    assert text[statement.offset :].startswith("@advice")
    assert statement.head == "forbid (principal, action, resource,)"
    assert statement.effect == "forbid"
    opened = statement.opened(principal=True, resource=False)
    assert opened == "forbid (principal, action, resource) when { context.mfa };"
    [conjunct] = statement.conjuncts
    assert text[conjunct.offset :].startswith("context.mfa")
    assert conjunct.as_clause() == "when { context.mfa }"


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("", 1, 1, "no permit or forbid"),
        ("// only a note", 1, 1, "no permit or forbid"),
        (HEAD, 1, 36, "end of input"),
        ("permit (principal, action resource);", 1, 27, "unexpected token `resource`"),
        (f"{HEAD}\nwhen {{ resource == resource resource }};", 2, 29, "unexpected token"),
        ("permit (principal == ?principal, action, resource);", 1, 1, "no slots"),
        (f"{HEAD} when {{ a::b(1) }};", 1, 45, "not a valid function"),
        (f"{HEAD} when {{ {' && '.join(['true'] * 150)} }};", 1, 1, "more than 100 conditions"),
        (f"{HEAD};\n{HEAD} wenn {{ true }};", 2, 38, "wenn"),
    ],
)
def test_what_does_not_parse_has_a_place(text: str, line: int, column: int, message: str) -> None:
    fault = parse(text)

    assert isinstance(fault, TextFault)
    assert message in fault.message
    assert (fault.line, fault.column) == (line, column)
    assert validate(text) == (fault,)


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        (f"{HEAD}\nwhen {{ true && resource.colour == 1 }};", 2, 25, "no attribute 'colour'"),
        (f"{HEAD}\nwhen {{ context.purpose == \"x\" }};", 2, 16, "first test: context has purpose"),
        ('permit (principal, action in Action::"state.*", resource)\n'
         'when { resource.getTag("x") == "y" };', 2, 24, 'resource.hasTag("x")'),
        ('permit (principal, action == Action::"fly", resource);', 1, 30, "no action Action::"),
        ("permit (principal is Robot, action, resource);", 1, 22, "no type Robot"),
        ("permit (principal is Tenant, action, resource);", 1, 1, "no action fits"),
        (f"{HEAD} when {{ principal.name == 1 }};", 1, 45, "not compatible"),
        (f"{HEAD} when {{ true && \"a\" }};", 1, 53, "expected Bool"),
        (f"{HEAD} when {{ Agent :: \"x\".team == \"y\" }};", 1, 45, "own attributes"),
        (f"{HEAD} when {{ Namespace::\"x\".hasTag(\"y\") }};", 1, 45, "own attributes"),
    ],
)  # fmt: skip
def test_what_the_schema_does_not_know_has_a_place(
    text: str, line: int, column: int, message: str
) -> None:
    [fault] = validate(text)

    assert message in fault.message
    assert (fault.line, fault.column) == (line, column)


def test_a_guard_before_it_makes_an_optional_member_safe() -> None:
    assert validate(f'{HEAD} when {{ context has purpose && context.purpose == "x" }};') == ()
    assert (
        validate(f'{HEAD} when {{ context has purpose }} when {{ context.purpose == "x" }};') == ()
    )


def test_all_faults_of_all_statements_come_in_order() -> None:
    text = (
        f"{HEAD} when {{ resource.a == 1 && resource.b == 1 }};\n{HEAD} when {{ resource.c == 1 }};"
    )

    assert [(f.line, f.column) for f in validate(text)] == [(1, 54), (1, 73), (2, 54)]


def test_faults_far_apart_are_placed_where_they_are() -> None:
    sound = [f'principal.name != "n{number}"' for number in range(40)]
    sound[7], sound[31] = "principal.name == 1", "resource.colour == 2"
    text = f"{HEAD}\nwhen {{ " + " &&\n".join(sound) + " };"

    assert [fault.line for fault in validate(text)] == [9, 33]


def test_the_search_for_places_ends() -> None:
    """What is left over is told all the same, at the statement's beginning."""
    wrong = " &&\n".join(f"resource.colour{number} == 1" for number in range(80))
    faults = validate(f"{HEAD} when {{ {wrong} }};")

    assert len(faults) == 80
    assert faults[0].line == 1
    assert sum(fault.line > 1 for fault in faults) > 5


def test_a_fault_shows_as_the_api_gives_it() -> None:
    [fault] = validate("permit")

    assert fault.as_dict() == {
        "pointer": "/text", "message": fault.message, "line": 1, "column": 6,
    }  # fmt: skip


@pytest.mark.parametrize("source", shipped_roles(), ids=lambda source: source.name)
def test_shipped_roles_are_valid(source) -> None:  # type: ignore[no-untyped-def]
    assert validate(source.text) == ()


# The vocabulary and the schema


def accepts(text: str) -> bool:
    return bool(cedarpy.validate_policies(text, schema()))


def test_the_schema_knows_every_action_and_its_groups() -> None:
    for action in ACTIONS:
        assert accepts(f'permit (principal, action == Action::"{action}", resource);')
        for group in ACTION_NAMES[action]:
            both = f'permit (principal, action in Action::"{group}", resource) when'
            assert accepts(f'{both} {{ action == Action::"{action}" }};')
    for group in GROUPS:
        assert accepts(f'permit (principal, action in Action::"{group}", resource);')


def test_the_schemas_groups_hold_what_ours_hold() -> None:
    text = SCHEMA_FILE.read_text(encoding="utf-8")
    above: dict[str, set[str]] = {}
    for names, groups in re.findall(
        r'^action ((?:"[^"]+"[, ]*)+) in (\[?[^\]\n;]+\]?)', text, re.M
    ):
        for name in re.findall(r'"([^"]+)"', names):
            above[name] = set(re.findall(r'"([^"]+)"', groups))
    for action in ACTIONS:
        found, rest = {action}, [action]
        while rest:
            for group in above.get(rest.pop(), set()) - found:
                found.add(group)
                rest.append(group)
        assert found == set(ACTION_NAMES[action])


def test_the_schema_labels_what_we_label() -> None:
    text = SCHEMA_FILE.read_text(encoding="utf-8")
    labelled = re.findall(r"^entity (\w+) in \[[^{]*\{[^}]*\} tags String;", text, re.M)

    assert set(labelled) == WITH_LABELS


@pytest.mark.parametrize("kind", sorted(TEXTS))
def test_the_schema_has_the_attributes_we_give(kind: str) -> None:
    side = "principal" if kind in {"System"} else "resource"
    for name in TEXTS[kind]:
        assert accepts(f'{_scoped(kind, side)} when {{ {side}.{name} == "x" }};'), name
    assert not accepts(f'{_scoped(kind, side)} when {{ {side}.nothing == "x" }};')
    if kind in WITH_ROLES:
        assert accepts(f'{_scoped(kind, side)} when {{ {side}.roles.contains("x") }};')


def _scoped(kind: str, side: str) -> str:
    if side == "principal":
        return f"permit (principal is {kind}, action, resource)"
    return f"permit (principal, action, resource is {kind})"


def test_every_type_has_texts() -> None:
    assert set(ENTITY_TYPES.values()) == set(TEXTS)


# What statements can read


def lens(clauses: str):  # type: ignore[no-untyped-def]
    return lens_of(one(f"{HEAD} {clauses};").tree)


@pytest.mark.parametrize(
    ("clauses", "principal", "resource", "context"),
    [
        ("", set(), set(), set()),
        ('when { principal.team == "x" && resource has owner }', {"team"}, {"owner"}, set()),
        ("when { context has run && context.mfa }", set(), set(), {"run", "mfa"}),
        ("when { context.a.b.c == 1 && context.a has b }", set(), set(), {"a"}),
        ('when { if principal in Role::"x" then true else ["a"].contains(resource.name) }',
         set(), {"name"}, set()),
        ('when { resource in [Namespace::"a", Namespace::"b"] && principal.name like "a*" }',
         {"name"}, set(), set()),
        ("when { {a: [principal.id]} == {a: [resource.owner]} }", {"id"}, {"owner"}, set()),
    ],
)  # fmt: skip
def test_a_lens_shows_what_can_be_read(
    clauses: str, principal: set[str], resource: set[str], context: set[str]
) -> None:
    seen = lens(clauses)

    assert (seen.principal, seen.resource, seen.context) == (principal, resource, context)
    assert not seen.everything
    assert not seen.labels
    assert not seen.action


@pytest.mark.parametrize(
    "clauses",
    [
        "when { principal in resource }",
        "when { context == {mfa: true} }",
        'when { {a: principal}.a.name == "x" }',
        'when { Agent::"x".name == "y" }',
        'when { Agent::"x" has name }',
        'when { principal.hasTag("x") }',
        'when { resource in [Namespace::"a", resource] }',
        "when { [context].isEmpty() }",
    ],
)
def test_what_a_lens_cannot_tell_counts_as_everything(clauses: str) -> None:
    assert lens(clauses).everything


@pytest.mark.parametrize(
    ("scope", "clauses", "ancestors"),
    [
        ('principal in Role::"r", action, resource in Namespace::"n"', "", set()),
        ('principal is Agent in Role::"r", action, resource', "", {("Role", "r")}),
        (
            "principal, action, resource",
            'when { resource in Namespace::"n" }',
            {("Namespace", "n")},
        ),
    ],
)
def test_ancestors_are_shown_where_the_index_has_not_settled_them(
    scope: str, clauses: str, ancestors: set[tuple[str, str]]
) -> None:
    assert lens_of(one(f"permit ({scope}) {clauses};").tree).ancestors == ancestors


@pytest.mark.parametrize(
    ("statement", "principal", "resource"),
    [
        ("(principal, action, resource)", ("*", True), ("*", True)),
        ('(principal == Agent::"a", action, resource in Namespace::"n")',
         ("== Agent::a", True), ("Namespace::n", True)),
        ('(principal is Agent in Role::"r", action, resource is Entry)',
         ("Role::r", False), ("is Entry", True)),
        ('(principal is Agent, action, resource) when { principal.team == "t" }',
         ("team=t", False), ("*", True)),
        ('(principal, action, resource) when { principal.team == "t" && resource.name == "n" }',
         ("*", True), ("*", True)),  # a member has no team: it could fail before the name counts
        ('(principal, action, resource) when { principal has team && principal.team == "t" '
         '&& resource.name == "n" }', ("team=t", True), ("name=n", True)),
        ('(principal == Agent::"a", action, resource in Namespace::"n")'
         ' when { principal.team == "t" && resource.scope == "task" }',
         ("== Agent::a", True), ("Namespace::n", True)),
        ('(principal, action, resource) when { resource.classification == "x" }',
         ("*", True), ("*", True)),
        ('(principal, action, resource is Entry in Namespace::"n")'
         ' when { resource.classification == "x" && principal.name == "b" }',
         ("name=b", True), ("Namespace::n", False)),
        ('(principal, action, resource in Namespace::"n")'
         ' when { resource.classification == "x" && principal.name == "b" && principal.id == "i" }',
         ("id=i", True), ("Namespace::n", True)),
        ('(principal in Role::"r", action, resource) when { principal.team == "x" '
         '&& resource.name == "n" }', ("Role::r", True), ("*", True)),
        ('(principal, action, resource) unless { resource.name == "n" }', ("*", True), ("*", True)),
    ],
)  # fmt: skip
def test_statements_are_filed_under_what_they_are_about(
    statement: str, principal: tuple[str, bool], resource: tuple[str, bool]
) -> None:
    tree = one(f"permit {statement};").tree

    assert filed_under(tree, "principal") == principal
    assert filed_under(tree, "resource") == resource


def test_labels_and_the_action_are_shown_when_asked_for() -> None:
    assert lens('when { resource.hasTag("x") && resource.getTag("x") == "y" }').labels
    assert lens('when { action in Action::"state.*" }').action


def test_named_entities_are_found_anywhere() -> None:
    scope = 'principal in Role::"r", action == Action::"a", resource'
    text = f'permit ({scope}) when {{ resource in Namespace::"n" }};'

    assert named_entities((one(text).tree,)) == {("Role", "r"), ("Action", "a"), ("Namespace", "n")}
    assert len(list(walk(one(text).tree.clauses))) > 3


def test_scopes_are_matched_without_conditions() -> None:
    agent = EntityFacts(("Agent", "a"), {}, {}, (("Role", "writer"),))
    entry = EntityFacts(("Entry", "n/x"), {}, {}, (("Namespace", "n"),))

    def matches(scope: str) -> bool:
        return scope_matches(one(f"permit ({scope});").tree, ("b", "g"), agent, entry)

    for scope in (
        "principal, action, resource",
        'principal == Agent::"a", action == Action::"b", resource == Entry::"n/x"',
        'principal in Role::"writer", action in Action::"g", resource in Namespace::"n"',
        'principal is Agent, action in [Action::"z", Action::"b"], resource is Entry',
        'principal is Agent in Role::"writer", action, resource is Entry in Namespace::"n"',
        'principal in Agent::"a", action, resource',
    ):
        assert matches(scope), scope
    for scope in (
        'principal == Agent::"b", action, resource',
        'principal in Role::"reader", action, resource',
        "principal is Member, action, resource",
        'principal is Member in Role::"writer", action, resource',
        'principal is Agent in Role::"reader", action, resource',
        'principal, action == Action::"c", resource',
        'principal, action in [Action::"c"], resource',
        'principal, action, resource == Namespace::"n"',
    ):
        assert not matches(scope), scope

"""What people type to find records: understood as it reads, refused with its place, bounded."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stateward.gate.audit.filters import RecordFilter
from stateward.gate.audit.queries import search_records
from stateward.gate.audit.typed import (
    Either,
    Every,
    Not,
    NotUnderstood,
    Part,
    Term,
    Typed,
    condition,
    parse,
    understand,
)
from stateward.tenancy.scope import run_flow, tenant_scope
from tests.audit.audit_helpers import an_agent, write_records

A, B, C = Term("actor", "a"), Term("key", "b"), Term("run", "c")


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("actor:a", A),
        ("actor:a key:b", Every((A, B))),
        ("actor:a AND key:b", Every((A, B))),
        ("actor:a or key:b and run:c", Either((A, Every((B, C))))),
        ("(actor:a OR key:b) run:c", Every((Either((A, B)), C))),
        ("NOT actor:a", Not(A)),
        ("not (actor:a OR key:b)", Not(Either((A, B)))),
        ('key:"x \\"y\\" (z)"', Term("key", 'x "y" (z)')),
        ("action:state.*", Term("action", "state.*")),
        ("  ACTOR:a  ", A),
        ("key:a:b", Term("key", "a:b")),
    ],
)
def test_it_means_what_it_reads_like(text: str, means: Part) -> None:
    assert parse(text) == means


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("", 0), ("AND", 0), ("actor:a OR", 10), ("(actor:a", 8), ("actor:a)", 7), ("what:x", 0),
        ("actor:a booker", 8), ("actor:", 0), ('key:"open', 0), ("actor:a NOT", 11),
        ("x" * 2_000, 1_000), ("actor:a & key:b", 8), ("key:a\x00", 5),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(text: str, at: int) -> None:
    with pytest.raises(NotUnderstood) as fault:
        parse(text)

    assert fault.value.at == at


@pytest.mark.parametrize("text", ["(" * 400 + "actor:a", "NOT " * 200 + "actor:a", "key:a " * 150])
def test_what_is_too_large_is_refused(text: str) -> None:
    """F83."""
    with pytest.raises(NotUnderstood):
        parse(text)


@given(st.text(max_size=200))
def test_any_text_is_understood_or_refused(text: str) -> None:
    sql, parameters, at = "", [], 0
    try:
        sql, parameters = condition(parse(text), lambda name: [])
    except NotUnderstood as fault:
        at = fault.at

    assert sql.count("%s") == len(parameters)
    assert 0 <= at <= len(text)


@given(st.text(min_size=1, max_size=40).filter(lambda text: "\x00" not in text))
def test_no_value_is_ever_sql(value: str) -> None:
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')
    sql, parameters = condition(parse(f'key:"{quoted}"'), lambda name: [])

    assert sql in {
        "coalesce(r.entry_key = %s, false)",
        "coalesce(starts_with(r.entry_key, %s), false)",
    }
    assert parameters in ([value], [value[:-1]])


parts = st.recursive(
    st.sampled_from(
        [Term("action", "state.write"), Term("outcome", "deny"), Term("key", "key-1"),
         Term("key", "key*"), Term("class", "restricted"), Term("policy", "p"),
         Term("purpose", "x"), Term("run", "r")]
    ),
    lambda inner: st.one_of(
        inner.map(Not), st.tuples(inner, inner).map(Every), st.tuples(inner, inner).map(Either)
    ),
    max_leaves=6,
)  # fmt: skip


def truth(part: Part, row: dict[str, Any]) -> bool:
    """The reference: obviously right."""
    match part:
        case Not(inner):
            return not truth(inner, row)
        case Every(inner):
            return all(truth(one, row) for one in inner)
        case Either(inner):
            return any(truth(one, row) for one in inner)
        case Term("outcome", "deny"):
            return bool(row["outcome"] != "allow")
        case Term(field, value) if value.endswith("*"):
            return str(row.get(field) or "").startswith(value[:-1])
        case Term(field, value):
            return bool(row.get(field) == value)
    raise AssertionError(part)


@pytest.fixture(scope="module")
def rows(django_db_blocker: Any, django_db_setup: None) -> Any:
    with django_db_blocker.unblock():
        actor = an_agent()
        write_records(actor, 2)
        write_records(actor, 2, action="state.read_value", classification="restricted")
        write_records(actor, 1, outcome="deny_forbid", personal={})
        yield actor.tenant_id


@pytest.mark.usefixtures("rows")
@given(part=parts)
def test_the_database_finds_what_the_reference_finds(part: Part, rows: Any) -> None:
    sql, parameters = condition(part, lambda name: [])

    typed = Typed("", sql, tuple(parameters))
    with tenant_scope(rows):
        everything, _ = run_flow(search_records(RecordFilter(rows)))
        found, _ = run_flow(search_records(RecordFilter(rows, typed=typed)))

    wanted = {
        one.id
        for one in everything
        if truth(part, {"action": one.action, "outcome": one.outcome, "key": one.key,
                        "class": one.classification, "run": one.run})
    }  # fmt: skip
    assert {one.id for one in found} == wanted


def test_a_namespace_is_asked_for_by_its_name() -> None:
    asked = []
    understood = understand("namespace:airline.bookings", lambda name: asked.append(name) or [])

    assert asked == ["airline.bookings"]
    assert str(understood) == "namespace:airline.bookings"

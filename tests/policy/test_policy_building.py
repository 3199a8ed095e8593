"""The form and the text say the same: what is written is read back, and the other way round."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from governance.policies.building import (
    ABSENT,
    FIELDS,
    FLAG,
    NAMED_WHAT,
    NAMED_WHO,
    WHAT,
    WHO,
    Condition,
    RuleForm,
    form_of_text,
    text_of_form,
)
from governance.policies.shapes import shape_of
from stateward.gate.policy.statements import parse
from tests.factories.api import Api
from tests.factories.approvals import make_circle
from tests.factories.policies import statement
from tests.factories.tenants import make_member

TEXTS = st.text(
    st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8
) | st.sampled_from(["desk", "eu", 'a"b', "a\\b", "é"])
COMPARED = st.builds(
    Condition,
    st.sampled_from(FIELDS),
    st.sampled_from(["is", "is_not"]),
    st.tuples(TEXTS),
)
ONE_OF = st.builds(
    Condition,
    st.sampled_from(FIELDS),
    st.just("one_of"),
    st.lists(TEXTS, min_size=1, max_size=3).map(tuple),
)
LABELS = st.builds(Condition, TEXTS, st.just("has_label"), st.tuples(TEXTS))
FLAGS = st.sampled_from([Condition(name, "has") for name in (FLAG, *sorted(ABSENT))])
CONDITIONS = st.lists(COMPARED | ONE_OF | LABELS | FLAGS, max_size=3).map(tuple)
ACTIONS = st.lists(
    st.sampled_from(["state.write", "state.read", "state.*", "policy.read", "state.delete"]),
    max_size=3,
    unique=True,
).map(tuple)


@st.composite
def forms(draw: Any) -> RuleForm:
    who, what = draw(st.sampled_from(WHO)), draw(st.sampled_from(WHAT))
    return RuleForm(
        draw(st.sampled_from(["permit", "forbid"])),
        who,
        draw(TEXTS) if who in NAMED_WHO else "",
        draw(ACTIONS),
        what,
        draw(TEXTS) if what in NAMED_WHAT else "",
        draw(CONDITIONS),
        draw(CONDITIONS),
    )


@settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=300)
@given(forms())
def test_what_a_form_writes_is_read_back_as_it_was(form: RuleForm) -> None:
    text = text_of_form(form)
    read = form_of_text(text)

    assert isinstance(parse(text), tuple), text
    assert read is not None, text
    assert text_of_form(read) == text


@pytest.mark.parametrize("seed", range(5))
def test_what_is_read_from_a_text_says_the_same(seed: int) -> None:
    rng, read = Random(seed), 0
    for _ in range(200):
        text = statement(rng)
        form = form_of_text(text)
        if form is None:
            continue
        read += 1
        [one], [other] = parse(text), parse(text_of_form(form))  # type: ignore[misc]  # they parse
        assert shape_of(one) == shape_of(other)
    assert read > 20


@pytest.mark.parametrize(
    "text",
    [
        "permit (principal, action, resource) when { 1 < 2 };",
        'permit (principal in Tenant::"t", action, resource);',
        "permit (principal, action, resource); permit (principal, action, resource);",
        "// why\npermit (principal, action, resource);",
        '@id("x")\npermit (principal, action, resource);',
        'permit (principal, action, resource) when { context.purpose == "x" };',
        "permit (principal, action, resource) when { context.mfa } when { context.mfa };",
        "permit (",
    ],
)
def test_what_the_form_cannot_say_is_text_only(text: str) -> None:
    assert form_of_text(text) is None


def test_over_rest_there_and_back(database: None) -> None:
    circle = make_circle(1)
    owner, viewer = Api(circle.members[0]), Api(make_member(circle.tenant, "viewer"))
    text = 'forbid (principal is Agent, action == Action::"state.write", resource);'

    form = owner("POST", "/policies/form", {"text": text}).json()["form"]
    written = owner("POST", "/policies/form/text", form).json()["text"]

    assert (form["who"], form["actions"]) == ("agents", ["state.write"])
    assert owner("POST", "/policies/form", {"text": written}).json()["form"] == form
    odd = owner("POST", "/policies/form", {"text": "permit ("})
    assert (odd.status_code, odd.json()["form"]) == (200, None)
    wrong = owner("POST", "/policies/form/text", form | {"actions": ["state.fly"]})
    assert wrong.status_code == 422
    odd = [{"field": "true) || (true", "operator": "is", "values": ["x"]}]
    injected = owner("POST", "/policies/form/text", form | {"exceptions": odd})
    assert injected.json()["errors"][0]["pointer"] == "/exceptions/0/field"
    assert viewer("POST", "/policies/form", {"text": text}).status_code == 403

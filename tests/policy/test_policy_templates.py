"""Templates: each fills to a valid text, and no slot says more than it is meant to."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from governance.people.acts import system_call
from governance.policies.services import activate, create_policy
from governance.policies.templates import TEMPLATES, Template, fill, find_template
from stateward.gate.policy.statements import parse
from stateward.gate.policy.validate import validate
from stateward.kernel.clock import now
from stateward.kernel.errors import NotFound, Unprocessable
from tests.factories.api import Api
from tests.factories.approvals import make_circle
from tests.factories.state import make_world
from tests.factories.tenants import make_member

EXAMPLES = {one.name: {slot.name: slot.example for slot in one.slots} for one in TEMPLATES}


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda one: one.name)
def test_each_is_valid_with_its_examples(template: Template) -> None:
    assert validate(fill(template, EXAMPLES[template.name])) == ()


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda one: one.name)
def test_each_slot_is_needed_and_used(template: Template) -> None:
    for slot in template.slots:
        assert "{" + slot.name + "}" in template.text
        with pytest.raises(Unprocessable) as refused:
            fill(template, EXAMPLES[template.name] | {slot.name: " "})
        assert refused.value.errors[0].pointer == f"/slots/{slot.name}"


@pytest.mark.parametrize(
    ("name", "slot", "said"),
    [
        ("purpose-needed", "namespace", 'a") || true; permit (principal, action, resource) //'),
        ("working-hours", "from", "25"),
        ("network", "network", "10.0.0.0/33"),
        ("readers", "role", "owner"),
        ("one-team-only", "team", "a\nb"),
    ],
)
def test_what_does_not_fit_a_slot_is_refused(name: str, slot: str, said: str) -> None:
    with pytest.raises(Unprocessable):
        fill(find_template(name), EXAMPLES[name] | {slot: said})


@settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=200)
@given(st.text(min_size=1, max_size=20))
def test_whatever_is_typed_stays_within_its_text(said: str) -> None:
    """As many statements, clauses and names as with the example, or a refusal."""
    template = find_template("one-team-only")
    plain = parse(fill(template, EXAMPLES["one-team-only"]))
    try:
        text = fill(template, EXAMPLES["one-team-only"] | {"team": said})
    except Unprocessable:
        return
    found = parse(text)
    assert isinstance(found, tuple)
    assert isinstance(plain, tuple)
    assert len(found) == len(plain) == 1
    assert len(found[0].conjuncts) == len(plain[0].conjuncts)
    assert found[0].parts[:2] == plain[0].parts[:2]


def test_there_is_no_other() -> None:
    with pytest.raises(NotFound):
        find_template("nothing")


def test_over_rest_they_are_listed_filled_and_for_who_drafts(database: None) -> None:
    circle = make_circle(1)
    owner, viewer = Api(circle.members[0]), Api(make_member(circle.tenant, "viewer"))

    listed = owner("GET", "/policies/templates").json()["items"]
    filled = owner("POST", "/policies/templates/readers/text", {"slots": EXAMPLES["readers"]})
    refused = owner("POST", "/policies/templates/readers/text", {"slots": {}})

    assert [one["name"] for one in listed] == [one.name for one in TEMPLATES]
    assert validate(filled.json()["text"]) == ()
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/slots/role")
    assert viewer("GET", "/policies/templates").status_code == 403
    assert owner("POST", "/policies/templates/nothing/text", {"slots": {}}).status_code == 404


def test_what_nothing_meets_is_listed(database: None, monkeypatch: pytest.MonkeyPatch) -> None:
    world = make_world()
    member = make_member(world.tenant, "owner")
    owner = Api(member)
    for name, action in (("met", "write"), ("unmet", "purge"), ("draft", "lease")):
        text = f'forbid (principal, action == Action::"state.{action}", resource);'
        made = owner("POST", "/policies", {"name": name, "text": text}).json()
        if name != "draft":
            said = {"version": 1, "level": "shadow"}
            owner("PUT", f"/policies/{made['id']}/activation", said)
    tomorrow = now() + timedelta(days=1)
    world.put("k", 1)

    assert owner("GET", "/policies/unmatched?days=30").json()["items"] == []  # too new to tell
    monkeypatch.setattr("governance.policies.unmatched.now", lambda: tomorrow)
    told = owner("GET", "/policies/unmatched?days=1").json()

    assert [one["name"] for one in told["items"]] == ["unmet"]
    assert owner("GET", "/policies/unmatched?days=0").status_code == 422
    assert owner("GET", "/policies/unmatched?days=x").status_code == 400
    stranger = Api(make_circle(1).members[0])
    assert stranger("GET", "/policies/unmatched").json()["items"] == []


def test_one_that_is_filled_comes_into_force(database: None) -> None:
    circle = make_circle(1)
    text = fill(find_template("second-factor"), {})
    made = create_policy(circle.actor(0), system_call(), name="second-factor", text=text)

    assert activate(circle.actor(0), system_call(), made.id, version=1).active_version == 1

"""The model's help in the browser: said before it is done, shown as a machine's words, absent where
there is none.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from stateward.gate.policy.models import Policy
from stateward.tenancy.scope import tenant_scope
from tests.assist.model_server import ModelServer, Raw, model_server
from tests.console.console_world import World, make_world

pytestmark = pytest.mark.browser

BOOKINGS = "airline.bookings"
ENTRY = f"namespaces/{BOOKINGS}/entries/EHGLP3"
EXPLAINED = {
    "summary": "A booking whose seat was changed once. <b>Nothing else</b> stands out.",
    "points": [
        {"text": "The seat went from 12A to 14C at the gate.", "versions": [1, 2]},
        {"text": "The guest's address was withheld.", "versions": []},
    ],
}
ODD = {
    "summary": "One of three bookings is far dearer than the others.",
    "points": [
        {"text": "Forty times the usual price.", "severity": "high", "entries": ["e3"]},
        {"text": "Written at night.", "severity": "low", "entries": ["e1", "e2"]},
    ],
}
DRAFT = {
    "name": "refunds-need-a-purpose",
    "description": "Agents say why they refund.",
    "policy": '// Agents say why they refund.\n@id("refunds-need-a-purpose")\nforbid (\n'
    '  principal is Agent,\n  action == Action::"state.write",\n'
    '  resource in Namespace::"airline.bookings"\n) unless { context has purpose };',
}


@pytest.fixture(scope="module")
def served() -> Iterator[ModelServer]:
    with model_server() as server:
        yield server


@pytest.fixture
def model(served: ModelServer, settings: Any) -> ModelServer:
    settings.ASSIST_URL, settings.ASSIST_MODEL = served.url, "scripted-1"
    settings.ASSIST_PRIVATE_HOSTS = ["127.0.0.1"]
    settings.ASSIST_CALLS_A_MINUTE = 100
    served.answers = [EXPLAINED]
    served.asked.clear()
    return served


@pytest.fixture
def world() -> World:
    world = make_world()
    desk = world.agent("booking-desk")
    world.namespace(BOOKINGS)
    mail = "ada@example.com"
    world.put(BOOKINGS, "EHGLP3", {"seat": "12A", "usd": 410, "email": mail}, by=desk)
    world.put(BOOKINGS, "EHGLP3", {"seat": "14C", "usd": 410, "email": mail}, by=desk, note="gate")
    world.put(BOOKINGS, "EHGLP4", {"seat": "3B", "usd": 380})
    world.put(BOOKINGS, "EHGLP5", {"seat": "7F", "usd": 16_000})
    return world


def look(console: Any, name: str) -> None:
    """Pictures for whoever asks for them, and what every page must be in both themes."""
    for theme in ("light", "dark"):
        console.tab.emulate_media(color_scheme=theme)
        assert console.axe() == []
        if folder := os.environ.get("STATEWARD_PICTURES"):
            console.tab.screenshot(path=f"{folder}/{name}-{theme}.png", full_page=True)
    console.tab.set_viewport_size({"width": 390, "height": 800})
    assert console.overflow() == 0
    if folder := os.environ.get("STATEWARD_PICTURES"):
        console.tab.screenshot(path=f"{folder}/{name}-390.png", full_page=True)
    console.tab.set_viewport_size({"width": 1440, "height": 900})


def test_an_entry_is_explained_with_links_to_its_versions(
    console: Any, world: World, model: ModelServer
) -> None:
    console.sign_in(world.person)
    tab = console.open(world.path(ENTRY))
    tab.get_by_role("link", name="Explain").click()
    expect(tab.get_by_text("Values leave, as you may read them.")).to_be_visible()
    look(console, "explain-before")
    assert model.asked == []

    tab.get_by_role("button", name="Ask scripted-1").click()

    answer = tab.get_by_role("region", name="A machine’s words")
    expect(answer).to_contain_text("<b>Nothing else</b> stands out.")
    expect(answer).to_contain_text("Withheld from it:")
    expect(answer).to_contain_text("personal detail")
    look(console, "explain-after")
    assert "example.com" not in model.texts
    answer.get_by_role("link", name="version 1").click()
    expect(tab.get_by_text("Past version")).to_be_visible()


def test_what_is_odd_in_a_namespace_leads_to_the_entries(
    console: Any, world: World, model: ModelServer
) -> None:
    model.answers = [ODD]
    console.sign_in(world.person)
    tab = console.open(world.path(f"namespaces/{BOOKINGS}/"))
    tab.get_by_role("link", name="Find anomalies").click()
    tab.get_by_role("button", name="Ask scripted-1").click()

    answer = tab.get_by_role("region", name="A machine’s words")
    expect(answer).to_contain_text("Forty times the usual price.")
    look(console, "anomalies")
    answer.get_by_role("link", name="EHGLP5").click()
    expect(tab.get_by_role("heading", level=1)).to_have_text("EHGLP5")


def test_a_sentence_becomes_a_policy_that_somebody_still_has_to_put_in_force(
    console: Any, world: World, model: ModelServer
) -> None:
    model.answers = [DRAFT]
    console.sign_in(world.person)
    tab = console.open(world.path("policies/"))
    tab.get_by_role("link", name="Draft from a sentence").click()
    tab.get_by_label("What is to be").fill("Agents may not write bookings without a purpose.")
    look(console, "draft")
    tab.get_by_role("button", name="Draft it").click()

    expect(tab.get_by_text("drafted by a model, scripted-1, as version 1")).to_be_visible()
    expect(tab.get_by_role("heading", level=1)).to_have_text("refunds-need-a-purpose")
    with tenant_scope(world.tenant.id):
        saved = Policy.objects.get(tenant_id=world.tenant.id)
    assert saved.active_version is None
    world.put(BOOKINGS, "EHGLP6", 1, by=world.agents["booking-desk"])  # nothing forbids it yet


def test_where_no_answer_comes_the_page_says_so_and_keeps_what_was_typed(
    console: Any, world: World, model: ModelServer
) -> None:
    model.answers = [Raw(500, b"{}")]
    sentence = "Agents may not write bookings at night."
    console.sign_in(world.person)
    tab = console.open(world.path("policies/draft"))
    tab.get_by_label("What is to be").fill(sentence)
    console.expected |= {502, 503}
    tab.get_by_role("button", name="Draft it").click()

    expect(tab.get_by_role("alert")).to_contain_text("The model did not answer in time")
    expect(tab.get_by_label("What is to be")).to_have_value(sentence)
    look(console, "draft-failed")
    model.answers = [{"name": "x", "description": "No rule knows of nights.", "policy": ""}]
    tab.get_by_role("button", name="Draft it").click()
    expect(tab.get_by_text("No rule knows of nights.")).to_be_visible()
    expect(tab.get_by_text("No policy was saved")).to_be_visible()


@pytest.mark.parametrize("console", [{"java_script_enabled": False}], indirect=True)
def test_it_needs_no_javascript(console: Any, world: World, model: ModelServer) -> None:
    console.sign_in(world.person)
    tab = console.open(world.path(f"{ENTRY}/explanation"))
    tab.get_by_role("button", name="Ask scripted-1").click()

    expect(tab.get_by_role("region", name="A machine’s words")).to_be_visible()


def test_without_a_model_there_is_no_button(console: Any, world: World) -> None:
    console.sign_in(world.person)
    for path in (ENTRY, f"namespaces/{BOOKINGS}/", "policies/"):
        tab = console.open(world.path(path))
        found = tab.get_by_role("link").filter(has_text="Explain")
        expect(found.or_(tab.get_by_text("Find anomalies"))).to_have_count(0)
        expect(tab.get_by_text("Draft from a sentence")).to_have_count(0)
    console.open(world.path(f"{ENTRY}/explanation"), status=503)


def test_who_may_not_use_the_model_sees_no_button_and_is_denied(
    console: Any, world: World, model: ModelServer
) -> None:
    console.sign_in(world.member("editor"))
    tab = console.open(world.path(ENTRY))
    expect(tab.get_by_role("link", name="Explain")).to_have_count(0)
    for path in (f"{ENTRY}/explanation", f"namespaces/{BOOKINGS}/anomalies"):
        tab = console.open(world.path(path))
        expect(tab.get_by_text("You may not use the model here")).to_be_visible()
        expect(tab.get_by_role("button", name="Ask scripted-1")).to_have_count(0)
    tab = console.open(world.path("policies/draft"))
    expect(tab.get_by_text("You may not draft with the model")).to_be_visible()
    assert model.asked == []


def test_the_second_tenant_finds_nothing(console: Any, world: World, model: ModelServer) -> None:
    other = make_world("Other Air")
    console.sign_in(other.person)

    console.open(world.path(f"{ENTRY}/explanation"), status=404)
    console.open(other.path(f"{ENTRY}/explanation"), status=404)

    assert "EHGLP3" not in json.dumps(model.asked)

"""Approvals in the browser: a hold is released by two people, and numbers are set."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from governance.retention.services.holds import ask_to_release, place_hold
from stateward.tenancy.models import Member, Person
from stateward.tenancy.scope import tenant_scope
from tests.console.console_world import CALL, World, make_world
from tests.factories.api import Api

pytestmark = pytest.mark.browser


@pytest.fixture
def world(database: None) -> World:
    return make_world()


@pytest.fixture
def second(world: World) -> Person:
    return world.member("owner", name="Bo Second")


def api_of(world: World) -> Api:
    with tenant_scope(world.tenant.id):
        return Api(Member.objects.get(id=world.owner.id))


def test_a_hold_is_released_by_two_people(console: Any, world: World, second: Person) -> None:
    hold = place_hold(world.owner, CALL(), matter="DOT-114", reason="A regulator asked.")
    console.sign_in(world.person)
    tab = console.open(world.path(f"holds/{hold.id}/release"))
    tab.get_by_label("Reason").fill("Settled.")
    tab.get_by_label("Type the matter").fill("DOT-114")
    tab.get_by_role("button", name="Release 1 hold").click()
    expect(tab.get_by_role("heading", level=1)).to_have_text("Release the hold of DOT-114")
    expect(tab.get_by_role("button", name="Agree")).to_have_count(0)

    console.sign_in(second)
    tab = console.open(world.path("holds/"))
    expect(tab.get_by_role("link", name="Approvals 1 wait for you")).to_be_visible()
    tab.get_by_role("link", name="Approvals 1 wait for you").click()
    tab.get_by_role("link", name="Release the hold of DOT-114").click()
    expect(tab.locator("main")).to_contain_text("Settled.")
    console.expected.add(422)
    tab.get_by_role("button", name="Refuse").click()
    expect(tab.get_by_role("alert")).to_contain_text("say why")
    tab.get_by_label("Reason").fill("I asked them.")
    tab.get_by_role("button", name="Agree").click()
    expect(tab.get_by_text("You agreed.")).to_be_visible()

    console.sign_in(world.person)
    tab = console.open(world.path("approvals/"))
    tab.get_by_role("link", name="Release the hold of DOT-114").click()
    tab.get_by_role("link", name="Carry it out").click()
    tab.get_by_label("Reason").fill("Settled.")
    tab.get_by_label("Type the matter").fill("DOT-114")
    tab.get_by_role("button", name="Release 1 hold").click()
    expect(tab.get_by_text("DOT-114 is released.")).to_be_visible()
    [released] = api_of(world)("GET", "/retention/holds?state=released").json()["items"]
    assert released["release_reason"] == "Settled."


def test_a_number_is_raised_and_lowered(console: Any, world: World, second: Person) -> None:
    console.sign_in(world.person)
    tab = console.open(world.path("approvals/numbers/"))
    tab.get_by_label("People who must agree: Release a hold").select_option("2")
    tab.get_by_role("button", name="Set Release a hold").click()
    expect(tab.get_by_text("Release a hold: 2 must agree from now on.")).to_be_visible()
    console.expected.add(422)
    tab.get_by_label("People who must agree: Release a hold").select_option("0")
    tab.get_by_role("button", name="Set Release a hold").click()

    expect(tab.get_by_role("alert")).to_contain_text("2 other people must agree, and only 1 could")
    items = api_of(world)("GET", "/approvals/settings").json()["items"]
    assert {one["kind"]: one["number"] for one in items}["hold.release"] == 2


def test_a_stranger_sees_nothing_of_it(console: Any, world: World, second: Person) -> None:
    hold = place_hold(world.owner, CALL(), matter="DOT-114", reason="A regulator asked.")
    asked = ask_to_release(world.owner, CALL(), hold.id, reason="Settled.")
    stranger = make_world("Other Air")
    console.sign_in(stranger.person)

    tab = console.open(stranger.path("approvals/"))
    expect(tab.get_by_text("Nothing waits. What needs a second person")).to_be_visible()
    console.open(stranger.path(f"approvals/{asked.id}/"), status=404)
    console.open(world.path(f"approvals/{asked.id}/"), status=404)

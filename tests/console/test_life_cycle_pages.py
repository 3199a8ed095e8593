"""The life cycle of a rule in the browser: in the shadow, agreed to, tested, made firmer."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from governance.policies import services
from stateward.tenancy.models import Member, Person
from stateward.tenancy.scope import tenant_scope
from tests.console.console_world import CALL, World, make_world
from tests.factories.api import Api
from tests.factories.approvals import set_number

pytestmark = pytest.mark.browser

REFUNDS = "airline.refunds"
TEXT = 'forbid (principal is Agent, action == Action::"state.write", resource);'


@pytest.fixture
def world(database: None) -> World:
    world = make_world()
    world.agent("refund-desk")
    world.namespace(REFUNDS)
    return world


@pytest.fixture
def second(world: World) -> Person:
    return world.member("owner", name="Bo Second")


def api_of(world: World) -> Api:
    with tenant_scope(world.tenant.id):
        return Api(Member.objects.get(id=world.owner.id))


def test_a_rule_is_put_in_the_shadow_then_made_soft_by_two(
    console: Any, world: World, second: Person
) -> None:
    policy = world.policy("no-writes", TEXT, active=False)
    console.sign_in(world.person)
    tab = console.open(world.path(f"policies/{policy.id}/activate?version=1"))
    tab.get_by_label("Shadow").check()
    tab.get_by_role("button", name="Put version 1 in force").click()
    expect(tab.get_by_text("it decides nothing; the audit notes")).to_be_visible()
    world.put(REFUNDS, "RF-1", {"usd": 10}, by=world.agents["refund-desk"])

    set_number(world.tenant.id, "policy.activate", 1)
    console.open(world.path(f"policies/{policy.id}/activate?version=1"))
    tab.get_by_label("Soft").check()
    tab.get_by_label("Reason, for those who agree").fill("Nothing broke in the shadow.")
    tab.get_by_role("button", name="Put version 1 in force").click()
    expect(tab.get_by_text("Nothing has changed yet")).to_be_visible()

    asked = tab.url.split("/approvals/")[1]
    console.sign_in(second)
    tab = console.open(world.path(f"approvals/{asked}"))
    expect(tab.locator("main")).to_contain_text("soft")
    tab.get_by_role("button", name="Agree").click()
    expect(tab.get_by_text("You agreed.")).to_be_visible()

    console.sign_in(world.person)
    tab = console.open(world.path(f"approvals/{asked}"))
    tab.get_by_role("link", name="Carry it out").click()
    expect(tab.get_by_label("Soft")).to_be_checked()
    tab.get_by_role("button", name="Put version 1 in force").click()
    expect(tab.get_by_text("two people may except somebody").first).to_be_visible()
    in_force = api_of(world)("GET", "/policies/in-force").json()["items"]
    assert [(one["name"], one["level"]) for one in in_force] == [("no-writes", "soft")]


def test_a_trial_is_kept_as_a_test_and_stops_a_version_that_breaks_it(
    console: Any, world: World
) -> None:
    policy = world.policy("no-writes", TEXT)
    services.add_version(world.owner, CALL(), policy.id, text=TEXT.replace("write", "purge"))
    desk = world.agents["refund-desk"]
    console.sign_in(world.person)
    asked = f"who=agent:{desk.id}&does=state.write&kind=entry&on={REFUNDS}/RF-1"
    tab = console.open(world.path(f"policies/{policy.id}/?version=1&{asked}"))
    tab.get_by_label("Keep as a test named").fill("the desk writes nothing")
    tab.get_by_role("button", name="Must be refused").click()
    expect(tab.get_by_text("Kept as a test.")).to_be_visible()
    expect(tab.locator("main")).to_contain_text("Fails")
    expect(tab.locator("main")).to_contain_text("actions that come: state.purge")
    assert console.axe() == []

    console.open(world.path(f"policies/{policy.id}/activate?version=2"))
    console.expected.add(422)
    tab.get_by_role("button", name="Put version 2 in force").click()

    expect(tab.get_by_role("alert")).to_contain_text("the desk writes nothing")
    [kept] = api_of(world)("GET", f"/policies/{policy.id}/tests").json()["items"]
    assert (kept["name"], kept["expected"]) == ("the desk writes nothing", "deny")
    tab = console.open(world.path(f"policies/{policy.id}/"))
    tab.get_by_role("button", name="Remove the test the desk writes nothing").click()
    expect(tab.get_by_text("The test is gone.")).to_be_visible()


@pytest.mark.parametrize(
    "console",
    [{"viewport": {"width": 390, "height": 844}}, {"color_scheme": "dark"}],
    indirect=True,
)
def test_what_is_sure_of_a_text_is_told_narrow_and_dark(console: Any, world: World) -> None:
    policy = world.policy("odd", TEXT + TEXT, active=False)
    console.sign_in(world.person)

    tab = console.open(world.path(f"policies/{policy.id}/"))

    expect(tab.locator("main")).to_contain_text("Statement 1 says the same")
    assert console.overflow() == 0
    assert console.axe() == []
    tab = console.open(world.path(f"policies/{policy.id}/activate?version=1"))
    assert console.overflow() == 0
    assert console.axe() == []

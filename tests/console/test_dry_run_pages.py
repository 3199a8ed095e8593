"""An admin sees what a version would have done last week, before it decides anything."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from governance.policies.models import DryRun
from stateward.tenancy.models import Member
from stateward.tenancy.scope import tenant_scope
from tests.console.console_world import World, make_world
from tests.console.test_assist_pages import look
from tests.console.test_backup_pages import work
from tests.factories.api import Api

pytestmark = pytest.mark.browser

FORBID = (
    '@id("no-writes") forbid (principal is Agent, action == Action::"state.write",'
    ' resource in Namespace::"airline.refunds");'
)


@pytest.fixture
def world(database: None) -> World:
    world = make_world()
    desk, night = world.agent("refund-desk"), world.agent("night-shift")
    for name in ("airline.bookings", "airline.refunds"):
        world.namespace(name)
    for number in range(30):
        world.put("airline.bookings", f"B{number}", {"n": number}, by=desk)
    for number in range(12):
        by = night if number % 3 == 0 else desk
        world.put("airline.refunds", f"R{number}", {"usd": number}, by=by)
    world.policy("refunds-stand-still", FORBID, active=False)
    return world


def test_a_version_is_tried_on_what_was_asked(console: Any, world: World) -> None:
    console.sign_in(world.person)
    tab = console.open(world.path("policies/"))
    tab.get_by_role("link", name="refunds-stand-still").click()
    tab.get_by_role("link", name="Dry run", exact=True).click()
    expect(tab.get_by_text("No dry run yet")).to_be_visible()
    look(console, "dry-runs")
    tab.get_by_label("On what was asked in").select_option("the last day")
    tab.get_by_role("button", name="Try it").click()
    expect(tab.get_by_text("Under way")).to_be_visible()
    work(world)

    with tenant_scope(world.tenant.id):
        made = DryRun.objects.get(tenant=world.tenant)
        member = Member.objects.get(person=world.person)
    console.open(world.path(f"policies/dry-runs/{made.id}/"))
    expect(tab.locator(".said")).to_contain_text("12 would have been refused instead of allowed")
    row = tab.get_by_role("row").filter(has_text="refund-desk")
    expect(row).to_contain_text("Would be refused")
    expect(row).to_contain_text("8")
    row.get_by_text("8 samples").click()
    look(console, "dry-run")
    told = Api(member)("GET", f"/policies/dry-runs/{made.id}").json()["result"]
    assert (told["allow_to_deny"], told["deny_to_allow"], told["same_rules_differ"]) == (12, 0, 0)
    row.get_by_role("listitem").first.get_by_role("link").click()
    expect(tab.get_by_text("state.write").first).to_be_visible()

    other = make_world("Other Air")
    console.sign_in(other.person)
    console.expected.add(404)
    console.open(world.path(f"policies/dry-runs/{made.id}/"), 404)
    console.open(other.path(f"policies/dry-runs/{made.id}/"), 404)


def test_it_needs_no_javascript_and_says_when_nothing_was_asked(console: Any, world: World) -> None:
    console.sign_in(world.person)
    with tenant_scope(world.tenant.id):
        policy = world.policy("quiet", FORBID, active=False)
    tab = console.open(world.path(f"policies/{policy.id}/dry-runs/"))
    tab.get_by_label("Only beneath the namespace").fill("nowhere")
    tab.get_by_role("button", name="Try it").click()
    work(world)

    with tenant_scope(world.tenant.id):
        made = DryRun.objects.get(tenant=world.tenant, policy=policy)
    console.open(world.path(f"policies/dry-runs/{made.id}/"))
    expect(tab.locator(".said")).to_contain_text("Nothing was asked in this window")

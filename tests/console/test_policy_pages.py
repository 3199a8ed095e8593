"""Rules in the browser: written, tried before they decide, put in force, taken back."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from governance.policies import services
from stateward.gate.policy.models import Policy
from stateward.kernel.errors import Forbidden
from stateward.tenancy.scope import tenant_scope
from tests.console.console_world import CALL, World, make_world, paste

pytestmark = pytest.mark.browser

REFUNDS = "airline.refunds"
TEXT = """\
@id("refund-needs-purpose")
forbid (
  principal is Agent, action == Action::"state.write",
  resource in Namespace::"airline.refunds"
) unless { context has purpose };
"""


@pytest.fixture
def world() -> World:
    world = make_world()
    world.agent("refund-desk")
    world.namespace(REFUNDS)
    return world


def in_force(world: World, policy_id: Any) -> int | None:
    with tenant_scope(world.tenant.id):
        return Policy.objects.get(id=policy_id).active_version


def test_a_rule_is_written_tried_and_put_in_force(console: Any, world: World) -> None:
    console.sign_in(world.person)
    tab = console.open(world.path("policies/"))
    tab.get_by_role("link", name="New policy").click()
    tab.get_by_label("Name").fill("refund-limits")
    paste(tab, TEXT.replace("context has purpose", "context.porpose"))
    expect(tab.get_by_role("button", name="Line 5")).to_be_visible()
    paste(tab, TEXT)
    expect(tab.get_by_text("Fits the schema")).to_be_visible()
    tab.get_by_role("button", name="Save version 1").click()
    expect(tab.get_by_text("It is not in force yet.")).to_be_visible()

    trial = tab.locator("#trial")
    trial.get_by_label("Who").select_option(label="refund-desk")
    trial.get_by_label("Named").fill(f"{REFUNDS}/RF-1")
    trial.get_by_label("Under").select_option("draft")
    trial.get_by_role("button", name="Decide").click()
    expect(trial.get_by_role("status")).to_contain_text("Denied by a forbid")
    expect(tab.locator(".cm-line-bad").first).to_be_visible()
    trial.get_by_label("Purpose").fill("refund asked for by phone")
    trial.get_by_role("button", name="Decide").click()
    expect(trial.get_by_role("status")).to_contain_text("Allowed")
    world.put(REFUNDS, "RF-1", {"usd": 10}, by=world.agents["refund-desk"])  # nothing decides yet

    tab.get_by_role("link", name="Put version 1 in force").click()
    expect(tab.get_by_role("dialog")).to_contain_text("Every write that starts after you press")
    tab.get_by_role("dialog").get_by_role("button", name="Put version 1 in force").click()

    expect(tab.get_by_text("In force: version 1")).to_be_visible()
    with pytest.raises(Forbidden):
        world.put(REFUNDS, "RF-2", {"usd": 10}, by=world.agents["refund-desk"])


def test_versions_are_compared_and_taken_back(console: Any, world: World) -> None:
    policy = world.policy("refund-limits", TEXT)
    console.sign_in(world.person)
    tab = console.open(world.path(f"policies/{policy.id}/"))
    paste(tab, TEXT.replace("has purpose", 'has purpose && context.purpose != ""'))
    tab.get_by_label("What changed").fill("An empty purpose is none")
    tab.get_by_role("button", name="Save as version 2").click()
    expect(tab.get_by_label("Changes as text")).to_contain_text('context.purpose != ""')
    tab.get_by_role("link", name="Put version 2 in force").click()
    tab.get_by_role("dialog").get_by_role("button", name="Put version 2 in force").click()
    expect(tab.get_by_text("In force: version 2")).to_be_visible()

    tab.get_by_role("link", name="Roll back").click()
    tab.get_by_role("dialog").get_by_role("button", name="Put version 1 in force").click()

    expect(tab.get_by_text("In force: version 1")).to_be_visible()
    assert in_force(world, policy.id) == 1
    tab.get_by_role("link", name="Take out of force").click()
    tab.get_by_role("dialog").get_by_role("button", name="Take 1 policy out of force").click()
    expect(tab.get_by_text("Not in force")).to_be_visible()
    assert in_force(world, policy.id) is None


def test_a_consequence_that_is_no_longer_true_is_not_carried_out(
    console: Any, world: World
) -> None:
    policy = world.policy("refund-limits", TEXT)
    console.sign_in(world.person)
    tab = console.open(world.path(f"policies/{policy.id}/deactivate"))
    services.add_version(world.owner, CALL(), policy.id, text=TEXT + "// more\n")
    services.activate(world.owner, CALL(), policy.id, version=2)
    console.expected.add(412)

    tab.get_by_role("button", name="Take 1 policy out of force").click()

    expect(tab.get_by_role("alert")).to_contain_text("Nothing was done")
    assert in_force(world, policy.id) == 2


@pytest.mark.parametrize(
    "console", [pytest.param({"java_script_enabled": False}, id="no JavaScript")], indirect=True
)
def test_a_wrong_text_is_refused_with_its_line_without_javascript(
    console: Any, world: World
) -> None:
    console.sign_in(world.person)
    tab = console.open(world.path("policies/new"))
    tab.get_by_label("Name").fill("broken")
    tab.get_by_label("Policy text").fill("permit (principal, action, resource)\nwhen { 1 + };")
    console.expected.add(422)

    tab.get_by_role("button", name="Save version 1").click()

    expect(tab.get_by_role("alert")).to_contain_text("Line 2")
    expect(tab.get_by_label("Policy text")).to_have_value(
        "permit (principal, action, resource)\nwhen { 1 + };"
    )
    with tenant_scope(world.tenant.id):
        assert not Policy.objects.filter(tenant=world.tenant).exists()


def test_another_tenants_member_finds_no_policy_of_it(console: Any, world: World) -> None:
    policy = world.policy("refund-limits", TEXT)
    stranger = make_world("Quiet Harbour")
    console.sign_in(stranger.person)
    console.open(stranger.path(f"policies/{policy.id}/"), status=404)
    desk = world.agents["refund-desk"].id

    tab = console.open(stranger.path(f"policies/?who=agent:{desk}&on={REFUNDS}/RF-1"))

    expect(
        tab.get_by_text("No policy of your own: the shipped roles alone decide.")
    ).to_be_visible()
    expect(tab.locator("#trial").get_by_role("status")).to_contain_text("There is no such thing")
    assert "refund" not in tab.locator("main").inner_text().replace("airline.refunds", "")


def test_a_viewer_reads_rules_and_changes_none(console: Any, world: World) -> None:
    policy = world.policy("refund-limits", TEXT)
    console.sign_in(world.member("viewer"))

    tab = console.open(world.path(f"policies/{policy.id}/"))
    expect(tab.get_by_text("You may read this policy, not put it in force.")).to_be_visible()
    tab = console.open(world.path(f"policies/{policy.id}/deactivate"))
    console.expected.add(403)
    tab.get_by_role("button", name="Take 1 policy out of force").click()

    expect(tab.get_by_role("heading", level=1)).to_have_text("You may not do this")
    assert in_force(world, policy.id) == 1


def test_a_rule_is_built_as_a_form_and_read_back_from_its_text(console: Any, world: World) -> None:
    console.sign_in(world.person)
    tab = console.open(world.path("policies/new"))
    tab.get_by_label("Name").fill("phone-refunds")
    paste(tab, 'forbid (principal is Agent, action == Action::"state.write", resource);')
    tab.get_by_role("button", name="As a form").click()
    expect(tab.get_by_label("By", exact=True)).to_have_value("agents")
    tab.get_by_label("On", exact=True).select_option(label="A namespace and all in it")
    console.expected.add(422)
    tab.get_by_role("button", name="Write the text").last.click()
    expect(tab.get_by_role("alert")).to_contain_text("Say which one the rule is about.")
    tab.get_by_label("Which one").nth(1).fill(REFUNDS)
    tab.get_by_role("button", name="Add an exception").click()
    tab.get_by_label("Fact, or a label's name").fill("context.purpose")
    tab.get_by_label("Value, one a line").fill("asked by phone")
    tab.get_by_role("button", name="Write the text").last.click()
    expect(tab.get_by_label("The rule's text")).to_contain_text(
        'context.purpose == "asked by phone"'
    )
    assert console.faults() == []
    if os.environ.get("SCREENSHOTS"):
        tab.screenshot(path=Path(os.environ["SCREENSHOTS"]) / "policy-build.png", full_page=True)

    tab.get_by_role("button", name="Take it to the editor").click()
    expect(tab.get_by_label("Name")).to_have_value("phone-refunds")
    tab.get_by_role("button", name="Save version 1").click()
    expect(tab.get_by_text("It is not in force yet.")).to_be_visible()
    with tenant_scope(world.tenant.id):
        text = Policy.objects.get(name="phone-refunds").versions.get(number=1).text
    assert f'resource in Namespace::"{REFUNDS}"' in text

    tab.get_by_role("button", name="As a form").click()
    expect(tab.get_by_label("Value, one a line")).to_have_value("asked by phone")
    tab = console.open(world.path("policies/new"))
    tab.get_by_role("button", name="As a form").click()
    expect(tab.get_by_text("Only a text can say this rule.")).to_be_visible()

"""Alerts as the admin meets them: what was found, its records, pausing the agent, closing it."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import expect

from governance.detection.rules import RULES
from stateward.kernel.ids import uuid7
from stateward.tenancy.models import Agent, Member
from stateward.tenancy.scope import tenant_scope
from tests.console.console_world import World, make_world
from tests.detection.scenes import alerts, look, silence, write
from tests.factories.api import Api, Browser

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("database")]


def refused(world: World, name: str = "booker", count: int = 21, **fields: Any) -> Any:
    """An agent that was refused on many things, looked at by the rules."""
    agent = world.agents.get(name) or world.agent(name, **fields)
    for _ in range(count):
        write(agent, "state.write", outcome="deny_no_match", about=("entry", str(uuid7())))
    look(world.tenant)
    return next(one for one in alerts(world.tenant.id, "many_refusals") if one.subject_name == name)


def owner_api(world: World) -> Api:
    with tenant_scope(world.tenant.id):
        return Api(Member.objects.get(id=world.owner.id))


def test_an_admin_pauses_the_agent_from_its_alert_and_its_next_write_is_refused(
    console: Any,
) -> None:
    world = make_world()
    agent = world.agent("booker", risk_class="high")
    with tenant_scope(world.tenant.id):
        api = Api(Agent.objects.get(id=agent.id))
    for _ in range(20):
        assert api("GET", f"/agents/{uuid7()}").status_code == 404
    look(world.tenant)
    console.sign_in(world.person)
    tab = console.open(world.path())

    expect(tab.locator("nav.side a[data-go=t] .count")).to_contain_text("1")
    tab.get_by_role("link", name="1 alert waits for somebody").click()
    tab.get_by_role("link", name="booker was refused 20 times, on many different things.").click()
    expect(tab.locator(".said")).to_contain_text("It waits for somebody")
    expect(tab.get_by_text("high", exact=True)).to_be_visible()
    tab.get_by_role("link", name="Pause booker…").click()
    sheet = tab.get_by_role("dialog")
    expect(sheet).to_contain_text("Every call it makes is refused from the next one on")
    sheet.get_by_role("button", name="Pause 1 agent").click()

    expect(tab.get_by_text("booker is paused: its next call is refused.")).to_be_visible()
    body = {"name": "x"}
    refusal = api("POST", "/namespaces", body)
    assert (refusal.status_code, refusal.json()["code"]) == (403, "not_active")
    tab.get_by_role("button", name="Resume agent").click()
    expect(tab.get_by_text("booker is let in again.")).to_be_visible()
    assert api("POST", "/namespaces", body).json().get("code") != "not_active"


def test_an_alert_is_taken_up_and_closed_and_the_api_says_the_same(console: Any) -> None:
    world = make_world()
    alert = refused(world)
    api = owner_api(world)
    console.sign_in(world.person)
    tab = console.open(world.path(f"alerts/{alert.id}/"))

    tab.get_by_role("link", name="Acknowledge…").click()
    tab.get_by_role("dialog").get_by_label("Note").fill("I ask its owner.")
    tab.get_by_role("dialog").get_by_role("button", name="Acknowledge 1 alert").click()
    expect(tab.locator(".said")).to_contain_text("Ines Okafor looks after it.")
    said = api("GET", f"/alerts/{alert.id}").json()
    assert (said["state"], said["owner"]) == ("acknowledged", str(world.owner.id))
    tab.get_by_role("link", name="Resolve…").click()
    tab.get_by_role("dialog").get_by_label("What it was").fill("A wrong prefix, mended.")
    tab.get_by_role("dialog").get_by_role("button", name="Resolve 1 alert").click()

    expect(tab.locator(".said")).to_contain_text("No alert waits for anybody")
    history = api("GET", f"/alerts/{alert.id}/history").json()["items"]
    assert [(one["event"], one["note"]) for one in history] == [
        ("resolved", "A wrong prefix, mended."),
        ("acknowledged", "I ask its owner."),
        ("opened", ""),
    ]


def test_the_records_open_in_the_audit_and_are_those_that_were_counted(console: Any) -> None:
    world = make_world()
    alert = refused(world)
    console.sign_in(world.person)
    tab = console.open(world.path(f"alerts/{alert.id}/"))

    tab.get_by_role("link", name="Open them in the audit").click()

    expect(tab.locator(".said")).to_contain_text("21 records from")
    expect(tab.locator(".said")).to_contain_text("21 denied")


def test_a_filter_is_an_address(console: Any) -> None:
    world = make_world()
    refused(world)
    write(world.agents["booker"], "state.write", outcome="deny_error")
    look(world.tenant)
    console.sign_in(world.person)
    tab = console.open(world.path("alerts/"))
    rows = tab.locator("#alerts tbody tr")

    expect(rows).to_have_count(2)
    tab.get_by_role("navigation", name="Severity").get_by_role("link", name="Medium").click()
    expect(rows).to_have_count(1)
    console.open(tab.url.removeprefix(console.url))
    expect(rows).to_have_count(1)
    tab.get_by_role("navigation", name="State").get_by_role("link", name="Resolved").click()
    expect(tab.get_by_role("heading", name="No alert fits")).to_be_visible()
    tab.go_back()
    expect(rows).to_have_count(1)


def test_a_rule_is_set_and_held_back(console: Any) -> None:
    world = make_world()
    alert = refused(world)
    api = owner_api(world)
    console.sign_in(world.person)
    tab = console.open(world.path("alerts/rules/many_refusals/"))

    tab.get_by_label("Different things refused").fill("50")
    tab.get_by_role("button", name="Save rule").click()
    expect(tab.get_by_text("Saved. It holds from the next evaluation on.")).to_be_visible()
    thresholds = api("GET", "/detection/rules/many_refusals").json()["thresholds"]
    assert [one["value"] for one in thresholds] == [50, 5]
    console.open(world.path(f"alerts/{alert.id}/"))
    tab.get_by_role("link", name="Hold it back about booker").click()
    tab.get_by_label("Reason").fill("A migration runs until Friday.")
    tab.get_by_role("button", name="Hold back alerts").click()

    expect(tab.locator(".said")).to_contain_text("1 suppression in force")
    items = api("GET", "/detection/suppressions").json()["items"]
    assert [(one["rule"], one["subject_id"]) for one in items] == [
        ("many_refusals", str(world.agents["booker"].id))
    ]
    console.open(world.path("alerts/rules/"))
    tab.get_by_role("button", name="Let it speak about booker again").click()
    expect(tab.get_by_text("It speaks again.")).to_be_visible()


def test_rules_that_nobody_evaluates_are_shown_where_people_look(console: Any) -> None:
    world = make_world()
    look(world.tenant)
    silence(world.tenant, timedelta(hours=2))
    console.sign_in(world.person)

    tab = console.open(world.path("alerts/"))
    expect(tab.locator(".said")).to_contain_text("no rule is being evaluated")
    expect(tab.get_by_text(f"{len(RULES)} rules are not being evaluated.")).to_be_visible()
    console.open(world.path())  # where other parts may be ill too: the platform is everybody's
    expect(tab.get_by_text("No rule was evaluated for 2 h; start a worker")).to_be_visible()


def test_another_tenant_sees_none_of_it() -> None:
    world, other = make_world(), make_world("Other Air")
    alert = refused(world)
    client = Client()
    client.force_login(other.person)

    assert client.get(other.path(f"alerts/{alert.id}/")).status_code == 404
    assert client.post(other.path(f"alerts/{alert.id}/resolve"), {"note": "x"}).status_code == 404
    assert b"booker" not in client.get(other.path("alerts/?state=all")).content
    assert alerts(world.tenant.id)[0].state == "open"


@pytest.mark.parametrize("role", ["viewer", "editor"])
def test_who_may_not_read_alerts_is_told_so(role: str) -> None:
    world = make_world()
    alert = refused(world)
    person = world.member(role)
    client = Client()
    client.force_login(person)

    for path in ("alerts/", "alerts/rules/", f"alerts/{alert.id}/"):
        assert client.get(world.path(path)).status_code == 403
    assert b"waits for somebody" not in client.get(world.path()).content


def test_an_auditor_reads_and_changes_nothing() -> None:
    world = make_world()
    alert = refused(world)
    client = Client()
    client.force_login(world.member("auditor"))
    page = client.get(world.path(f"alerts/{alert.id}/")).content.decode()

    assert "Acknowledge" not in page
    assert "Pause booker" not in page
    path = world.path(f"alerts/{alert.id}/acknowledge")
    assert client.post(path, {"note": "mine"}).status_code == 403
    assert alerts(world.tenant.id)[0].state == "open"


def furnish(world: World) -> list[str]:
    """Something on every page of alerts; their addresses."""
    alert = refused(world, risk_class="high")
    write(world.agents["booker"], "state.write", outcome="deny_error")
    write(world.owner, "account.recovery_code_used")
    look(world.tenant)
    with tenant_scope(world.tenant.id):
        browser = Browser(Member.objects.select_related("person").get(id=world.owner.id))
    held = {
        "rule": "read_volume",
        "reason": "A migration reads everything.",
        "ends_at": "2026-11-30T00:00:00Z",
    }
    browser("POST", "/detection/suppressions", held)
    return [
        "alerts/",
        "alerts/?state=resolved",
        f"alerts/{alert.id}/",
        f"alerts/{alert.id}/acknowledge",
        f"alerts/{alert.id}/resolve",
        "alerts/rules/",
        "alerts/rules/sign_in_failures/",
        f"alerts/suppressions/new?rule=many_refusals&type=agent&subject={alert.subject_id}",
    ]


def test_the_pages_are_accessible_light_and_narrow(console: Any) -> None:
    from tests.console.test_tenant_pages_quality import judge  # noqa: PLC0415  # its judgement

    world = make_world()
    paths = furnish(world)
    console.sign_in(world.person)
    shots = os.environ.get("ALERT_SHOTS")
    faults = {}

    for number, path in enumerate(["", *paths]):
        faults[path] = judge(console, world, path)
        if shots:
            name = f"{shots}/{number}-{console.tab.viewport_size['width']}"
            dark = console.tab.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
            console.tab.screenshot(path=f"{name}{'-dark' if dark else ''}.png", full_page=True)

    assert {path: found for path, found in faults.items() if found} == {}

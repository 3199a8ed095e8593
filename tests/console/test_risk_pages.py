"""The risk of agents in the console: the worst first, and on the agent's own page why."""

from __future__ import annotations

import os
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import expect

from governance.risk.counting import count_hours
from stateward.kernel.clock import now
from stateward.kernel.ids import uuid7
from stateward.tenancy.scope import run_flow, tenant_scope
from tests.console.console_world import World, make_world
from tests.detection.scenes import look, write

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("database")]

THEMES = [
    pytest.param({"color_scheme": "dark"}, id="dark"),
    pytest.param({"viewport": {"width": 390, "height": 844}, "has_touch": True}, id="narrow"),
]


def furnish() -> World:
    world = make_world()
    booker = world.agent("booker")
    for _ in range(21):
        write(booker, "state.write", outcome="deny_no_match", about=("entry", str(uuid7())))
    look(world.tenant)
    with tenant_scope(world.tenant.id):
        run_flow(count_hours(world.tenant.id, now()))
    return world


def test_an_admin_sees_who_is_at_risk_and_why(console: Any) -> None:
    world = furnish()
    console.sign_in(world.person)
    tab = console.open(world.path("alerts/"))

    tab.get_by_role("link", name="Risk", exact=True).click()
    expect(tab.locator(".said")).to_contain_text("1 agent has a score; the worst, booker,")
    tab.get_by_role("link", name="booker").click()

    expect(tab.get_by_text("21 refusals")).to_be_visible()
    expect(tab.get_by_text("1 high alert")).to_be_visible()


def test_another_tenant_and_a_viewer_see_none_of_it() -> None:
    world, other = furnish(), make_world("Other Air")
    client = Client()
    client.force_login(other.person)
    assert b"booker" not in client.get(other.path("alerts/risk/")).content

    client.force_login(world.member("viewer"))
    assert client.get(world.path("alerts/risk/")).status_code == 403


@pytest.mark.parametrize("console", THEMES, indirect=True)
def test_the_pages_are_accessible_light_and_narrow(console: Any) -> None:
    from tests.console.test_tenant_pages_quality import judge  # noqa: PLC0415  # its judgement

    world = furnish()
    console.sign_in(world.person)
    paths = ["alerts/risk/", f"agents/{world.agents['booker'].id}/"]
    faults = {}

    for number, path in enumerate(paths):
        faults[path] = judge(console, world, path)
        if shots := os.environ.get("RISK_SHOTS"):
            width = console.tab.viewport_size["width"]
            console.tab.screenshot(path=f"{shots}/k{number}-{width}.png", full_page=True)

    assert {path: found for path, found in faults.items() if found} == {}

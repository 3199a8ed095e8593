"""A quarantine as an admin meets it: one click from the agent, a list, two ways out."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import expect

from stateward.kernel.clock import now
from stateward.tenancy.models import Member
from stateward.tenancy.scope import tenant_scope
from tests.console.console_world import World, make_world
from tests.factories.api import Api

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("database")]

THEMES = [
    pytest.param({"color_scheme": "light"}, id="light"),
    pytest.param({"color_scheme": "dark"}, id="dark"),
    pytest.param({"viewport": {"width": 390, "height": 844}, "has_touch": True}, id="narrow"),
]


def furnish() -> World:
    world = make_world()
    booker = world.agent("booker", risk_class="high")
    world.namespace("airline.bookings")
    world.put("airline.bookings", "EHGLP3", {"seats": ["12A"], "status": "paid"})
    world.put("airline.bookings", "EHGLP3", {"seats": [], "status": "cancelled"}, by=booker)
    world.put("airline.bookings", "QQ77TT", {"status": "open"}, by=booker)
    world.put("airline.bookings", "shared", {"n": 1}, by=booker)
    world.put("airline.bookings", "shared", {"n": 2})
    return world


def api_of(world: World) -> Api:
    with tenant_scope(world.tenant.id):
        return Api(Member.objects.get(id=world.owner.id))


def test_an_admin_quarantines_an_agent_and_rolls_its_writes_back(console: Any) -> None:
    world = furnish()
    console.sign_in(world.person)
    tab = console.open(world.path(f"agents/{world.agents['booker'].id}/"))

    tab.get_by_role("link", name="Quarantine…").click()
    sheet = tab.get_by_role("dialog")
    sheet.get_by_label("Reason").fill("It cancels what it should book.")
    sheet.get_by_role("button", name="Quarantine 1 agent").click()
    expect(tab.locator(".said")).to_contain_text("booker wrote 3 entries in 3 writes.")
    tab.get_by_role("link", name="EHGLP3").click()
    expect(tab.locator("table.diff")).to_contain_text("cancelled")
    tab.go_back()
    tab.get_by_role("link", name="Roll back 2…").click()
    expect(tab.get_by_role("dialog")).to_contain_text("2 entries become what they were before")
    tab.get_by_role("dialog").get_by_role("button", name="Roll back 2 entries").click()
    expect(tab.get_by_text("2 entries rolled back to what was before.")).to_be_visible()
    tab.get_by_label("Select shared").check()
    tab.get_by_role("button", name="Keep the selected…").click()
    tab.get_by_role("button", name="Keep 1 entry").click()
    expect(tab.locator(".said")).to_contain_text("Each has a verdict")
    tab.get_by_role("link", name="End the review…").click()
    tab.get_by_role("dialog").get_by_label("Let booker in again").check()
    tab.get_by_role("dialog").get_by_role("button", name="End 1 review").click()
    expect(tab.get_by_text("The review is over; booker is let in again.")).to_be_visible()

    api = api_of(world)
    kept = api("GET", "/quarantines?state=closed").json()["items"][0]
    items = api("GET", f"/quarantines/{kept['id']}/writes").json()["items"]
    assert {one["key"]: one["standing"] for one in items} == {
        "EHGLP3": "rolled_back", "QQ77TT": "rolled_back", "shared": "kept",
    }  # fmt: skip
    assert api("GET", f"/agents/{world.agents['booker'].id}").json()["status"] == "active"


def test_another_tenant_sees_none_of_it() -> None:
    world, other = furnish(), make_world("Other Air")
    made = opened(world)
    client = Client()
    client.force_login(other.person)

    for path in ("", "keep", "roll-back", "end", f"writes/{made['first']}/"):
        assert client.get(other.path(f"quarantines/{made['id']}/{path}")).status_code == 404
    assert b"booker" not in client.get(other.path("quarantines/")).content


@pytest.mark.parametrize("console", THEMES, indirect=True)
def test_the_pages_are_accessible_light_and_narrow(console: Any) -> None:
    from tests.console.test_tenant_pages_quality import judge  # noqa: PLC0415  # its judgement

    world = furnish()
    agent = world.agents["booker"].id
    made = opened(world)
    one = f"quarantines/{made['id']}"
    paths = [
        "quarantines/", f"{one}/", f"{one}/writes/{made['first']}/", f"{one}/roll-back",
        f"{one}/end", f"agents/{agent}/quarantine",
    ]  # fmt: skip
    console.sign_in(world.person)
    shots = os.environ.get("QUARANTINE_SHOTS")
    faults = {}

    for number, path in enumerate(paths):
        faults[path] = judge(console, world, path)
        if shots:
            name = f"{shots}/{number}-{console.tab.viewport_size['width']}"
            dark = console.tab.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
            console.tab.screenshot(path=f"{name}{'-dark' if dark else ''}.png", full_page=True)

    assert {path: found for path, found in faults.items() if found} == {}


def opened(world: World) -> Any:
    api = api_of(world)
    body = {
        "agent": str(world.agents["booker"].id),
        "since": (now() - timedelta(hours=1)).isoformat(),
    }
    made = api("POST", "/quarantines", body | {"reason": "It cancels what it should book."})
    assert made.status_code == 201, made.content
    items = api("GET", f"/quarantines/{made.json()['id']}/writes").json()["items"]
    return made.json() | {"first": next(one["id"] for one in items if one["key"] == "EHGLP3")}

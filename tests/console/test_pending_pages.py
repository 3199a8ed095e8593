"""A write that waits, as the person meets it who is to agree: the difference, then the vote."""

from __future__ import annotations

import os
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import expect

from stateward.kernel.errors import Forbidden
from stateward.state.pending.holding import hold_back
from stateward.state.services.changes import Put
from stateward.state.services.transactions import Operation, transact
from stateward.tenancy.models import Member
from stateward.tenancy.scope import run_flow, tenant_scope
from tests.console.console_world import CALL, World, make_world
from tests.factories.api import Api

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("database")]

THEMES = [
    pytest.param({"color_scheme": "light"}, id="light"),
    pytest.param({"color_scheme": "dark"}, id="dark"),
    pytest.param({"viewport": {"width": 390, "height": 844}, "has_touch": True}, id="narrow"),
]
HELD = (
    'forbid (principal is Agent, action == Action::"state.write", resource) '
    "unless { context.approved };"
)


def furnish() -> tuple[World, str]:
    """A tenant whose agent's write waits; the id of that."""
    world = make_world()
    booker = world.agent("booker")
    world.namespace("airline.bookings")
    world.put("airline.bookings", "EHGLP3", {"status": "paid", "seats": ["12A"]})
    world.policy("seen-by-two", HELD)
    change = Put({"status": "cancelled", "seats": []})
    operations = [Operation("airline.bookings", "EHGLP3", change)]
    with tenant_scope(world.tenant.id):
        try:
            run_flow(transact(booker, CALL(), operations))
        except Forbidden as refused:
            flow = hold_back(booker, CALL(), operations, refused, repeat=None, is_transaction=False)
            return world, str(run_flow(flow).id)
    raise AssertionError("the policy holds it back")


def test_a_person_sees_the_difference_and_agrees(console: Any) -> None:
    world, pending = furnish()
    console.sign_in(world.person)
    tab = console.open(world.path("approvals/"))

    tab.get_by_role("link", name="Write an entry of airline.bookings").first.click()
    tab.get_by_role("link", name="Look at airline.bookings").click()
    expect(tab.locator("table.diff")).to_contain_text("cancelled")
    expect(tab.get_by_role("heading", name="How far it reaches")).to_be_visible()
    tab.get_by_role("link", name="Agree or refuse").click()
    tab.get_by_role("button", name="Agree", exact=True).click()
    expect(tab.get_by_text("You agreed.")).to_be_visible()

    with tenant_scope(world.tenant.id):
        api = Api(Member.objects.get(id=world.owner.id))
    said = api("GET", f"/pending/{pending}").json()
    assert (said["state"], said["operations"][0]["version"]) == ("released", 2)


def test_another_tenant_sees_none_of_it() -> None:
    _, pending = furnish()
    other = make_world("Other Air")
    client = Client()
    client.force_login(other.person)

    assert client.get(other.path(f"pending/{pending}/")).status_code == 404


@pytest.mark.parametrize("console", THEMES, indirect=True)
def test_the_page_is_accessible_light_and_narrow(console: Any) -> None:
    from tests.console.test_tenant_pages_quality import judge  # noqa: PLC0415  # its judgement

    world, pending = furnish()
    console.sign_in(world.person)
    path = f"pending/{pending}/"

    faults = judge(console, world, path)
    if shots := os.environ.get("PENDING_SHOTS"):
        dark = console.tab.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
        name = f"{shots}/p-{console.tab.viewport_size['width']}{'-dark' if dark else ''}"
        console.tab.screenshot(path=f"{name}.png", full_page=True)

    assert faults == []

"""Who reaches what: three roles, seven widths, the keyboard alone, and no JavaScript."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from stateward.tenancy.scope import tenant_scope
from tests.console.conftest import WIDE
from tests.factories.tenants import (
    PASSWORD,
    make_agent,
    make_member,
    make_person,
    make_tenant,
)

pytestmark = pytest.mark.browser

PLACES = [
    "",
    "find?q=x",
    "namespaces/",
    "changes/",
    "policies/",
    "audit/",
    "seals/",
    "alerts/",
    "alerts/rules/",
    "access/",
    "access/groups/",
    "agents/",
    "members/",
    "tokens/",
    "jobs/",
    "backups/",
    "compliance/",
    "metrics/",
    "metrics/governance/",
    "capacity/",
]
WIDTHS = [320, 390, 640, 768, 1024, 1280, 1920]


@pytest.mark.parametrize("role", ["owner", "auditor", "viewer"])
def test_every_place_is_accessible_to_every_role_and_fits(console: Any, role: str) -> None:
    tenant = make_tenant(name="A tenant with quite a long name, as they have")
    person = make_person()
    make_member(tenant, role, person=person)
    console.sign_in(person)
    console.expected.add(403)
    faults: dict[str, list[str]] = {}
    statuses = set()

    for place in PLACES:
        answer = console.tab.goto(f"{console.url}/t/{tenant.slug}/{place}")
        if answer.status == 403 and 403 in statuses:
            continue  # one refusal looks as the other
        statuses.add(answer.status)
        found = console.axe()
        console.tab.emulate_media(color_scheme="dark")
        found += console.axe(only_colours=True)
        console.tab.emulate_media(color_scheme="light")
        faults[place] = found + (wide_at(console) if role == "owner" else [])

    assert statuses == ({200, 403} if role == "viewer" else {200})
    assert {place: found for place, found in faults.items() if found} == {}


def wide_at(console: Any) -> list[str]:
    """The widths at which the page can be scrolled sideways."""
    found = []
    for width in WIDTHS:
        console.tab.set_viewport_size({"width": width, "height": 800})
        if over := console.overflow():
            found.append(f"at {width}: {over} px")
    console.tab.set_viewport_size(WIDE)
    return found


def test_the_way_in_needs_no_mouse(console: Any) -> None:
    tenant, person = make_tenant(), make_person()
    make_member(tenant, "owner", person=person)
    console.open(f"/t/{tenant.slug}/")
    keys = console.tab.keyboard

    console.tab.get_by_label("Email").focus()
    keys.type(person.email)
    keys.press("Tab")
    keys.type(PASSWORD)
    keys.press("Enter")
    expect(console.tab.get_by_role("heading", level=1)).to_have_text("Overview")
    # The heading can be read before the page's scripts listen; hands are never that fast.
    console.tab.wait_for_load_state("load")
    keys.press("g")
    keys.press("a")

    expect(console.tab).to_have_url(f"{console.url}/t/{tenant.slug}/audit/")


@pytest.mark.parametrize("console", [{"java_script_enabled": False}], indirect=True)
def test_signing_in_and_out_needs_no_javascript(console: Any) -> None:
    tenant, person = make_tenant(), make_person()
    make_member(tenant, "owner", person=person)
    console.open(f"/t/{tenant.slug}/")

    console.tab.get_by_label("Email").fill(person.email)
    console.tab.get_by_label("Password").fill(PASSWORD)
    console.tab.get_by_role("button", name="Sign in", exact=True).click()
    expect(console.tab.get_by_role("heading", level=1)).to_have_text("Overview")
    console.tab.locator(".account > summary").click()
    console.tab.get_by_role("button", name="Sign out").click()

    expect(console.tab.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_a_consequence_opens_as_a_sheet_and_closes_with_nothing_done(console: Any) -> None:
    tenant, person = make_tenant(), make_person()
    make_member(tenant, "owner", person=person)
    agent = make_agent(tenant, name="refund-desk")
    console.sign_in(person)
    console.open(f"/t/{tenant.slug}/agents/{agent.id}/")

    console.tab.locator("a[data-sheet]").first.click()
    sheet = console.tab.get_by_role("dialog")
    expect(sheet).to_be_visible()
    assert console.axe() == []
    sheet.locator("[data-close]").click()

    expect(sheet).to_be_hidden()
    with tenant_scope(tenant.id):
        agent.refresh_from_db()
    assert agent.status == "active"

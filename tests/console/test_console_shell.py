"""The frame around every page: theme, zone, palette, shortcuts, tenants."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.factories.tenants import make_agent, make_member, make_person, make_tenant

pytestmark = pytest.mark.browser


def open_overview(console: Any, *names: str) -> list[Any]:
    """Sign in as an owner of tenants of these names, and open the first one's overview."""
    person = make_person(name="Ines Okafor")
    tenants = [make_tenant(name=name) for name in names or ("Meridian Air",)]
    for tenant in tenants:
        make_member(tenant, "owner", person=person)
    console.sign_in(person)
    console.open(f"/t/{tenants[0].slug}/")
    return tenants


def test_the_theme_is_chosen_and_kept_without_a_flash(console: Any) -> None:
    open_overview(console)

    console.tab.get_by_role("button", name="Switch between light and dark").click()
    expect(console.tab.locator("html")).to_have_attribute("data-theme", "dark")
    console.tab.reload(wait_until="commit")

    expect(console.tab.locator("html")).to_have_attribute("data-theme", "dark")
    assert console.axe() == []


@pytest.mark.parametrize("console", [{"timezone_id": "Asia/Kolkata"}], indirect=True)
def test_times_turn_local_and_back(console: Any) -> None:
    open_overview(console)
    stamp = console.tab.locator(".head time")
    in_utc = stamp.inner_text()

    console.tab.keyboard.press("t")

    expect(console.tab.locator("[data-zone]")).to_have_text("UTC+5:30")
    assert stamp.inner_text() != in_utc
    console.tab.keyboard.press("t")
    expect(stamp).to_have_text(in_utc)


def test_the_palette_finds_by_keyboard_alone(console: Any) -> None:
    tenant, *_ = open_overview(console)
    make_agent(tenant, name="refund-desk")

    console.tab.keyboard.press("Control+k")
    console.tab.keyboard.type("over")
    expect(console.tab.get_by_role("option", name="Overview")).to_have_attribute(
        "aria-selected", "true"
    )
    assert console.axe() == []
    console.tab.keyboard.press("Enter")

    expect(console.tab).to_have_url(f"{console.url}/t/{tenant.slug}/")


def test_single_letters_rest_while_somebody_types(console: Any) -> None:
    open_overview(console)
    console.tab.keyboard.press("?")
    expect(console.tab.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    assert console.axe() == []
    console.tab.keyboard.press("Escape")

    console.tab.keyboard.press("Control+k")
    console.tab.keyboard.type("t?")

    expect(console.tab.get_by_role("dialog", name="Keyboard shortcuts")).to_be_hidden()
    expect(console.tab.get_by_role("combobox")).to_have_value("t?")


def test_another_tenant_is_two_presses_away(console: Any) -> None:
    _, other = open_overview(console, "Meridian Air", "Harbour Freight")

    console.tab.locator(".tenant > summary").click()
    console.tab.get_by_role("link", name="Harbour Freight").click()

    expect(console.tab).to_have_url(f"{console.url}/t/{other.slug}/")


@pytest.mark.parametrize("console", [{"viewport": {"width": 390, "height": 844}}], indirect=True)
def test_a_narrow_window_keeps_the_navigation_behind_its_button(console: Any) -> None:
    open_overview(console)
    expect(console.tab.get_by_role("navigation", name="Main")).to_be_hidden()

    console.tab.get_by_role("button", name="Open navigation").click()

    expect(console.tab.get_by_role("link", name="Overview")).to_be_visible()
    assert console.axe() == []


@pytest.mark.parametrize("console", [{"java_script_enabled": False}], indirect=True)
def test_without_javascript_the_search_is_a_page(console: Any) -> None:
    tenant, *_ = open_overview(console)

    console.tab.get_by_role("link", name="Search or jump to").click()

    expect(console.tab.get_by_role("heading", level=1)).to_have_text("Search")
    expect(console.tab).to_have_url(f"{console.url}/t/{tenant.slug}/find")


def test_the_first_tab_stop_skips_to_the_content(console: Any) -> None:
    open_overview(console)

    console.tab.keyboard.press("Tab")
    expect(console.tab.get_by_role("link", name="Skip to content")).to_be_focused()
    console.tab.keyboard.press("Enter")

    expect(console.tab.locator("main")).to_be_focused()

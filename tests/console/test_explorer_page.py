"""The explorer's further ways: typed conditions, saved views, files, following, related records."""

from __future__ import annotations

import csv
import json
import os
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.console.console_world import World, booking, make_world

pytestmark = pytest.mark.browser

BOOKINGS = "airline.bookings"
NARROW = {"viewport": {"width": 390, "height": 844}, "has_touch": True}


@pytest.fixture
def world(database: None) -> World:
    world = make_world()
    world.agent("booker")
    world.namespace(BOOKINGS)
    for key in ("EHGLP3", "DF89BM"):
        world.put(BOOKINGS, key, booking(), by=world.agents["booker"])
    return world


def test_typed_conditions_are_kept_as_a_view_and_exported_as_they_are(
    console: Any, world: World
) -> None:
    console.sign_in(world.person)
    tab = console.open(world.path("audit/?range=1h"))
    typed = tab.get_by_label("Conditions, typed")
    typed.fill("actor:booker AND key:EHGLP3 oops")
    typed.press("Enter")
    expect(tab.get_by_role("alert")).to_contain_text("not understood at character 29")
    expect(tab.locator("mark")).to_have_text("oops")
    typed.fill("actor:booker AND (key:EHGLP3 OR outcome:deny)")
    typed.press("Enter")
    expect(tab.locator(".records-table tbody tr")).to_have_count(1)

    tab.get_by_text("Save this view").click()
    tab.get_by_label("Name", exact=True).fill("Mine")
    tab.get_by_role("button", name="Save view").click()
    console.open(world.path("audit/"))
    tab.get_by_role("link", name="Mine").click()
    expect(tab.locator(".records-table tbody tr")).to_have_count(1)
    for title, end in (("CSV, for a spreadsheet", "csv"), ("NDJSON, as sealed", "ndjson")):
        tab.get_by_text("Export 1").click()
        with tab.expect_download() as download:
            tab.get_by_role("button", name=title).click()
        assert download.value.suggested_filename.endswith(end)
        with open(download.value.path(), encoding="utf-8") as file:
            found = list(csv.DictReader(file)) if end == "csv" else list(map(json.loads, file))
        assert len(found) == 1
        tab.reload()
    tab.get_by_role("button", name="Remove the view Mine").click()
    expect(tab.get_by_text("The view is removed.")).to_be_visible()


def test_who_follows_sees_new_records_come(console: Any, world: World) -> None:
    console.sign_in(world.person)
    tab = console.open(world.path("audit/?range=1h&actor=booker"))
    expect(tab.locator(".records-table tbody tr")).to_have_count(2)
    tab.get_by_role("link", name="Follow").click()
    expect(tab.get_by_role("link", name="Following")).to_be_visible()

    world.put(BOOKINGS, "NEW0", booking(), by=world.agents["booker"])

    expect(tab.locator(".records-table tbody tr")).to_have_count(3, timeout=30_000)


def test_related_records_are_a_click_away(console: Any, world: World) -> None:
    console.sign_in(world.person)
    tab = console.open(world.path("audit/?range=1h&key=EHGLP3"))
    tab.locator(".records-table tbody a").click()
    tab.get_by_role("link", name="The same actor around then").click()

    expect(tab.locator(".records-table tbody tr")).to_have_count(2)


@pytest.mark.parametrize(
    "console", [{"color_scheme": "light"}, {"color_scheme": "dark"}, NARROW], indirect=True
)
def test_the_explorer_is_sound(console: Any, world: World, request: pytest.FixtureRequest) -> None:
    console.sign_in(world.person)
    tab = console.open(world.path("audit/?range=1h&q=actor:booker what"))
    expect(tab.get_by_role("alert")).to_be_visible()
    if shots := os.environ.get("STATEWARD_SHOTS"):
        name = request.node.callspec.id
        tab.screenshot(path=f"{shots}/explorer-{name}.png")
    assert console.overflow() <= 0
    assert console.axe() == []

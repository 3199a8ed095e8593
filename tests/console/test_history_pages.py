"""Checkpoints, comparisons, restores and branches in the console."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from stateward.state.services.checkpoints import make_checkpoint
from stateward.tenancy.scope import tenant_scope
from tests.console.console_world import CALL, World, booking, make_world

pytestmark = pytest.mark.browser

NOTES = "trip.notes"


@pytest.fixture
def world() -> World:
    world = make_world()
    world.namespace(NOTES)
    writer = world.agent("writer")
    world.put(NOTES, "seat", booking(), by=writer)
    world.put(NOTES, "gone", 1, by=writer)
    with tenant_scope(world.tenant.id):
        made = make_checkpoint(world.owner, CALL(), NOTES, "before the change")
    world.put(NOTES, "seat", booking(bags=2), by=writer)
    world.put(NOTES, "new", {"n": 1}, by=writer)
    world.checkpoint = made.id  # type: ignore[attr-defined]
    return world


def picture(console: Any, name: str) -> None:
    """A look at the page, where somebody wants one."""
    folder = os.environ.get("STATEWARD_PICTURES")
    if not folder:
        return
    for scheme, width in (("light", 1280), ("dark", 1280), ("light", 390)):
        console.tab.emulate_media(color_scheme=scheme)
        console.tab.set_viewport_size({"width": width, "height": 900})
        console.tab.screenshot(path=str(Path(folder) / f"{name}-{scheme}-{width}.png"))
    console.tab.set_viewport_size({"width": 1280, "height": 900})
    console.tab.emulate_media(color_scheme="light")


def test_going_back_is_seen_before_it_is_done(console: Any, world: World) -> None:
    console.sign_in(world.person)
    tab = console.open(world.path(f"namespaces/{NOTES}/"))
    tab.get_by_role("link", name="Checkpoints").click()
    expect(tab.get_by_role("rowheader", name="before the change")).to_be_visible()
    picture(console, "checkpoints")
    assert console.axe() == []

    tab.get_by_role("link", name="Compare before the change with now").click()
    expect(tab.get_by_role("row", name="seat Changed version 1 version 2")).to_be_visible()
    expect(tab.get_by_role("row", name="new Created")).to_be_visible()
    picture(console, "compare")
    assert console.axe() == []

    console.open(
        world.path(f"namespaces/{NOTES}/checkpoints/{world.checkpoint}/restore")  # type: ignore[attr-defined]
    )
    expect(tab.get_by_role("heading", name="Change 2 entries back?")).to_be_visible()
    picture(console, "restore")
    assert console.axe() == []
    tab.get_by_role("button", name="Change 2 entries").click()
    expect(tab.get_by_text("2 entries restored to “before the change”.")).to_be_visible()
    console.open(world.path(f"namespaces/{NOTES}/entries/seat"))
    expect(tab.get_by_text("Restored")).to_be_visible()


def test_a_branch_is_made_and_merged_with_its_conflicts(console: Any, world: World) -> None:
    console.sign_in(world.person)
    tab = console.open(world.path(f"namespaces/{NOTES}/branches/"))
    tab.get_by_label("Name of the new namespace").fill("trip.try")
    tab.get_by_role("button", name="Make branch").click()
    expect(tab.get_by_text("Branch trip.try made, with 3 entries.")).to_be_visible()
    world.put("trip.try", "new", {"n": 2}, by=world.agent("other"))
    world.put(NOTES, "new", {"n": 3}, by=world.agent("third"))
    world.put("trip.try", "gone", 2, by=world.agent("fourth"))

    console.open(world.path(f"namespaces/{NOTES}/branches/"))
    picture(console, "branches")
    assert console.axe() == []
    console.open(world.path("namespaces/trip.try/merge"))
    expect(tab.get_by_role("row", name="new /n")).to_be_visible()
    picture(console, "merge")
    assert console.axe() == []
    tab.get_by_label("the branch's").check()
    tab.get_by_role("button", name="Merge 1 entry and settle 1").click()

    expect(tab.get_by_text("2 entries of trip.try merged into trip.notes.")).to_be_visible()

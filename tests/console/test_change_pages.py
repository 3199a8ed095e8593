"""The operator's task: see what is written as it is written, hold it still, and look at one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from playwright.sync_api import expect

from dashboards.feed import pages
from stateward.tenancy.models import Person
from tests.factories.state import World, make_world
from tests.factories.tenants import make_member, make_person
from tests.feed.feeding import Numbering

pytestmark = pytest.mark.browser


@pytest.fixture
def numbering() -> Iterator[None]:
    running = Numbering()
    yield
    running.end()


@pytest.fixture
def world(database: None, numbering: None, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(pages, "AGAIN_MILLISECONDS", 100)
    return make_world()


@pytest.fixture
def person(world: World) -> Person:
    person = make_person()
    make_member(world.tenant, "admin", person=person)
    return person


def test_changes_are_seen_as_they_are_made_and_held_still(
    console: Any, world: World, person: Person
) -> None:
    elsewhere = world.another()
    world.put("order-17", {"seat": "11A"})
    world.put("order-17", {"seat": "12A"})
    world.put("order-18", {"seat": "3C"})
    world.delete("order-18")
    console.sign_in(person)
    page = console.open(f"/t/{world.tenant.slug}/changes/")
    rows = page.locator("[data-rows] tr")
    expect(rows.first).to_contain_text("order-18")
    expect(page.locator("[data-standing]")).to_have_text("live")
    before = rows.count()

    world.put("order-19", 1)
    expect(rows.first).to_contain_text("order-19")
    page.get_by_role("button", name="Pause").click()
    world.put("order-20", 1)
    world.put("order-21", 1)
    expect(page.locator("[data-waiting]")).to_have_text("2 new changes wait.")
    assert rows.count() == before + 1
    for name, theme in (("light", "light"), ("dark", "dark")):
        console.tab.emulate_media(color_scheme=theme)
        assert console.axe() == []
        _shot(page, name)
    page.get_by_role("button", name="Go on").click()
    expect(rows.first).to_contain_text("order-21")
    expect(page.locator("[data-waiting]")).to_be_hidden()
    console.tab.set_viewport_size({"width": 390, "height": 800})
    _shot(page, "narrow")
    console.tab.set_viewport_size({"width": 1280, "height": 800})

    page.get_by_label("Namespace").fill(world.namespace.name)
    page.get_by_label("Keys that begin with").fill("order-2")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(rows).to_have_count(2)
    elsewhere.put("order-22", 1)
    world.put("order-23", 1)
    expect(rows).to_have_count(3)
    page.locator("[data-rows] tr", has_text="order-23").get_by_role("link").first.click()
    expect(page).to_have_url(
        f"{console.url}/t/{world.tenant.slug}/namespaces/notes/entries/order-23"
    )


def test_the_page_asks_few_questions_and_shows_only_what_may_be_read(
    world: World, person: Person
) -> None:
    for number in range(60):
        world.put(f"k{number}", number)
    client = Client()
    client.force_login(person)
    address = f"/t/{world.tenant.slug}/changes/"
    assert client.get(address).status_code == 200
    with CaptureQueriesContext(connection) as asked:
        answer = client.get(address)

    queries = [one["sql"] for one in asked if "stateward_" in one["sql"] or "django_" in one["sql"]]
    assert len(queries) <= 15, "\n".join(sql[:100] for sql in queries)
    assert answer.content.decode().count('scope="row"') >= pages.ROWS
    assert client.get(f"{address}?namespace=nowhere").status_code == 404
    assert client.get(f"{address}events?after=nonsense").status_code == 400


def _shot(page: Any, name: str) -> None:
    if folder := os.environ.get("STATEWARD_SCREENSHOTS"):
        page.screenshot(path=f"{folder}/changes-{name}.png")

"""Classification in the browser: what was found is seen, and decided on."""

from __future__ import annotations

import os
from typing import Any

import pytest
from playwright.sync_api import expect

from governance.classification.services import set_rule, start_scan
from stateward.operations.jobs.carrying import carry_out
from stateward.operations.jobs.registry import jobs
from stateward.tenancy.models import Member
from stateward.tenancy.scope import tenant_scope
from tests.console.console_world import CALL, World, make_world
from tests.factories.api import Api

pytestmark = pytest.mark.browser

CUSTOMERS, FLIGHTS, TRIPS = "airline.customers", "airline.flights", "airline.trips"
MIA = {"name": {"first_name": "Mia", "last_name": "Li"}, "email": "mia@example.org"}


@pytest.fixture
def world() -> World:
    world = make_world()
    world.namespace(CUSTOMERS)
    world.namespace(FLIGHTS)
    world.namespace(TRIPS)
    world.put(CUSTOMERS, "mia", MIA | {"card": "4111 1111 1111 1111"})
    world.put(CUSTOMERS, "ben", {"name": {"first_name": "Ben", "last_name": "Ito"}})
    world.put(TRIPS, "t1", {"passengers": [{"first_name": "Mia", "dob": "1990-04-05"}]})
    world.put(FLIGHTS, "HAT069", {"date": "2024-05-20", "price": 121})
    return world


def api_of(world: World) -> Api:
    with tenant_scope(world.tenant.id):
        return Api(Member.objects.get(id=world.owner.id))


def scan(world: World) -> None:
    with tenant_scope(world.tenant.id):
        started = start_scan(world.owner, CALL())
    carry_out(started.job_run, jobs().__getitem__)


def class_of(world: World, name: str) -> str:
    return str(api_of(world)("GET", f"/namespaces/{name}").json()["classification"])


def shoot(tab: Any, name: str) -> None:
    """For whoever looks at pages while they are made."""
    if folder := os.environ.get("STATEWARD_TEST_SHOTS"):
        tab.screenshot(path=f"{folder}/{name}.png", full_page=True)


def test_what_is_suggested_is_looked_at_accepted_and_dismissed(console: Any, world: World) -> None:
    console.sign_in(world.person)
    tab = console.open(world.path("classification/"))
    expect(tab.locator(".said")).to_contain_text("Nothing was looked through yet")
    tab.get_by_role("button", name="Look through all").click()
    expect(tab.get_by_text("Looking through every namespace.")).to_be_visible()
    (started,) = api_of(world)("GET", "/classification/scans").json()["items"]
    carry_out(started["job_run"], jobs().__getitem__)

    tab = console.open(world.path("classification/"))
    expect(tab.locator(".said")).to_have_text(
        "2 namespaces hold more than the classification says; every one was looked through."
    )
    shoot(tab, "board")
    tab.get_by_label(f"Choose {CUSTOMERS}").check()
    tab.get_by_role("button", name="Accept those chosen").click()
    expect(tab.get_by_text("1 suggestion accepted.")).to_be_visible()
    assert class_of(world, CUSTOMERS) == "restricted"

    tab.locator("#suggestions").get_by_role("link", name=TRIPS).click()
    expect(tab.get_by_role("heading", name="Suggested: confidential")).to_be_visible()
    expect(tab.get_by_text("/passengers/*/dob")).to_be_visible()
    assert "1990" not in tab.content()
    shoot(tab, "namespace")
    tab.get_by_role("button", name="Dismiss", exact=True).click()
    expect(tab.get_by_text("Say why it need not be kept more closely.")).to_be_visible()
    tab.get_by_label(f"Choose {TRIPS}").check()
    tab.get_by_label("Reason").fill("Invented passengers.")
    tab.get_by_role("button", name="Dismiss those chosen").click()
    expect(tab.get_by_text("1 suggestion dismissed.")).to_be_visible()
    expect(tab.get_by_text("Nothing to decide")).to_be_visible()
    found = api_of(world)("GET", "/classification/suggestions").json()["items"]
    assert {(one["namespace"], one["state"]) for one in found} == {
        (CUSTOMERS, "accepted"),
        (TRIPS, "dismissed"),
    }


def test_a_rule_is_written_changed_and_ended(console: Any, world: World) -> None:
    api = api_of(world)
    console.sign_in(world.person)
    console.open(world.path("classification/rules"))
    tab = console.tab
    tab.get_by_role("link", name="New rule").click()
    tab.get_by_label("Namespace").fill("airline")
    tab.get_by_label("What counts").select_option(["personal", "card"])
    tab.get_by_label("It is raised at once").check()
    shoot(tab, "rule")
    tab.get_by_role("button", name="Save rule").click()
    expect(tab.get_by_text("from 60 % on, raises the classification")).to_be_visible()
    (rule,) = api("GET", "/classification/rules").json()["items"]
    assert (rule["namespace"], rule["acts"], rule["kinds"]) == (
        "airline",
        "raise",
        ["personal", "card"],
    )
    shoot(tab, "rules")
    scan(world)
    assert class_of(world, CUSTOMERS) == "restricted"

    tab.get_by_role("link", name="airline", exact=True).click()
    tab.get_by_label("In so many entries").fill("3")
    tab.get_by_role("button", name="Save terms").click()
    expect(tab.get_by_text("in 3 entries or more")).to_be_visible()
    tab.get_by_role("link", name="airline", exact=True).click()
    tab.get_by_role("button", name="End 1 rule").click()
    expect(tab.get_by_text("The rule is gone.")).to_be_visible()
    assert api("GET", "/classification/rules").json()["items"] == []


@pytest.mark.parametrize(
    "console",
    [{"color_scheme": "dark"}, {"viewport": {"width": 390, "height": 844}}],
    indirect=True,
    ids=["dark", "narrow"],
)
def test_the_pages_are_sound_in_the_dark_and_on_a_phone(console: Any, world: World) -> None:
    scan(world)
    with tenant_scope(world.tenant.id):
        rule = set_rule(world.owner, CALL(), {"kinds": ["secret"]}, namespace="airline")
    console.sign_in(world.person)

    for number, path in enumerate(
        ("classification/", f"classification/of/{CUSTOMERS}", "classification/rules",
         f"classification/rules/{rule.id}")
    ):  # fmt: skip
        tab = console.open(world.path(path))
        shoot(tab, f"sound-{tab.viewport_size['width']}-{number}")
        assert console.overflow() <= 0, path
        assert console.axe() == [], path


def test_an_entry_says_what_it_holds_and_a_reader_sees_masks(console: Any, world: World) -> None:
    scan(world)
    console.sign_in(world.person)
    tab = console.open(world.path(f"namespaces/{CUSTOMERS}/entries/mia"))
    expect(tab.get_by_role("link", name="card number, e-mail address")).to_be_visible()
    expect(tab.get_by_text("Asks for restricted")).to_be_visible()
    tab = console.open(world.path(f"classification/of/{CUSTOMERS}"))
    tab.get_by_label("Personal data").check()
    tab.get_by_role("button", name="Save masks").click()
    expect(tab.get_by_text(f"Masks of {CUSTOMERS} saved.")).to_be_visible()
    shoot(tab, "masks")
    tab.get_by_label("Personal data").uncheck()
    tab.get_by_role("button", name="Save masks").click()
    expect(tab.get_by_text("Say why less need be masked.")).to_be_visible()
    found = api_of(world)("GET", f"/namespaces/{CUSTOMERS}/masking").json()
    assert found == {"kinds": ["personal"]}

    console.context.clear_cookies()
    console.sign_in(world.member("editor"))
    tab = console.open(world.path(f"namespaces/{CUSTOMERS}/entries/mia"))
    expect(tab.get_by_text("3 places are masked for you")).to_be_visible()
    expect(tab.get_by_text("‹masked: email›")).to_be_visible()
    assert "mia@example.org" not in tab.content()
    shoot(tab, "masked-entry")


def test_another_tenant_and_who_may_not_manage(console: Any, world: World) -> None:
    scan(world)
    stranger = make_world()
    console.sign_in(stranger.person)
    console.open(world.path("classification/"), status=404)
    console.open(stranger.path(f"classification/of/{CUSTOMERS}"), status=404)
    tab = console.open(stranger.path("classification/"))
    expect(tab.get_by_text("Nothing to decide")).to_be_visible()

    console.context.clear_cookies()
    console.sign_in(world.member("auditor"))
    tab = console.open(world.path("classification/"))
    expect(tab.locator("#suggestions").get_by_role("link", name=TRIPS)).to_be_visible()
    expect(tab.get_by_role("button", name="Accept those chosen")).to_have_count(0)
    tab = console.open(world.path(f"classification/of/{TRIPS}"))
    expect(tab.get_by_text("for its readers only").first).to_be_visible()

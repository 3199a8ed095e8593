"""Subject requests in the browser: a person found, erased with a second person, and certified."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from governance.retention.services.holds import place_hold
from stateward.operations.jobs.services import run_here
from stateward.tenancy.models import Member
from stateward.tenancy.scope import tenant_scope
from tests.console.console_world import CALL, World, booking, make_world
from tests.factories.api import Api, Browser

pytestmark = pytest.mark.browser

BOOKINGS = "airline.bookings"
MIA = "mia.li@example.com"


@pytest.fixture
def world() -> World:
    world = make_world()
    booker = world.agent("booker")
    world.namespace(BOOKINGS)
    for number in range(3):
        world.put(BOOKINGS, f"MIA{number}", booking() | {"email": MIA}, by=booker)
    world.put(BOOKINGS, "BOB0", booking() | {"email": "bob@example.com"}, by=booker)
    return world


def api_of(world: World) -> Api:
    with tenant_scope(world.tenant.id):
        return Api(Member.objects.get(id=world.owner.id))


def test_a_person_is_found_erased_with_a_second_person_and_certified(
    console: Any, world: World
) -> None:
    api, tenant_id = api_of(world), world.tenant.id
    omar = world.member("owner", name="Omar Haddad")
    console.sign_in(world.person)
    tab = console.open(world.path("subjects/"))
    expect(tab.get_by_text("No place is named yet.")).to_be_visible()
    tab.get_by_role("link", name="Name a place").click()
    tab.get_by_label("Kind of identifier").fill("email")
    tab.get_by_label("Where", exact=True).fill("/email")
    tab.get_by_label("Namespace").fill("airline")
    tab.get_by_role("button", name="Name 1 place").click()
    expect(tab.get_by_text("email is declared")).to_be_visible()
    tab.get_by_role("link", name="Take in a request").first.click()
    tab.get_by_label("Erasure").check()
    tab.get_by_label("Reference").fill("DSR-7")
    tab.get_by_label("Who it is").fill("email=Mia.Li@example.com")
    tab.get_by_role("button", name="Take it in").click()
    expect(tab.get_by_role("heading", level=1)).to_have_text("DSR-7")
    expect(tab.locator("main")).to_contain_text("Searching")
    with tenant_scope(tenant_id):
        place_hold(world.owner, CALL(), matter="M-1", reason="A claim.", key_pattern="MIA2")
    run_here("privacy.index", tenant_id=tenant_id)

    (asked,) = api("GET", "/privacy/requests").json()["items"]
    tab = console.open(world.path(f"subjects/{asked['id']}/"))
    main = tab.locator("main")
    expect(main).to_contain_text("3 entries found")
    expect(tab.get_by_role("link", name="MIA0")).to_be_visible()
    assert (console.overflow(), console.axe()) == (0, [])
    tab.get_by_role("button", name="Take it").click()
    expect(main).to_contain_text("Ines Okafor")
    tab.get_by_role("link", name="Erase…").click()
    expect(tab.locator("main")).to_contain_text("2 entries are emptied now")
    expect(tab.locator("main")).to_contain_text("a hold keeps them")
    tab.get_by_label("Reason, for 1 other person").fill("She asked for it.")
    tab.get_by_label("Type the reference").fill("DSR-7")
    tab.get_by_role("button", name="Ask to erase 3 entries").click()
    expect(tab.get_by_text("Asked for.")).to_be_visible()
    with tenant_scope(tenant_id):
        other = Member.objects.get(person=omar)
    (wanted,) = api("GET", "/approvals").json()["items"]
    vote = {"verdict": "approve", "sha256": wanted["sha256"]}
    assert Browser(other)("POST", f"/approvals/{wanted['id']}/votes", vote).status_code == 201
    run_here("privacy.erase", tenant_id=tenant_id, params={"request": asked["id"]})

    console.open(world.path(f"subjects/{asked['id']}/"))
    expect(main).to_contain_text("2 entries erased; still there: 1 under a hold")
    body = api("GET", f"/privacy/requests/{asked['id']}").json()
    assert (body["state"], body["erased"]) == ("waiting", 2)
    console.open(world.path(f"namespaces/{BOOKINGS}/"))
    expect(tab.locator("main")).to_contain_text("MIA2")
    expect(tab.get_by_text("MIA0")).to_have_count(0)


@pytest.mark.parametrize("path", ["subjects/", "subjects/new", "subjects/places/new"])
def test_the_pages_hold_in_both_themes_and_narrow(console: Any, world: World, path: str) -> None:
    api = api_of(world)
    place = {"kind": "email", "source": "value", "path": "/email"}
    api("POST", "/privacy/declarations", place)
    named = [{"kind": "email", "value": MIA}]
    api("POST", "/privacy/requests", {"kind": "access", "reference": "a", "identifiers": named})
    console.sign_in(world.person)

    tab = console.open(world.path(path))

    assert console.axe() == []
    tab.emulate_media(color_scheme="dark")
    assert console.axe(only_colours=True) == []
    tab.set_viewport_size({"width": 390, "height": 844})
    assert console.overflow() == 0


def test_another_tenants_officer_sees_nothing(console: Any, world: World) -> None:
    api = api_of(world)
    named = [{"kind": "email", "value": MIA}]
    said = {"kind": "access", "reference": "DSR-9", "identifiers": named}
    made = api("POST", "/privacy/requests", said).json()
    other = make_world("Northern Rail")
    console.sign_in(other.person)

    tab = console.open(other.path("subjects/"))
    expect(tab.get_by_text("DSR-9")).to_have_count(0)
    console.expected.add(404)
    console.open(other.path(f"subjects/{made['id']}/"), status=404)

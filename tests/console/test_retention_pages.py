"""Retention in the browser: a rule is seen before it is saved, and a hold stops it."""

from __future__ import annotations

import os
from typing import Any

import pytest
from playwright.sync_api import expect

from governance.retention.services.holds import place_hold
from stateward.operations.jobs.services import run_here
from stateward.tenancy.models import Member
from stateward.tenancy.scope import tenant_scope
from tests.console.console_world import CALL, World, booking, make_world
from tests.factories.api import Api
from tests.factories.approvals import set_number
from tests.factories.retention import Keeper
from tests.factories.state import World as StateWorld

pytestmark = pytest.mark.browser

BOOKINGS = "airline.bookings"


@pytest.fixture
def world(settings: Any) -> World:
    settings.RETENTION_GRACE_HOURS = 0
    world = make_world()
    booker = world.agent("booker")
    world.namespace(BOOKINGS)
    world.namespace("airline.flights")
    for number in range(6):
        world.put(BOOKINGS, f"OLD{number}", booking(bags=number), by=booker)
    make_older(world, 400)
    world.put(BOOKINGS, "NEW0", booking(), by=booker)
    return world


def make_older(world: World, days: int) -> None:
    member = Member(id=world.owner.id)
    state = StateWorld(world.tenant, None, world.owner, None)  # type: ignore[arg-type]  # not asked
    keeper = Keeper(state, member, world.owner)
    keeper.age(os.environ["STATEWARD_SUPERUSER_DATABASE_URL"], days)


def api_of(world: World) -> Api:
    with tenant_scope(world.tenant.id):
        return Api(Member.objects.get(id=world.owner.id))


def test_a_rule_is_seen_before_it_is_saved_and_a_hold_stops_it(console: Any, world: World) -> None:
    api = api_of(world)
    console.sign_in(world.person)
    tab = console.open(world.path("retention/"))
    expect(tab.get_by_text("No rule yet: everything is kept")).to_be_visible()
    tab.get_by_role("link", name=f"Write a rule for {BOOKINGS}").click()
    tab.get_by_label("Name", exact=True).fill("bookings-year")
    tab.get_by_label("Days", exact=True).fill("365")
    preview = tab.locator("#preview")
    expect(preview).to_contain_text("It would delete 6 entries")
    expect(preview.get_by_role("link", name="OLD0")).to_be_visible()
    expect(preview.get_by_text("NEW0")).to_have_count(0)
    assert api("GET", "/retention/rules").json()["items"] == []
    tab.get_by_role("button", name="Save rule").click()
    expect(tab.get_by_text("bookings-year saved. It is in force.")).to_be_visible()
    assert api("GET", "/retention/preview").json()["entries"] == 6

    console.open(world.path("holds/"))
    tab.get_by_role("link", name="Place a hold").first.click()
    tab.get_by_label("Matter").fill("DOT-114")
    tab.get_by_label("Reason").fill("The regulator asked for these.")
    tab.get_by_label("Namespace").fill("airline")
    tab.get_by_label("Keys").fill("OLD[0-2]")
    tab.get_by_label("Keys").fill("OLD?")
    tab.get_by_role("button", name="Place 1 hold").click()
    expect(tab.get_by_role("heading", level=1)).to_have_text("DOT-114")
    expect(tab.locator("main")).to_contain_text("6 entries")
    (hold,) = api("GET", "/retention/holds").json()["items"]
    assert (hold["namespace"], hold["key_pattern"]) == ("airline", "OLD?")

    run_here("retention.sweep", tenant_id=world.tenant.id)
    held = api("GET", "/retention/preview").json()
    assert (held["entries"], held["held"]) == (0, 6)
    console.open(world.path(f"namespaces/{BOOKINGS}/entries/OLD1"))
    expect(tab.locator("main")).to_contain_text("DOT-114")
    expect(tab.locator("main")).to_contain_text("bookings-year would delete it by now; a hold")
    assert tab.get_by_role("link", name="Delete…").count() == 0
    console.open(world.path(f"namespaces/{BOOKINGS}/entries/OLD1/delete"), status=200)
    console.expected.add(422)
    tab.get_by_role("button", name="Delete 1 entry").click()
    expect(tab.get_by_role("alert")).to_contain_text("A hold keeps this")

    set_number(world.tenant.id, "hold.release", 0)
    console.open(world.path(f"holds/{hold['id']}/release"))
    tab.get_by_label("Reason").fill("Settled.")
    tab.get_by_label("Type the matter").fill("DOT-114")
    tab.get_by_role("button", name="Release 1 hold").click()
    expect(tab.get_by_text("DOT-114 is released.")).to_be_visible()
    done = run_here("retention.sweep", tenant_id=world.tenant.id).result
    assert done["purged"] == 6
    console.open(world.path("retention/"))
    expect(tab.locator("main")).to_contain_text("6 entries deleted, 0 held")
    (proof,) = api("GET", "/retention/batches").json()["items"]
    assert (proof["rule"], proof["entries"]) == ("bookings-year", 6)


@pytest.mark.parametrize("console", [{"java_script_enabled": False}], indirect=True)
def test_a_rule_is_written_without_javascript(console: Any, world: World) -> None:
    console.sign_in(world.person)
    tab = console.open(world.path("retention/new?namespace=airline.bookings"))
    tab.get_by_label("Name", exact=True).fill("bookings-year")
    tab.get_by_label("Days", exact=True).fill("365")
    tab.get_by_role("button", name="Show what it would do").click()
    expect(tab.locator("#preview")).to_contain_text("It would delete 6 entries")
    tab.get_by_role("button", name="Save rule").click()

    expect(tab.get_by_role("heading", level=1)).to_have_text("bookings-year")


def test_a_change_that_deletes_sooner_waits_and_says_until_when(
    console: Any, world: World, settings: Any
) -> None:
    settings.RETENTION_GRACE_HOURS = 168
    api = api_of(world)
    said = {"name": "keep-a-year", "kind": "retain", "namespace": BOOKINGS, "days": 365}
    rule = api("POST", "/retention/rules", said).json()
    console.sign_in(world.person)
    tab = console.open(world.path(f"retention/{rule['id']}/"))
    tab.get_by_label("Days", exact=True).fill("100")
    tab.get_by_role("button", name="Save version 2").click()
    expect(tab.get_by_text("Then, from")).to_be_visible()
    tab.get_by_role("link", name="End rule…").click()
    sheet = tab.get_by_role("dialog")
    expect(sheet).to_contain_text("until then it stands")
    sheet.get_by_role("button", name="End 1 rule").click()

    expect(tab.get_by_text("Ends soon")).to_be_visible()
    found = api("GET", f"/retention/rules/{rule['id']}").json()
    assert (found["state"], found["in_force"]["days"]) == ("ending", 365)


def test_what_is_wrong_stands_at_its_field(console: Any, world: World) -> None:
    console.sign_in(world.person)
    tab = console.open(world.path("retention/new"))
    tab.get_by_label("Name", exact=True).fill("odd")
    tab.get_by_label("Days", exact=True).fill("30")
    tab.get_by_label("Keys").fill("*" * 9)
    console.expected.add(422)
    tab.get_by_role("button", name="Save rule").click()

    expect(tab.get_by_text("At most 8 stars")).to_be_visible()


def test_another_tenant_sees_none_of_it(console: Any, world: World) -> None:
    hold = place_hold(world.owner, CALL(), matter="DOT-114", reason="r")
    rule = api_of(world)(
        "POST", "/retention/rules", {"name": "r", "kind": "delete", "days": 3}
    ).json()
    stranger = make_world()
    console.sign_in(stranger.person)

    for path in (f"holds/{hold.id}/", f"retention/{rule['id']}/"):
        console.open(stranger.path(path), status=404)
        console.open(world.path(path), status=404)
    tab = console.open(stranger.path("holds/"))
    expect(tab.get_by_text("No hold is in force: rules")).to_be_visible()
    tab = console.open(stranger.path("retention/"))
    expect(tab.get_by_text("No rule yet: everything")).to_be_visible()


def test_an_auditor_reads_and_changes_nothing(console: Any, world: World) -> None:
    hold = place_hold(world.owner, CALL(), matter="DOT-114", reason="r")
    console.sign_in(world.member("auditor"))

    tab = console.open(world.path("retention/"))
    expect(tab.get_by_role("link", name="New rule")).to_have_count(0)
    tab = console.open(world.path(f"holds/{hold.id}/"))
    expect(tab.get_by_role("link", name="Release…")).to_have_count(0)
    console.open(world.path(f"holds/{hold.id}/release"))
    tab.get_by_label("Reason").fill("x")
    tab.get_by_label("Type the matter").fill("DOT-114")
    console.expected.add(403)
    tab.get_by_role("button", name="Release 1 hold").click()

    expect(tab.get_by_role("heading", level=1)).to_have_text("You may not do this")


def test_a_release_wants_the_matter_typed_and_a_reason(console: Any, world: World) -> None:
    hold = place_hold(world.owner, CALL(), matter="DOT-114", reason="r")
    console.sign_in(world.person)
    for reason, typed, said in (
        (" ", "DOT-114", "say it in words"),
        ("x", "DOT", "is not the matter"),
    ):
        console.open(world.path(f"holds/{hold.id}/release"))
        console.tab.get_by_label("Reason").fill(reason)
        console.tab.get_by_label("Type the matter").fill(typed)
        console.expected.add(422)
        console.tab.locator("form.consequence").evaluate("form => form.submit()")
        expect(console.tab.get_by_role("alert")).to_contain_text(said)

    (found,) = api_of(world)("GET", "/retention/holds?state=in_force").json()["items"]
    assert found["matter"] == "DOT-114"


def test_a_custodian_is_chosen_by_name(console: Any, world: World) -> None:
    console.sign_in(world.person)
    tab = console.open(world.path("holds/new?namespace=airline"))
    tab.get_by_label("Matter").fill("HR-7")
    tab.get_by_label("Reason").fill("An inquiry.")
    tab.get_by_label("Keys").fill("a/b")
    tab.get_by_label("Last written by").select_option(label="booker")
    console.expected.add(422)
    tab.get_by_role("button", name="Place 1 hold").click()
    expect(tab.get_by_text("No key holds a '/'")).to_be_visible()
    tab.get_by_label("Keys").fill("")
    tab.get_by_role("button", name="Place 1 hold").click()

    expect(tab.locator(".said")).to_contain_text("what booker wrote in airline and beneath")
    tab = console.open(world.path(f"namespaces/{BOOKINGS}/"))
    expect(tab.get_by_role("link", name="hold HR-7")).to_be_visible()
    tab = console.open(world.path(f"namespaces/{BOOKINGS}/delete"))
    tab.get_by_label("Type the namespace").fill(BOOKINGS)
    tab.get_by_role("button", name="Delete 7 entries").click()
    expect(tab.get_by_role("alert")).to_contain_text("A hold keeps this")


def test_an_ended_rule_and_what_it_deleted_stay_to_be_seen(console: Any, world: World) -> None:
    api = api_of(world)
    says = {"name": "bookings-year", "kind": "delete", "namespace": BOOKINGS, "days": 365}
    rule = api("POST", "/retention/rules", says).json()
    run_here("retention.sweep", tenant_id=world.tenant.id)
    console.sign_in(world.person)
    tab = console.open(world.path(f"retention/{rule['id']}/end"))
    expect(tab.get_by_text("It ends at once")).to_be_visible()
    tab.get_by_role("button", name="End 1 rule").click()
    expect(tab.get_by_text("bookings-year is over.")).to_be_visible()
    console.expected.add(422)
    tab = console.open(world.path(f"retention/{rule['id']}/end"))
    tab.get_by_role("button", name="End 1 rule").click()
    expect(tab.get_by_role("alert")).to_contain_text("has ended")
    tab = console.open(world.path("retention/"))
    expect(tab.get_by_role("heading", name="Ended")).to_be_visible()
    tab.get_by_role("link", name="Record").click()
    expect(tab.get_by_role("heading", level=1)).to_be_visible()

    tab = console.open(world.path(f"namespaces/{BOOKINGS}/entries/OLD1"))
    expect(tab.get_by_text("no value of it is left")).to_be_visible()
    expect(tab.get_by_text("Purged by a retention rule")).to_be_visible()

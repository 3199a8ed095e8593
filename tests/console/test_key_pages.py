"""Keys in the browser: custody, turning over, a compromised version, shredding by two people."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from governance.keys.services import REENCRYPT
from stateward.gate.approvals.models import ApprovalSetting
from stateward.operations.jobs.services import run_here
from stateward.state.configuration import forget_configurations
from stateward.tenancy.models import Member
from stateward.tenancy.scope import tenant_scope
from tests.console.console_world import World, booking, make_world
from tests.factories.api import Api

pytestmark = pytest.mark.browser

BOOKINGS = "airline.bookings"


@pytest.fixture
def world(settings: Any, tmp_path: Any) -> World:
    settings.KEY_DESTRUCTION_HOURS = 168
    settings.SHRED_LEDGER = str(tmp_path)
    world = make_world()
    world.namespace(BOOKINGS, classification="confidential")
    world.namespace("airline.flights")
    for number in range(4):
        world.put(BOOKINGS, f"KEY{number}", booking(bags=number))
    world.put(BOOKINGS, "KEY0", booking(bags=9))
    return world


def api_of(world: World) -> Api:
    with tenant_scope(world.tenant.id):
        return Api(Member.objects.get(id=world.owner.id))


def test_a_compromised_key_is_turned_over_and_what_was_under_it_listed(
    console: Any, world: World
) -> None:
    api = api_of(world)
    console.sign_in(world.person)
    tab = console.open(world.path("keys/"))
    expect(tab.locator("main")).to_contain_text("2 namespaces have a key of their own.")
    tab.get_by_role("link", name=BOOKINGS).click()
    tab.get_by_role("button", name="Count again").click()
    expect(tab.get_by_text("Counted: 9 values.")).to_be_visible()
    tab.get_by_role("link", name="Compromised… version 1").click()
    tab.get_by_label("What happened").fill("A laptop was stolen.")
    tab.get_by_role("button", name="Mark 1 version as compromised").click()
    expect(tab.get_by_text("Still under it").first).to_be_visible()
    found = api("GET", f"/keys/{BOOKINGS}").json()
    assert (found["state"], found["is_compromised"]) == ("moving", True)

    run_here(REENCRYPT, tenant_id=world.tenant.id)

    tab.reload()
    expect(tab.get_by_text("Sealed anew")).to_have_count(5)
    listed = api("GET", f"/keys/{BOOKINGS}/versions/1/values").json()["items"]
    assert [(one["key"], one["is_still_under"]) for one in listed] == [
        *((f"KEY{number}", False) for number in range(4)), ("KEY0", False)
    ]  # fmt: skip
    with tab.expect_download() as download:
        tab.get_by_role("link", name="CSV").click()
    lines = download.value.path().read_text().splitlines()
    assert len(lines) == 6
    console.open(world.path(f"keys/{BOOKINGS}/"))
    expect(tab.get_by_text("Retired", exact=True).first).to_be_visible()
    found = api("GET", f"/keys/{BOOKINGS}").json()
    assert [(one["version"], one["state"]) for one in found["versions"]] == [
        (2, "active"), (1, "retired")
    ]  # fmt: skip


def test_shredding_is_asked_for_waits_and_can_be_undone(console: Any, world: World) -> None:
    api = api_of(world)
    with tenant_scope(world.tenant.id):
        ApprovalSetting.objects.create(tenant_id=world.tenant.id, kind="key.destroy", number=0)
    console.sign_in(world.person)
    tab = console.open(world.path(f"keys/{BOOKINGS}/"))
    tab.get_by_role("link", name="Shred…").click()
    tab.get_by_label("Reason").fill("The contract is over.")
    tab.get_by_label("Type the namespace").fill(BOOKINGS)
    tab.get_by_role("button", name="Shred 1 key").click()
    expect(tab.locator("main")).to_contain_text("and all that is under it, is destroyed")
    assert len(api("GET", f"/keys/{BOOKINGS}").json()["destructions"]) == 1

    tab.get_by_role("button", name="Undo").click()

    expect(tab.get_by_text(f"The key of {BOOKINGS} stays.")).to_be_visible()
    assert api("GET", f"/keys/{BOOKINGS}").json()["destructions"] == []


def test_a_rule_gives_each_person_a_key(console: Any, world: World) -> None:
    api = api_of(world)
    console.sign_in(world.person)
    tab = console.open(world.path(f"keys/{BOOKINGS}/"))
    tab.get_by_label("Where the person is named").fill("nonsense")
    tab.get_by_role("button", name="Save rule").click()
    expect(tab.get_by_text("The rule was not saved.")).to_be_visible()
    tab.get_by_label("Where the person is named").fill("/who")
    tab.get_by_role("button", name="Save rule").click()
    expect(tab.get_by_text("has a key of their own from now on")).to_be_visible()

    world.put(BOOKINGS, "KEY9", {"who": "mia.li@example.org"})

    found = api("GET", f"/keys/{BOOKINGS}/subject-rule").json()
    assert found == {"path": "/who", "people": 1, "shredded": 0}
    tab.reload()
    expect(tab.locator("main")).to_contain_text("1 person, 0 shredded")


def test_where_others_must_agree_the_button_asks_them(console: Any, world: World) -> None:
    world.member("owner", name="Otto Owner")
    console.sign_in(world.person)
    tab = console.open(world.path(f"keys/{BOOKINGS}/destroy"))
    tab.get_by_label("Reason").fill("The contract is over.")
    tab.get_by_label("Type the namespace").fill(BOOKINGS)
    tab.get_by_role("button", name="Shred 1 key").click()

    expect(tab.get_by_text("The key stands until then.")).to_be_visible()
    assert api_of(world)("GET", f"/keys/{BOOKINGS}").json()["state"] == "active"


def test_the_pages_are_sound_in_both_themes_and_narrow(console: Any, world: World) -> None:
    api = api_of(world)
    assert api("POST", f"/keys/{BOOKINGS}/rotation", {}).status_code == 200
    counted = api("POST", f"/keys/{BOOKINGS}/reencryption", {"dry_run": True}).json()
    assert {(one["store"], one["version"]): one["rows"] for one in counted["counts"]} == {
        ("entries", 1): 4, ("revisions", 1): 5
    }  # fmt: skip
    forget_configurations()
    console.sign_in(world.person)
    for path in ("keys/", f"keys/{BOOKINGS}/", f"keys/{BOOKINGS}/versions/1/",
                 f"keys/{BOOKINGS}/destroy"):  # fmt: skip
        console.open(world.path(path))
        assert console.faults() == [], path


def test_another_tenant_sees_none_of_it(console: Any, world: World) -> None:
    stranger = make_world()
    console.sign_in(stranger.person)

    for path in (f"keys/{BOOKINGS}/", f"keys/{BOOKINGS}/versions/1/", f"keys/{BOOKINGS}/destroy"):
        console.open(stranger.path(path), status=404)
    tab = console.open(stranger.path("keys/"))
    expect(tab.get_by_text("No namespace yet")).to_be_visible()
    assert api_of(stranger)("GET", f"/keys/{BOOKINGS}").status_code == 404

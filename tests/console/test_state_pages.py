"""Reading and changing state in the browser as its people do; what others see of it: nothing."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from stateward.gate.audit.filters import RecordFilter
from stateward.gate.audit.queries import AuditRecord, search_records
from stateward.state.models import Namespace
from stateward.state.queries import get_entry
from stateward.tenancy.scope import run_flow, tenant_scope
from tests.console.console_world import CALL, World, booking, make_world, paste

pytestmark = pytest.mark.browser

BOOKINGS = "airline.bookings"
WITHOUT_JAVASCRIPT = pytest.param({"java_script_enabled": False}, id="without JavaScript")
NAUGHTY = [
    "<script>window.harmed=1</script>",
    '"><img src=x onerror=window.harmed=1>',
    "{{ 7*7 }}{% csrf_token %}",
    "'-window.harmed=1-'",
    "javascript:window.harmed=1",
    "\u202egnp.exe <svg onload=window.harmed=1>",
    "</textarea><script>window.harmed=1</script>",
]


@pytest.fixture
def world() -> World:
    world = make_world()
    booker = world.agent("booker")
    world.namespace(BOOKINGS, labels={"region": "eu"})
    world.put(BOOKINGS, "EHGLP3", booking(), by=booker, labels={"channel": "web"})
    world.put(BOOKINGS, "EHGLP3", booking(bags=2), by=booker, note="Added a bag")
    return world


def value_now(world: World, key: str = "EHGLP3", namespace: str = BOOKINGS) -> Any:
    with tenant_scope(world.tenant.id):
        return run_flow(get_entry(world.owner, CALL(), namespace, key)).value  # type: ignore[union-attr]


def records(world: World, **wanted: Any) -> list[AuditRecord]:
    with tenant_scope(world.tenant.id):
        return run_flow(search_records(RecordFilter(world.tenant.id, **wanted)))[0]


def test_a_value_is_found_read_and_changed(console: Any, world: World) -> None:
    console.sign_in(world.person)
    tab = console.open(world.path("namespaces/"))
    tab.get_by_role("rowheader", name=BOOKINGS).get_by_role("link").click()
    tab.get_by_label("Show keys that begin with").fill("EHG")
    tab.keyboard.press("Enter")
    tab.get_by_role("navigation", name="Keys of").get_by_role("link", name="EHGLP3").click()
    expect(tab.get_by_label("Value as a tree")).to_contain_text('"bags": 2')
    expect(tab.get_by_role("row", name="/bags")).to_contain_text("1 2")

    tab.get_by_role("link", name="Edit value").click()
    paste(tab, '{"bags": 12345678901234567890, "by": "hand"}')
    tab.get_by_label("Note").fill("A hand's work")
    tab.get_by_role("button", name="Write version 3").click()

    expect(tab.get_by_role("status").get_by_text("Version 3 of EHGLP3 written.")).to_be_visible()
    expect(tab.get_by_text("A hand's work")).to_be_visible()
    assert value_now(world) == {"bags": 12345678901234567890, "by": "hand"}


def test_an_older_version_is_written_again(console: Any, world: World) -> None:
    console.sign_in(world.person)
    tab = console.open(world.path(f"namespaces/{BOOKINGS}/entries/EHGLP3"))

    tab.get_by_role("link", name="Write version 3").click()
    expect(tab.get_by_role("dialog")).to_contain_text("Versions 1 to 2 stay in the history")
    tab.get_by_role("dialog").get_by_role("button", name="Write version 3").click()

    expect(tab.get_by_text("Rolled back")).to_be_visible()
    assert value_now(world)["bags"] == 1


def test_what_someone_else_wrote_meanwhile_is_shown_before_it_is_overwritten(
    console: Any, world: World
) -> None:
    console.sign_in(world.person)
    tab = console.open(world.path(f"namespaces/{BOOKINGS}/entries/EHGLP3/edit"))
    paste(tab, '{"mine": true}')
    world.put(BOOKINGS, "EHGLP3", booking(bags=5), by=world.agents["booker"])
    console.expected.add(412)

    tab.get_by_role("button", name="Write version 3").click()

    expect(tab.get_by_role("alert")).to_contain_text("booker wrote version 3")
    expect(tab.get_by_role("row", name="/bags")).to_contain_text("2 5")
    assert value_now(world)["bags"] == 5
    tab.get_by_role("button", name="Write mine over version 3").click()
    expect(tab.get_by_text("Version 4 of EHGLP3 written.")).to_be_visible()
    assert value_now(world) == {"mine": True}


def test_a_restricted_value_is_masked_until_its_reveal_is_recorded(
    console: Any, world: World
) -> None:
    world.namespace("airline.payments", classification="restricted")
    world.put("airline.payments", "PM-5520", {"card": "4111-secret"})
    console.sign_in(world.person)
    tab = console.open(world.path("namespaces/airline.payments/entries/PM-5520"))
    assert "4111-secret" not in tab.content()
    assert not records(world, action="state.read_value")

    tab.get_by_role("button", name="Reveal, recorded").click()

    expect(tab.get_by_label("Value as a tree")).to_contain_text("4111-secret")
    assert [one.key for one in records(world, action="state.read_value")] == ["PM-5520"]


def test_who_may_not_read_is_told_why_and_the_denial_is_recorded(
    console: Any, world: World
) -> None:
    world.namespace("airline.payments", classification="restricted")
    world.put("airline.payments", "PM-5520", {"card": "4111-secret"})
    console.sign_in(world.member("viewer"))
    tab = console.open(world.path("namespaces/airline.payments/entries/PM-5520"))
    expect(tab.get_by_text("You may not write here.")).to_be_visible()

    tab.get_by_role("button", name="Reveal, recorded").click()

    expect(tab.get_by_role("heading", name="You may not read this value")).to_be_visible()
    assert "4111-secret" not in tab.content()
    denied = records(world, action="state.read_value")
    assert [(one.actor_name, one.outcome[:4], one.key) for one in denied] == [
        ("Vera Viewer", "deny", "PM-5520")
    ]


@pytest.mark.parametrize("console", [WITHOUT_JAVASCRIPT], indirect=True)
def test_a_namespace_and_an_entry_are_made_and_deleted_without_javascript(
    console: Any, world: World
) -> None:
    console.sign_in(world.person)
    tab = console.open(world.path("namespaces/new"))
    tab.get_by_label("Name", exact=True).fill("ops.runbooks")
    tab.get_by_label("Confidential").check()
    tab.get_by_label("Labels").fill("team=ops")
    tab.get_by_label("JSON Schema").fill('{"type": "object", "required": ["title"]}')
    tab.get_by_role("button", name="Create namespace").click()
    expect(tab.get_by_role("heading", level=1)).to_have_text("ops.runbooks")

    tab.get_by_role("link", name="New entry").click()
    tab.get_by_label("Key", exact=True).fill("restart database")
    tab.get_by_label("Value, as JSON").fill('{"steps": [')
    console.expected.add(422)
    tab.get_by_role("button", name="Write version 1").click()
    expect(tab.locator("#id_value-fault")).to_be_visible()
    tab.get_by_label("Value, as JSON").fill('{"steps": []}')
    tab.get_by_role("button", name="Write version 1").click()
    expect(tab.get_by_text("title")).to_be_visible()  # the schema asks for it
    tab.get_by_label("Value, as JSON").fill('{"title": "Restart", "steps": ["stop", "start"]}')
    tab.get_by_role("button", name="Write version 1").click()
    expect(tab.get_by_role("heading", level=1)).to_have_text("restart database")
    assert value_now(world, "restart database", "ops.runbooks")["title"] == "Restart"

    tab.get_by_role("link", name="Delete…").click()
    tab.get_by_role("button", name="Delete 1 entry").click()
    expect(tab.get_by_text("Deleted", exact=True).first).to_be_visible()
    console.open(world.path("namespaces/ops.runbooks/delete"))
    tab.get_by_label("Type the namespace to confirm").fill("ops.runbook")
    tab.get_by_role("button", name="Delete 0 entries").click()
    expect(tab.get_by_role("alert")).to_contain_text("Nothing was deleted")
    tab.get_by_label("Type the namespace to confirm").fill("ops.runbooks")
    tab.get_by_role("button", name="Delete 0 entries").click()
    expect(tab.get_by_role("heading", level=1)).to_have_text("Namespaces")
    with tenant_scope(world.tenant.id):
        assert Namespace.objects.get(name="ops.runbooks", tenant=world.tenant).deleted_at


def test_settings_of_a_namespace_are_changed(console: Any, world: World) -> None:
    console.sign_in(world.person)
    tab = console.open(world.path(f"namespaces/{BOOKINGS}/settings"))

    tab.get_by_label("Every write names the version it replaces").check()
    tab.get_by_label("Entries live for, in seconds").fill("86400")
    tab.get_by_role("button", name="Save settings").click()

    expect(tab.get_by_text("They hold from the next write on.")).to_be_visible()
    with tenant_scope(world.tenant.id):
        changed = Namespace.objects.get(name=BOOKINGS, tenant=world.tenant)
    assert (changed.concurrency, changed.default_ttl_seconds) == ("versioned", 86_400)
    assert changed.labels == {"region": "eu"}


def test_keys_come_in_pages_that_the_address_names(console: Any, world: World) -> None:
    for number in range(60):
        world.put(BOOKINGS, f"T{number:03d}", number)
    console.sign_in(world.person)
    tab = console.open(world.path(f"namespaces/{BOOKINGS}/?prefix=T"))
    keys = tab.get_by_role("navigation", name="Keys of").get_by_role("listitem")
    expect(keys).to_have_count(50)

    tab.get_by_role("link", name="Next 50").click()

    expect(keys).to_have_count(10)
    tab.get_by_role("link", name="T059").click()
    expect(keys).to_have_count(10)  # the place in the list is kept
    expect(tab.get_by_role("heading", level=1)).to_have_text("T059")


def test_another_tenants_member_sees_none_of_it(console: Any, world: World) -> None:
    stranger = make_world("Quiet Harbour")
    console.sign_in(stranger.person)
    console.open(world.path(f"namespaces/{BOOKINGS}/entries/EHGLP3"), status=404)

    console.open(stranger.path(f"namespaces/{BOOKINGS}/entries/EHGLP3"), status=404)
    tab = console.open(stranger.path("namespaces/"))

    expect(tab.get_by_role("heading", name="No namespace that you may see")).to_be_visible()
    assert "EHGLP3" not in tab.content()


def test_what_others_wrote_is_text_and_nothing_else(console: Any, world: World) -> None:
    world.namespace("scratch")
    for number, text in enumerate(NAUGHTY):
        key = text.replace("/", "∕")
        world.put("scratch", key, {"before": number})
        world.put("scratch", key, {text: [text, {"deep": text}]}, note=text, labels={"l": text})
    console.sign_in(world.person)
    console.open(world.path("namespaces/scratch/"))

    for text in NAUGHTY:
        tab = console.tab
        key = text.replace("/", "∕")
        tab.locator(".keys a").filter(has=tab.locator(f"[title={css(key)}]")).click()
        expect(tab.get_by_role("heading", level=1)).to_have_text(key)
        expect(tab.get_by_label("Value as a tree")).to_contain_text("deep")
        for show in ("?show=raw&diff=text", "/edit"):
            address = tab.url.partition("?")[0]
            tab.goto(address + show)
            assert tab.evaluate("window.harmed") is None
        assert tab.get_by_role("link", name="Keep it as it is").is_visible()
        console.open(world.path("namespaces/scratch/"))


def css(text: str) -> str:
    """As a string in a selector."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'

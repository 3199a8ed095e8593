"""The auditor's questions in the browser: who did it, why was it allowed, can you prove it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from playwright.sync_api import expect

from stateward.gate.audit import verify
from stateward.gate.audit.filters import RecordFilter
from stateward.gate.audit.queries import AuditRecord, search_records
from stateward.kernel.errors import Forbidden
from stateward.state.judging import record_denial
from stateward.tenancy.actors import Actor
from stateward.tenancy.scope import run_flow, tenant_scope
from tests.audit.audit_helpers import connect, seal
from tests.console.console_world import CALL, World, booking, make_world

pytestmark = pytest.mark.browser

BOOKINGS = "airline.bookings"
NAUGHTY = '"><img src=x onerror=window.harmed=1>{{ 7*7 }}'


@pytest.fixture
def world() -> World:
    world = make_world()
    world.agent("booker")
    world.agent("looker", "reader")
    world.namespace(BOOKINGS)
    world.put(BOOKINGS, "EHGLP3", booking(), by=world.agents["booker"])
    world.put(BOOKINGS, "DF89BM", booking(), by=world.agents["booker"])
    refuse_write(world, world.agents["looker"], "EHGLP3")
    return world


def refuse_write(world: World, agent: Actor, key: str) -> None:
    """A write that the gate denies, recorded as the data plane records it."""
    with pytest.raises(Forbidden) as refused:
        world.put(BOOKINGS, key, {}, by=agent)
    with tenant_scope(world.tenant.id):
        run_flow(record_denial(agent, CALL(), refused.value))


def records(world: World, **wanted: Any) -> list[AuditRecord]:
    with tenant_scope(world.tenant.id):
        return run_flow(search_records(RecordFilter(world.tenant.id, **wanted)))[0]


def seal_all() -> None:
    seal(Path(settings.HOME) / "seals")


def test_a_denial_is_found_by_facets_and_explained(console: Any, world: World) -> None:
    console.sign_in(world.member("auditor"))
    tab = console.open(world.path("audit/"))
    expect(tab.get_by_text(re.compile("1 denied"))).to_be_visible()

    tab.get_by_role("group", name="Narrow by").get_by_role("link", name="no match").click()
    tab.locator(".records-table tbody a").click()

    drawer = tab.get_by_role("complementary", name="Record")
    expect(drawer.get_by_role("heading", name="Write of EHGLP3 was denied")).to_be_visible()
    expect(drawer).to_contain_text("No role, grant or policy allows state.write here.")
    expect(drawer).to_contain_text("looker (agent, by api_key)")
    copied = tab.url
    tab.goto("about:blank")
    tab.goto(copied)
    expect(drawer.get_by_role("heading", name="Write of EHGLP3 was denied")).to_be_visible()
    expect(tab.locator(".records-table tbody tr")).to_have_count(1)


@pytest.mark.parametrize(
    "console", [pytest.param({"java_script_enabled": False}, id="no JavaScript")], indirect=True
)
def test_records_of_a_key_are_found_without_javascript(console: Any, world: World) -> None:
    console.sign_in(world.person)
    tab = console.open(world.path("audit/?range=1h"))

    tab.get_by_label("Search by").select_option("Key")
    tab.get_by_label("Key, request or run", exact=True).fill("DF89BM")
    tab.get_by_role("button", name="Find").click()

    expect(tab.locator(".records-table tbody tr")).to_have_count(1)
    assert "key=DF89BM" in tab.url
    assert "range=1h" in tab.url
    tab.get_by_text("From, to").click()
    tab.get_by_label("From, UTC").fill("2020-01-01T00:00:00")
    tab.get_by_label("To, UTC").fill("2020-01-02T00:00:00")
    tab.get_by_role("button", name="Show this time").click()
    expect(tab.get_by_role("heading", name="No record fits")).to_be_visible()


def test_a_record_is_proven_and_a_forged_one_is_not(console: Any, world: World) -> None:
    seal_all()
    written = records(world, action="state.write", outcome="allow")[0]
    console.sign_in(world.member("auditor"))
    tab = console.open(world.path(f"audit/records/{written.id}/"))
    expect(tab.get_by_text("Proven.")).to_be_visible()
    with tab.expect_download() as download:
        tab.get_by_role("link", name="Download proof").click()
    assert Path(download.value.path()).read_text().startswith("c2sp.org/tlog-proof@v1\n")

    with connect(autocommit=True) as superuser:
        superuser.execute("SET session_replication_role = replica")
        superuser.execute(
            "UPDATE stateward_audit_record SET record = "
            "convert_to(replace(convert_from(record, 'UTF8'), 'booker', 'hacker'), 'UTF8') || ' ' "
            "WHERE id = %s",
            (written.id,),
        )
    tab.reload()

    expect(tab.get_by_role("alert")).to_contain_text("This is not what was sealed.")
    expect(tab.get_by_text("Proven.")).to_have_count(0)


def test_exactly_what_is_shown_is_exported_and_verified_offline(
    console: Any, world: World, tmp_path: Path
) -> None:
    seal_all()
    console.sign_in(world.member("auditor"))
    tab = console.open(world.path("audit/?key=EHGLP3"))
    tab.get_by_text("Export 2").click()
    with tab.expect_download() as bundle:
        tab.get_by_role("button", name="Bundle, with proofs").click()
    bundle.value.save_as(tmp_path / "audit.bundle")
    console.open(world.path("seals/"))
    for name, file in (("Public keys", "audit.keys"), ("verify.py", "verify.py")):
        with tab.expect_download() as download:
            tab.get_by_role("link", name=name).click()
        download.value.save_as(tmp_path / file)
    assert (tmp_path / "verify.py").read_bytes() == Path(verify.__file__).read_bytes()

    checked = subprocess.run(
        [sys.executable, "verify.py", "audit.bundle", "--key", "audit.keys"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr
    lines = (tmp_path / "audit.bundle").read_text().splitlines()
    assert sum('"kind":"record"' in line for line in lines) == 2
    assert len(records(world, action="audit.export")) == 1


def test_older_records_come_in_pages_and_the_chart_narrows_the_time(
    console: Any, world: World
) -> None:
    for number in range(60):
        world.put(BOOKINGS, f"T{number}", number, by=world.agents["booker"])
    console.sign_in(world.person)
    tab = console.open(world.path("audit/?range=1h&action=state.write&outcome=allow"))
    expect(tab.locator(".records-table tbody tr")).to_have_count(50)
    tab.get_by_role("link", name="Older 50").click()
    expect(tab.locator(".records-table tbody tr")).to_have_count(12)
    tab.go_back()

    tab.locator("[data-brush]").scroll_into_view_if_needed()
    box = tab.locator("[data-brush]").bounding_box()
    tab.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + 20)
    tab.mouse.down()
    tab.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 20, steps=4)
    tab.mouse.up()

    expect(tab.get_by_role("heading", name="No record fits")).to_be_visible()
    assert "from=" in tab.url
    assert "range=" not in tab.url
    assert "action=state.write" in tab.url


def test_another_tenants_auditor_finds_nothing(console: Any, world: World) -> None:
    stranger = make_world("Quiet Harbour")
    written = records(world, action="state.write")[0]
    console.sign_in(stranger.person)
    console.open(world.path("audit/"), status=404)
    console.open(stranger.path(f"audit/records/{written.id}/"), status=404)

    tab = console.open(stranger.path(f"audit/?key=EHGLP3&record={written.id}"))

    expect(tab.get_by_role("heading", name="No record fits")).to_be_visible()
    assert "booker" not in tab.content()


def test_who_may_not_read_the_audit_is_refused_on_record(console: Any, world: World) -> None:
    console.sign_in(world.member("viewer"))

    tab = console.open(world.path("audit/"), status=403)

    expect(tab.get_by_role("heading", level=1)).to_have_text("You may not do this")
    assert [one.actor_name for one in records(world, action="audit.read")] == ["Vera Viewer"]


def test_names_and_keys_in_records_are_text_and_nothing_else(console: Any, world: World) -> None:
    agent = world.agent(NAUGHTY)
    world.put(BOOKINGS, NAUGHTY, {"a": NAUGHTY}, by=agent)
    written = records(world, action="state.write", outcome="allow")[0]
    console.sign_in(world.person)

    tab = console.open(world.path(f"audit/?record={written.id}"))

    drawer = tab.get_by_role("complementary", name="Record")
    expect(drawer.get_by_role("heading", level=2)).to_contain_text(NAUGHTY)
    tab.goto(f"{console.url}{world.path(f'audit/?actor={agent.id}')}")
    expect(tab.locator(".condition")).to_contain_text(NAUGHTY)
    assert tab.evaluate("window.harmed") is None

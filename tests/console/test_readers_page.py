"""Who read Mia Li's birth date, why were they allowed, is the log whole? On one screen, and proven
on another machine. And what had a run read before it wrote?
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from playwright.sync_api import expect

from stateward.gate.audit.services import flush
from stateward.kernel.errors import Forbidden, NotFound
from stateward.state.judging import record_denial
from stateward.state.queries import get_entry
from stateward.state.services.entries import Put, put_entry
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.models import Member
from stateward.tenancy.scope import run_flow, tenant_scope
from tests.audit.audit_helpers import connect, seal
from tests.console.console_world import World, booking, make_world
from tests.factories.api import Api

pytestmark = pytest.mark.browser

PASSENGERS = "airline.passengers"
NARROW = {"viewport": {"width": 390, "height": 844}, "has_touch": True}


def call(run: str = "", purpose: str = "") -> Call:
    return Call("r-mia", "192.0.2.7", run=run or None, purpose=purpose or None)


def read(world: World, who: Actor, key: str, namespace: str = PASSENGERS, **more: str) -> None:
    with tenant_scope(world.tenant.id):
        run_flow(get_entry(who, call(**more), namespace, key))


def read_in_vain(world: World, who: Actor, key: str) -> None:
    with pytest.raises((Forbidden, NotFound)) as refused:
        read(world, who, key)
    with tenant_scope(world.tenant.id):
        run_flow(record_denial(who, call(), refused.value))


@pytest.fixture
def world() -> World:
    world = make_world()
    booker, looker = world.agent("booker"), world.agent("looker", "reader")
    clerk = world.agent("clerk", "builder")
    world.namespace(PASSENGERS, classification="confidential")
    world.namespace("airline.routes")
    world.put("airline.routes", "SEA-ORD", {"miles": 1721})
    mia = {"name": "Mia Li", "birth_date": "1990-04-05"}
    world.put(PASSENGERS, "mia_li_3668", mia, by=booker)
    read(world, looker, "mia_li_3668", purpose="seat change", run="run-7")
    read(world, looker, "mia_li_3668", run="run-8")
    read_in_vain(world, clerk, "mia_li_3668")
    read(world, booker, "mia_li_3668", run="run-9")
    read(world, booker, "SEA-ORD", namespace="airline.routes", run="run-9")
    with tenant_scope(world.tenant.id):
        put = Put(booking(bags=2))
        run_flow(put_entry(booker, call(run="run-9"), PASSENGERS, "EHGLP3", put))
    flush()
    seal(Path(settings.HOME) / "seals")
    return world


def test_the_question_is_answered_on_one_screen_and_proven_elsewhere(
    console: Any, world: World, tmp_path: Path
) -> None:
    console.sign_in(world.member("auditor"))
    tab = console.open(world.path("audit/readers/"))
    tab.get_by_label("Namespace").fill(PASSENGERS)
    tab.get_by_label("Key", exact=True).fill("mia_li_3668")
    tab.get_by_label("Place in the value").fill("/birth_date")
    tab.get_by_role("button", name="Ask").click()

    expect(tab.locator(".said")).to_have_text(
        "2 principals read /birth_date 3 times in the last 30 days; 1 refused."
    )
    who = tab.locator(".answers").first
    expect(who).to_contain_text("looker")
    expect(who).to_contain_text("Allowed by the role reader.")
    expect(who).to_contain_text("Purpose given: seat change")
    expect(tab.locator(".answers").nth(1)).to_contain_text("clerk")
    expect(tab.get_by_text("Is the log whole?")).to_be_visible()
    expect(tab.get_by_text("each was walked to the signed root for this page")).to_be_visible()
    expect(tab.locator(".limits").last).to_contain_text(
        "A read of the entry is a read of all of it"
    )
    for name, many in (("Bundle of these reads", 4), ("Bundle of everything", None)):
        with tab.expect_download() as download:
            tab.get_by_role("button", name=name).click()
        verdict = verify(tab, download.value, tmp_path)
        assert verdict.startswith("VALID"), verdict
        assert many is None or f"VALID: {many} records" in verdict

    with tenant_scope(world.tenant.id):
        api = Api(Member.objects.get(id=world.owner.id))
    said = api("GET", f"/audit/readers?namespace={PASSENGERS}&key=mia_li_3668").json()
    assert [(one["name"], one["count"]) for one in said["readers"]] == [
        ("looker", 2),
        ("booker", 1),
    ]
    assert [one["name"] for one in said["refused"]] == ["clerk"]
    assert said["seal"]["proven"] == 4


def verify(tab: Any, download: Any, folder: Path) -> str:
    """As somebody would who has these three files and nothing of ours."""
    download.save_as(folder / "audit.bundle")
    for name, saved in (("verify.py", "verify.py"), ("public keys", "audit.keys")):
        with tab.expect_download() as taken:
            tab.get_by_role("link", name=name).click()
        taken.value.save_as(folder / saved)
    done = subprocess.run(
        [sys.executable, "-I", "verify.py", "audit.bundle", "--key", "audit.keys"],
        cwd=folder, env={}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr


def test_an_altered_read_is_told_on_the_same_screen(console: Any, world: World) -> None:
    with connect(autocommit=True) as superuser:
        superuser.execute(
            "UPDATE stateward_audit_record SET record ="
            " convert_to(replace(convert_from(record, 'UTF8'), 'looker', 'nobody') || ' ', 'UTF8')"
            " WHERE tenant_id = %s AND run = 'run-8'",
            (world.tenant.id,),
        )
    console.sign_in(world.person)
    tab = console.open(world.path(f"audit/readers/?namespace={PASSENGERS}&key=mia_li_3668"))

    expect(tab.get_by_text("1 of these records is not what was sealed.")).to_be_visible()


def test_what_a_run_had_read_before_it_wrote(console: Any, world: World) -> None:
    console.sign_in(world.person)
    tab = console.open(world.path("audit/?run=run-9&action=state.write"))
    tab.locator(".records-table tbody a").first.click()
    tab.get_by_role("link", name="What it had read before").click()

    expect(tab.locator(".said")).to_contain_text("1 recorded read in run run-9")
    expect(tab.locator(".steps")).to_contain_text("mia_li_3668")
    expect(tab.locator(".limits")).to_contain_text("booker made 1 more read of public or internal")


def test_another_tenant_sees_nothing(console: Any, world: World) -> None:
    other = make_world("Other Air")
    console.sign_in(other.person)
    console.open(world.path(f"audit/readers/?namespace={PASSENGERS}&key=mia_li_3668"), status=404)
    tab = console.open(other.path(f"audit/readers/?namespace={PASSENGERS}&key=mia_li_3668"))

    expect(tab.locator(".said")).to_contain_text("Nobody is on record to have read it")


@pytest.mark.parametrize(
    "console", [{"color_scheme": "light"}, {"color_scheme": "dark"}, NARROW], indirect=True
)
def test_the_pages_are_sound(console: Any, world: World, request: pytest.FixtureRequest) -> None:
    console.sign_in(world.person)
    tab = console.open(
        world.path(f"audit/readers/?namespace={PASSENGERS}&key=mia_li_3668&pointer=/birth_date")
    )
    tab.locator(".answers summary").first.click()
    _shoot(tab, "readers", request)
    assert console.overflow() <= 0
    assert console.axe() == []
    console.open(world.path("audit/?run=run-9&action=state.write"))
    tab.locator(".records-table tbody a").first.click()
    tab.get_by_role("link", name="What it had read before").click()
    expect(tab.locator(".steps")).to_be_visible()
    _shoot(tab, "lineage", request)
    assert console.overflow() <= 0
    assert console.axe() == []


def _shoot(tab: Any, name: str, request: pytest.FixtureRequest) -> None:
    if shots := os.environ.get("STATEWARD_SHOTS"):
        tab.screenshot(path=f"{shots}/{name}-{request.node.callspec.id}.png", full_page=True)

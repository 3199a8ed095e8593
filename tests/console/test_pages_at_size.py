"""A tenant of 100,000 entries: its people's tasks done once more, and another tenant's person sees
nothing of it.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import expect

from stateward.kernel.ids import uuid7
from stateward.operations.backups.models import Restore
from stateward.state.entries import Principal
from stateward.tenancy.models import Member, Tenant
from stateward.tenancy.scope import tenant_scope
from tests.assist.model_server import model_server
from tests.console.console_world import World, make_world
from tests.console.test_alert_pages import owner_api, refused
from tests.console.test_backup_pages import work
from tests.console.test_compliance_pages import api_of, carry_newest
from tests.factories.api import Api
from tests.factories.filling import fill

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("pages at size")]

MANY = 100_000
CASES = "airline.cases"
ODD = {
    "summary": "One of the cases looked at is unlike the others.",
    "points": [{"text": "Its number is far off.", "severity": "high", "entries": ["e1"]}],
}


@cache
def large() -> World:
    """Made once; each test changes something of its own in it."""
    world = make_world()
    desk = world.agent("desk")
    by = Principal(desk.type, desk.id, desk.name)
    namespace = world.namespace(CASES)
    fill(world.tenant.id, namespace.id, by, MANY)
    return world


@cache
def other() -> World:
    return make_world("Other Air")


def status_for_others(path: str) -> int:
    """What a person of another tenant is answered under this tenant's address."""
    client = Client()
    client.force_login(other().person)
    return client.get(large().path(path)).status_code


@pytest.mark.usefixtures("database")
def test_compliance(console: Any) -> None:
    world = large()
    api = api_of(world)
    console.sign_in(world.person)
    tab = console.open(world.path("compliance/checks/C18/"))

    tab.get_by_role("button", name="Scan C18 again").click()
    carry_newest(world)
    found = api("GET", "/compliance/findings?check=C18").json()["items"]
    assert found  # entries filled in behind the gate's back: no record speaks of them
    console.open(world.path("compliance/checks/C18/"))
    # A few more where other tests of this file have written before.
    expect(tab.get_by_text(re.compile(r"100,0\d\d")).first).to_be_visible()
    console.open(world.path("compliance/?check=C18"))
    tab.get_by_role("link", name=CASES).click()
    tab.get_by_role("link", name="Assign").click()
    tab.get_by_label("Owner").select_option(label="Ines Okafor")
    tab.get_by_label("Status").select_option("in_progress")
    tab.get_by_role("button", name="Save assignment").click()
    expect(tab.locator(".said")).to_contain_text("Ines Okafor is to mend it")

    after = api("GET", f"/compliance/findings/{found[0]['id']}").json()
    assert (after["status"], after["owner"]["name"]) == ("in_progress", "Ines Okafor")
    assert status_for_others(f"compliance/findings/{found[0]['id']}/") == 404
    assert api_of(other())("GET", "/compliance/findings?check=C18").json()["items"] == []


@pytest.mark.usefixtures("database")
def test_alerts(console: Any) -> None:
    world = large()
    alert = refused(world)
    console.sign_in(world.person)
    tab = console.open(world.path("alerts/"))

    tab.get_by_role("link", name="booker was refused 21 times, on many different things.").click()
    tab.get_by_role("link", name="Pause booker…").click()
    tab.get_by_role("dialog").get_by_role("button", name="Pause 1 agent").click()
    expect(tab.get_by_text("booker is paused: its next call is refused.")).to_be_visible()

    agent = owner_api(world)("GET", f"/agents/{world.agents['booker'].id}").json()
    assert agent["status"] == "paused"
    assert status_for_others(f"alerts/{alert.id}/") == 404


@pytest.mark.usefixtures("database")
def test_backup_and_restore(console: Any) -> None:
    world, slug = large(), f"r-{uuid7()}"
    console.sign_in(world.person)
    tab = console.open(world.path("backups/"))
    tab.get_by_role("button", name="Back up now").click()
    expect(tab.get_by_text("is queued")).to_be_visible()
    work(world)

    tab = console.open(world.path("backups/"))
    tab.get_by_role("link", name="Restore…").click()
    tab.get_by_label("Tenant to restore into").fill(slug)
    tab.get_by_role("button", name="Show the plan").click()
    tab.get_by_label("to confirm").fill(slug)
    tab.get_by_role("button", name="Restore 100,000 entries").click()
    tab.wait_for_url(lambda url: ("/restore" in url and "?into" not in url) or "/jobs/" in url)
    work(world)

    with tenant_scope(world.tenant.id):
        restore = Restore.objects.get(tenant=world.tenant)
    tab = console.open(world.path(f"backups/restores/{restore.id}"))
    expect(tab.get_by_text("100,000 living entries stand in")).to_be_visible()
    made = Tenant.objects.get(slug=slug)
    with tenant_scope(made.id):
        restored = Api(Member.objects.select_related("tenant").filter(tenant=made).first())
    assert restored("GET", f"/namespaces/{CASES}").status_code == 200
    assert status_for_others(f"backups/restores/{restore.id}") == 404


@pytest.mark.usefixtures("database")
def test_a_models_help(console: Any, settings: Any) -> None:
    world = large()
    with model_server() as model:
        settings.ASSIST_URL, settings.ASSIST_MODEL = model.url, "scripted-1"
        settings.ASSIST_PRIVATE_HOSTS = ["127.0.0.1"]
        model.answers = [ODD]
        console.sign_in(world.person)
        tab = console.open(world.path(f"namespaces/{CASES}/"))
        tab.get_by_role("link", name="Find anomalies").click()
        tab.get_by_role("button", name="Ask scripted-1").click()

        answer = tab.get_by_role("region", name="A machine’s words")
        expect(answer).to_contain_text("Its number is far off.")
        answer.get_by_role("link", name="case-").first.click()
        expect(tab.get_by_role("heading", level=1)).to_contain_text("case-")
        assert len(model.texts) < 400_000  # a part of them was sent, never the whole namespace
        key = tab.get_by_role("heading", level=1).inner_text().strip()

    assert world.put(CASES, key, {"seen": True}).version == 2
    assert status_for_others(f"namespaces/{CASES}/") == 404
    assert status_for_others(f"namespaces/{CASES}/entries/{key}") == 404

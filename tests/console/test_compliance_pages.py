"""Compliance as people use it: the admin works on findings, the auditor reads, others do not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from playwright.sync_api import expect

from governance.compliance.models import Scan
from stateward.kernel.clock import now
from stateward.operations.jobs.registry import jobs
from stateward.tenancy.scope import tenant_scope
from tests.compliance.furnishing import furnished
from tests.console.console_world import World, make_world
from tests.console.test_tenant_pages_quality import is_of_transactions
from tests.factories.api import Api
from tests.factories.jobs import carry
from tests.factories.tenants import make_member

pytestmark = pytest.mark.browser

PAGES = [
    "compliance/",
    "compliance/?status=accepted&severity=high",
    "compliance/findings/{finding}/",
    "compliance/findings/{accepted}/",
    "compliance/findings/{finding}/work",
    "compliance/findings/{finding}/accept",
    "compliance/exceptions/{exception}/withdraw",
    "compliance/checks/",
    "compliance/checks/C01/",
    "compliance/frameworks/",
    "compliance/frameworks/soc2/",
    "compliance/report/",
]
MOST_QUERIES = 15


def api_of(world: World) -> Api:
    return Api(make_member(world.tenant, "admin"))


def carry_newest(world: World) -> None:
    """What a worker would do with the scan that was asked for."""
    with tenant_scope(world.tenant.id):
        run_id = Scan.objects.filter(tenant_id=world.tenant.id).order_by("-id").first()
    assert run_id is not None
    assert carry(UUID(str(run_id.run_id)), jobs()["compliance.scan"].work)


@pytest.mark.parametrize("part", [PAGES[0::2], PAGES[1::2]], ids=["even", "odd"])
def test_pages_are_accessible_and_never_wider_than_their_window(
    console: Any, part: list[str]
) -> None:
    world, ids = furnished()
    console.sign_in(world.person)
    faults = {}

    for path in part:
        console.open(world.path(path.format(**ids)))
        heavy = console.weight() > 150 * 1024
        if found := [*console.faults(), *(["too heavy"] if heavy else [])]:
            faults[path] = found

    assert faults == {}


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.usefixtures("database")
def test_pages_ask_the_database_little(path: str) -> None:
    world, ids = furnished()
    client = Client()
    client.force_login(world.person, settings.AUTHENTICATION_BACKENDS[0])
    address = world.path(path.format(**ids))
    client.get(address)

    with CaptureQueriesContext(connection) as asked:
        answer = client.get(address)

    assert answer.status_code == 200
    queries = [one["sql"] for one in asked if not is_of_transactions(one["sql"])]
    assert len(queries) <= MOST_QUERIES, "\n".join(queries)
    assert not [one for one in queries if "COUNT(" in one.upper() and "FROM sample" not in one]


def test_an_admin_scans_assigns_mends_and_sees_it_resolved(console: Any) -> None:
    world = make_world()
    agent = world.agent("booker")
    api = api_of(world)
    console.sign_in(world.person)
    tab = console.open(world.path("compliance/"))
    expect(tab.locator(".said")).to_contain_text("Nothing was scanned yet")

    tab.get_by_role("button", name="Scan every check").click()
    carry_newest(world)
    tab = console.open(world.path("compliance/?check=C25"))
    tab.get_by_role("link", name="booker").click()
    expect(tab.locator(".said")).to_contain_text("It has no owner, no purpose.")
    tab.get_by_role("link", name="Assign").click()
    due = (now() + timedelta(days=20)).date().isoformat()
    tab.get_by_label("Owner").select_option(label="Ines Okafor")
    tab.get_by_label("Due").fill(due)
    tab.get_by_label("Status").select_option("in_progress")
    tab.get_by_role("button", name="Save assignment").click()
    expect(tab.locator(".said")).to_contain_text("Ines Okafor is to mend it")

    found = api("GET", "/compliance/findings?check=C25").json()["items"][0]
    assert (found["status"], found["due_on"]) == ("in_progress", due)
    assert found["owner"]["name"] == "Ines Okafor"
    change = {"purpose": "Books flights", "owner": str(world.owner.id)}
    assert api("PATCH", f"/agents/{agent.id}", change).status_code == 200
    tab.get_by_role("button", name="Scan C25 again").click()
    carry_newest(world)
    console.open(world.path(f"compliance/findings/{found['id']}/"))
    expect(tab.locator(".said")).to_contain_text("No longer found")
    after = api("GET", f"/compliance/findings/{found['id']}").json()
    assert [step["event"] for step in after["history"]] == ["opened", "changed", "resolved"]


def test_a_risk_is_accepted_with_its_consequences_in_sight_and_taken_back(console: Any) -> None:
    world = make_world()
    api = api_of(world)
    console.sign_in(world.person)
    console.open(world.path("compliance/"))
    console.tab.get_by_role("button", name="Scan every check").click()
    carry_newest(world)
    found = api("GET", "/compliance/findings?check=C08&status=open").json()["items"][0]
    tab = console.open(world.path(f"compliance/findings/{found['id']}/accept"))
    expect(tab.locator(".consequence")).to_contain_text("Nothing is mended by this")

    console.expected.add(422)
    tab.get_by_label("Reason").fill("too short")
    tab.get_by_role("button", name="Accept 1 risk").click()
    expect(tab.locator(".fault")).to_contain_text("10 to 2,000 characters")
    until = (now() + timedelta(days=30)).date().isoformat()
    tab.get_by_label("Reason").fill("Owners answer for the tenant; we are three people.")
    tab.get_by_label("Accepted until").fill(until)
    tab.get_by_role("button", name="Accept 1 risk").click()
    expect(tab.locator(".said")).to_contain_text("The risk is accepted until")

    accepted = api("GET", f"/compliance/findings/{found['id']}").json()
    assert accepted["status"] == "accepted"
    assert accepted["accepted_until"].startswith(until)
    tab.get_by_role("link", name="Withdraw…").click()
    tab.get_by_role("button", name="Withdraw 1 exception").click()
    expect(tab.locator(".said")).to_contain_text("nobody is to mend it yet")
    again = api("GET", f"/compliance/findings/{found['id']}").json()
    assert (again["status"], again["exceptions"][0]["ended_as"]) == ("open", "withdrawn")


def test_the_filter_stands_in_the_address_and_numbers_lead_to_what_they_count(console: Any) -> None:
    world, _ = furnished()
    console.sign_in(world.person)
    tab = console.open(world.path("compliance/"))

    tab.locator(".matrix a").first.click()
    rows = tab.locator("tbody tr:has(.under)")
    count = rows.count()
    assert "severity=high" in tab.url
    assert "status=open" in tab.url
    address = tab.url
    tab.get_by_role("link", name="severity: high").click()
    assert "severity" not in tab.url
    assert rows.count() > count
    tab.go_back()

    assert tab.url == address
    assert rows.count() == count


def test_an_auditor_reads_everything_and_is_offered_nothing_to_change(console: Any) -> None:
    world, ids = furnished()
    console.sign_in(world.member("auditor", name="Ada Auditor"))

    tab = console.open(world.path(f"compliance/findings/{ids['finding']}/"))
    expect(tab.locator("h1")).to_have_text("Ines Okafor")
    assert tab.get_by_role("link", name="Assign").count() == 0
    assert tab.get_by_role("button", name="Scan C01 again").count() == 0
    tab = console.open(world.path("compliance/report/"))
    with tab.expect_download() as download:
        tab.get_by_role("link", name="PDF").click()

    assert download.value.suggested_filename.endswith(".pdf")


def test_nobody_else_sees_any_of_it(console: Any) -> None:
    world, ids = furnished()
    other = make_world("Another tenant")
    console.sign_in(world.member("viewer"))
    console.open(world.path("compliance/"), status=403)
    console.sign_in(other.person)

    console.open(other.path(f"compliance/findings/{ids['finding']}/"), status=404)
    console.open(other.path(f"compliance/exceptions/{ids['exception']}/withdraw"), status=404)
    tab = console.open(other.path("compliance/"))

    expect(tab.locator("main")).not_to_contain_text("booker")


@pytest.mark.parametrize("console", [{"java_script_enabled": False}], indirect=True)
def test_reading_and_assigning_need_no_javascript(console: Any) -> None:
    world, ids = furnished()
    console.sign_in(world.person)

    tab = console.open(world.path(f"compliance/findings/{ids['finding']}/"))
    tab.get_by_role("link", name="Assign").click()
    tab.get_by_role("button", name="Save assignment").click()

    expect(tab.locator("h1")).to_have_text("Ines Okafor")

"""Capacity in the console: what the operator plans with, read back through the API."""

from __future__ import annotations

import csv
import io
from functools import cache
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from playwright.sync_api import expect

from governance.capacity.services import keep_report
from governance.retention.services.holds import place_hold
from stateward.kernel.clock import now
from stateward.operations.metrics.storage import measure
from stateward.tenancy.scope import run_flow, tenant_scope
from tests.console.console_world import CALL, World, make_world
from tests.console.metrics_world import furnished, past_days
from tests.console.test_tenant_pages_quality import is_of_transactions
from tests.factories.api import Api
from tests.factories.tenants import make_member
from tests.patience import in_time

pytestmark = pytest.mark.browser


def client_of(world: World, person: Any = None) -> Client:
    client = Client()
    client.force_login(person or world.person, settings.AUTHENTICATION_BACKENDS[0])
    return client


def get(world: World, path: str, person: Any = None) -> str:
    answer = client_of(world, person).get(world.path(path))
    assert answer.status_code == 200
    return str(answer.content.decode())


@pytest.fixture
def world(database: None) -> World:
    return furnished()


@pytest.fixture
def grown(database: None) -> World:
    """A tenant with two months behind it; whoever changes its entries makes another."""
    return _grown()


@cache
def _grown() -> World:
    return grow()


def grow() -> World:
    world = make_world()
    world.namespace("airline.bookings")
    for number in range(5):
        world.put("airline.bookings", f"B{number}", {"n": number})
    with tenant_scope(world.tenant.id):
        run_flow(measure(world.tenant.id))
    past_days(world.tenant, 60)
    return world


def test_the_operator_sets_a_quota_and_reads_when_it_is_reached(console: Any) -> None:
    world = make_world()
    world.namespace("airline.bookings")
    for number in range(5):
        world.put("airline.bookings", f"B{number}", {"n": number, "pad": "x" * 200})
    with tenant_scope(world.tenant.id):
        run_flow(measure(world.tenant.id))
    past_days(world.tenant, 60)
    console.sign_in(world.person)
    tab = console.open(world.path("capacity/"))
    expect(tab.locator(".said")).to_contain_text("nothing runs out within two years")

    tab.get_by_role("link", name="Set quota").click()
    assert console.axe() == []
    tab.get_by_label("Bytes").fill("4000")
    tab.get_by_role("button", name="Save quota").click()

    expect(tab.locator(".said")).to_contain_text("the quota of bytes lasts until")
    expect(tab.locator(".js-plotly-plot .scatterlayer .trace")).to_have_count(5)
    assert console.axe() == []
    found = Api(make_member(world.tenant, "auditor"))("GET", "/capacity").json()
    assert found["quota"] == {"entries": None, "bytes": 4000}
    day = now().date().fromisoformat(found["exhausted_on"])
    expect(tab.locator(".said")).to_contain_text(f"{day:%-d %b %Y}")


def test_the_table_and_the_csv_have_the_forecast(grown: World) -> None:
    answer = client_of(grown).get(grown.path("capacity/capacity.csv"))
    rows = list(csv.reader(io.StringIO(b"".join(answer).decode())))

    assert rows[0] == [
        "day", "entries", "value_bytes", "history_bytes", "low", "expected", "high",
    ]  # fmt: skip
    assert len(rows) == 1 + 61 + 90
    low, expected, high = (int(cell) for cell in rows[-1][4:])
    assert low <= expected <= high
    assert rows[61][0] == now().date().isoformat()


def test_with_little_history_the_page_says_what_it_needs(database: None) -> None:
    world = make_world()

    assert "Nothing was measured yet" in get(world, "capacity/")
    with tenant_scope(world.tenant.id):
        run_flow(measure(world.tenant.id))
    page = get(world, "capacity/")

    assert "can be said after 13 more measured days" in page
    assert "not enough history" in page


def test_what_a_rule_would_save_is_retentions_own_count(database: None) -> None:
    grown = grow()
    with tenant_scope(grown.tenant.id), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE stateward_entry SET updated_at = updated_at - interval '40 days',"
            " created_at = created_at - interval '40 days' WHERE key < 'B3'"
        )

    page = get(grown, "capacity/?namespace=airline.bookings&days=30")

    assert "3 entries with " in page
    assert "of growth" in page
    assert "retention/new?kind=delete&amp;namespace=airline.bookings&amp;days=30" in page
    assert "older than 300 days" in get(grown, "capacity/?namespace=airline.bookings&days=300")
    with tenant_scope(grown.tenant.id), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM stateward_entry WHERE is_alive")
        assert cursor.fetchone() == (5,)


def test_what_retention_refuses_is_said(grown: World) -> None:
    page = get(grown, "capacity/?namespace=Not+A+Name&days=1")

    assert "note warn" in page


def test_what_is_held_stays_and_is_said(database: None) -> None:
    world = grow()
    place_hold(world.owner, CALL(), matter="M-1", reason="Asked for.", namespace="airline.bookings")
    with tenant_scope(world.tenant.id), connection.cursor() as cursor:
        cursor.execute("UPDATE stateward_entry SET updated_at = updated_at - interval '40 days'")

    page = get(world, "capacity/?namespace=airline.bookings&days=30")

    assert "5 entries are older than 30 days, and held or retained" in page


@pytest.mark.parametrize("query", ["namespace=&days=1", "namespace=x&days=0", "namespace=x&days=a"])
def test_what_is_no_rule_is_said_at_its_field(grown: World, query: str) -> None:
    assert 'aria-invalid="true"' in get(grown, f"capacity/?{query}")


def test_a_report_is_kept_and_shown(grown: World) -> None:
    with tenant_scope(grown.tenant.id):
        report_id, body, _ = keep_report(grown.tenant.id, grown.tenant.slug)

    assert f"capacity/reports/{report_id}/" in get(grown, "capacity/")
    page = get(grown, f"capacity/reports/{report_id}/")

    assert "airline.bookings" in page
    assert f"{body['measured_days']}" in page


def test_who_may_not_set_the_quota_is_not_offered_to(grown: World) -> None:
    viewer = grown.member("viewer")

    page = get(grown, "capacity/", viewer)
    refused = client_of(grown, viewer).post(grown.path("capacity/quota"), {"bytes": "5"})

    assert "Set quota" not in page
    assert "You may not look at retention" in page
    assert refused.status_code == 403


def test_the_second_tenant_sees_none_of_it(grown: World) -> None:
    other = make_world("Other Air")
    with tenant_scope(grown.tenant.id):
        report_id, _, _ = keep_report(grown.tenant.id, grown.tenant.slug)

    assert "airline." not in get(other, "capacity/")
    for path in ("capacity/", "capacity/quota", f"capacity/reports/{report_id}/"):
        assert client_of(other).get(grown.path(path)).status_code == 404
    assert client_of(other).get(other.path(f"capacity/reports/{report_id}/")).status_code == 404


def test_the_page_takes_few_queries(world: World) -> None:
    client = client_of(world)
    client.get(world.path("capacity/"))

    with CaptureQueriesContext(connection) as asked:
        client.get(world.path("capacity/"))

    queries = [one["sql"] for one in asked if not is_of_transactions(one["sql"])]
    assert len(queries) <= 15, "\n".join(sql[:120] for sql in queries)


def test_a_hundred_thousand_entries_are_measured_once_and_pages_stay_quick(
    database: None,
) -> None:
    world = make_world()
    namespace = world.namespace("bulk")
    with tenant_scope(world.tenant.id), connection.cursor() as cursor:
        for table, columns, values in (
            (
                "entry",
                "version, is_alive, write_id, updated_at",
                "1, true, gen_random_uuid(), clock_timestamp()",
            ),
            (
                "revision",
                "at, id, version, operation",
                "clock_timestamp(), gen_random_uuid(), 1, 'put'",
            ),
        ):
            cursor.execute(
                f"INSERT INTO stateward_{table} (tenant_id, namespace_id, key, size_bytes, labels,"
                f" created_at, actor_type, actor_id, actor_name, {columns}) SELECT %s, %s,"
                f" 'k' || n, 100, '{{}}', clock_timestamp(), 'agent', %s, 'booker', {values}"
                " FROM generate_series(1, 100000) n",
                (world.tenant.id, namespace.id, world.owner.id),
            )
        begun = now()
        assert run_flow(measure(world.tenant.id))
        took = now() - begun

    page = get(world, "capacity/")
    storage = get(world, "metrics/storage/")

    assert in_time(took.total_seconds(), 5)
    assert "19.1" in page
    assert "100,000 entries" in page
    assert "bulk" in storage

"""Bounds, rate limits and analytics in the console."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from stateward.operations.metrics.analytics import analyse
from stateward.operations.metrics.storage import measure
from stateward.state.usage import USAGE, add_usage
from stateward.tenancy.scope import run_flow, tenant_scope
from tests.console.console_world import World, make_world
from tests.console.test_tenant_pages_quality import is_of_transactions
from tests.factories.api import Api
from tests.factories.tenants import make_agent, make_member

pytestmark = pytest.mark.browser
SPACE = "airline.bookings"


@pytest.fixture
def world(database: None) -> World:
    USAGE.forget()
    world = make_world()
    world.namespace(SPACE)
    for number in range(6):
        for _ in range(number + 1):
            world.put(SPACE, f"B{number}", {"note": "x" * 40 * number})
    run_flow(add_usage())
    with tenant_scope(world.tenant.id):
        run_flow(measure(world.tenant.id))
        run_flow(analyse(world.tenant.id))
    return world


def client_of(world: World, person: Any = None) -> Client:
    client = Client()
    client.force_login(person or world.person, settings.AUTHENTICATION_BACKENDS[0])
    return client


def get(world: World, path: str, person: Any = None, *, status: int = 200) -> str:
    answer = client_of(world, person).get(world.path(path))
    assert answer.status_code == status, answer.content
    return str(answer.content.decode())


def test_analytics_shows_figures_tables_and_keys(world: World) -> None:
    page = get(world, f"namespaces/{SPACE}/analytics")

    for title in ("Growth", "Use", "What writing costs", "Hottest keys", "Largest keys"):
        assert title in page
    assert "21 writes" in page
    assert page.index(">B5<") < page.index(">B4<")
    assert "No key is dead" in page


def test_a_figures_numbers_are_all_in_its_csv(world: World) -> None:
    answer = client_of(world).get(world.path(f"namespaces/{SPACE}/analytics/use.csv?days=7"))

    rows = list(csv.DictReader(io.StringIO(b"".join(answer).decode("utf-8-sig"))))
    assert len(rows) == 7
    assert float(rows[-1]["writes"]) == 21
    assert client_of(world).get(
        world.path(f"namespaces/{SPACE}/analytics/other.csv")
    ).status_code == 404  # fmt: skip


def test_a_page_asks_few_questions(world: World) -> None:
    for path in (f"namespaces/{SPACE}/analytics", f"namespaces/{SPACE}/bounds"):
        client = client_of(world)
        client.get(world.path(path))
        with CaptureQueriesContext(connection) as asked:
            client.get(world.path(path))
        real = [one for one in asked.captured_queries if not is_of_transactions(one["sql"])]
        assert len(real) <= 15, [one["sql"][:90] for one in real]


def test_bounds_are_set_on_their_page(world: World) -> None:
    path = world.path(f"namespaces/{SPACE}/bounds")
    client = client_of(world)

    refused = client.post(path, {"keep_revisions": "0"})
    saved = client.post(path, {"keep_revisions": "3", "entries": "500", "compress_after_days": "9"})

    assert (refused.status_code, saved.status_code) == (422, 302)
    page = get(world, f"namespaces/{SPACE}/bounds")
    assert 'value="500"' in page
    assert "1 % of its quota is used" in page


def test_who_may_not_change_bounds_sees_no_button(world: World) -> None:
    viewer = make_member(world.tenant, "viewer").person

    page = get(world, f"namespaces/{SPACE}/bounds", viewer)
    answer = client_of(world, viewer).post(
        world.path(f"namespaces/{SPACE}/bounds"), {"entries": "5"}
    )

    assert "You may look here, not change." in page
    assert answer.status_code == 403


def test_limits_of_tenant_and_key_are_set_on_their_pages(world: World) -> None:
    agent = Api(make_agent(world.tenant, "reader", name="searcher"))
    client = client_of(world)
    key = world.path(f"agents/keys/{agent.key.id}/limit")

    half = client.post(key, {"requests_per_second": "5"})
    saved = client.post(key, {"requests_per_second": "5", "burst": "10"})
    tenant = client.post(world.path("capacity/limit"), {"requests_per_second": "50", "burst": "99"})

    assert (half.status_code, saved.status_code, tenant.status_code) == (422, 302, 302)
    assert "5 requests a second, 10 at once." in get(world, f"agents/keys/{agent.key.id}/limit")
    assert "50 requests a second, 99 at once." in get(world, "capacity/limit")
    assert agent("GET", "/namespaces").headers["RateLimit-Policy"] == (
        '"credential";q=10;w=2, "tenant";q=99;w=2'
    )


def test_the_quota_page_says_what_is_used_and_makes_it_a_wall(world: World) -> None:
    path = world.path("capacity/quota")
    client = client_of(world)

    half = client.post(path, {"writes_per_day": "9"})
    saved = client.post(path, {"entries": "6", "refuses": "on"})

    assert (half.status_code, saved.status_code) == (422, 302)
    page = get(world, "capacity/quota")
    assert "Writes past it are refused." in page
    assert "6 entries" in page


def test_another_tenants_namespace_and_key_are_not_there(world: World, database: None) -> None:
    other = make_world()
    other.namespace("their.own")
    key = Api(make_agent(other.tenant, "reader")).key.id

    for path in (
        "namespaces/their.own/analytics",
        "namespaces/their.own/bounds",
        f"agents/keys/{key}/limit",
    ):
        get(world, path, status=404)


def test_the_pages_are_accessible_and_fit(world: World, console: Any) -> None:
    agent = Api(make_agent(world.tenant, "reader", name="searcher"))
    console.sign_in(world.person)
    faults: dict[str, Any] = {}
    for place in (
        f"namespaces/{SPACE}/analytics",
        f"namespaces/{SPACE}/bounds",
        f"agents/keys/{agent.key.id}/limit",
        "capacity/limit",
        "capacity/quota",
    ):
        console.open(world.path(place))
        if found := console.faults():
            faults[place] = found
        console.tab.set_viewport_size({"width": 320, "height": 800})
        if over := console.overflow():
            faults[f"{place} at 320"] = over
        console.tab.set_viewport_size({"width": 1440, "height": 900})

    assert faults == {}

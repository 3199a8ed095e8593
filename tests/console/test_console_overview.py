"""The first page says how things stand, and is true."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from playwright.sync_api import expect

from stateward.gate.audit.record import append, compose
from stateward.kernel.clock import now
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.models import Person, Tenant
from stateward.tenancy.scope import run_flow, tenant_scope
from stateward.web.metrics import BUCKETS, Recorder, add_metrics
from tests.factories.tenants import make_agent, make_key, make_member, make_person, make_tenant

pytestmark = pytest.mark.browser
NOT_OURS = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE", "SELECT set_config", "usersessions")
MOST_QUERIES = 15


def make_owner(*roles: str) -> tuple[Tenant, Person]:
    tenant, person = make_tenant(name="Meridian Air"), make_person(name="Ines Okafor")
    make_member(tenant, *(roles or ("owner",)), person=person)
    return tenant, person


def measure(tenant: Tenant, **series: int) -> None:
    """So many events of each series, two milliseconds each, in the present minute."""
    recorder = Recorder()
    for name, count in series.items():
        for _ in range(count):
            recorder.note(tenant.id, name, 0.002)  # type: ignore[arg-type]  # a series' name
    run_flow(add_metrics(recorder))


def measure_past(tenant: Tenant, series: str, count: int, ago: timedelta) -> None:
    with tenant_scope(tenant.id), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO stateward_metric_minute VALUES (%s, %s, %s, '', %s, 1, %s)",
            (
                tenant.id,
                now().replace(second=0, microsecond=0) - ago,
                series,
                count,
                [count] + [0] * (BUCKETS - 1),
            ),
        )


def govern(tenant: Tenant, person: Person, action: str, **details: Any) -> None:
    actor = Actor("member", person.id, str(person), tenant.id, tenant.slug, ("owner",))
    draft = compose(
        actor=actor,
        call=Call(request_id="r-1"),
        action=action,
        resource_type=action.partition(".")[0],
        resource_id="x",
        extra=details,
    )
    with tenant_scope(tenant.id):
        run_flow(append(draft))


def get(person: Person, path: str) -> str:
    client = Client()
    client.force_login(person)
    answer = client.get(path)
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_the_figures_count_what_was_measured(database: None) -> None:
    tenant, person = make_owner()
    measure(tenant, writes=40, reads=55, denials=5)
    measure_past(tenant, "writes", 20, timedelta(hours=30))

    page = get(person, f"/t/{tenant.slug}/")

    assert '<span class="value">40</span>' in page
    assert "2 times yesterday" in page
    assert '<span class="value">5<small>%</small></span>' in page
    assert "5 requests were denied in 24 h" in page


def test_another_tenants_traffic_is_not_counted(database: None) -> None:
    tenant, person = make_owner()
    measure(make_tenant(), writes=40)

    page = get(person, f"/t/{tenant.slug}/")

    assert '<span class="value">40</span>' not in page
    assert "There is nothing to draw yet" in page


def test_the_range_is_in_the_address_and_the_csv_has_the_same(database: None) -> None:
    tenant, person = make_owner()
    measure(tenant, writes=3)

    page = get(person, f"/t/{tenant.slug}/?range=1h")
    client = Client()
    client.force_login(person)
    csv = b"".join(client.get(f"/t/{tenant.slug}/traffic.csv?range=1h")).decode()

    assert "traffic.csv?range=1h" in page
    assert csv.startswith("time,writes,reads,denials,write_p50_ms,write_p99_ms")
    assert sum(int(line.split(",")[1]) for line in csv.splitlines()[1:]) == 3


def test_governance_is_told_and_traffic_of_state_is_not(database: None) -> None:
    tenant, person = make_owner()
    govern(tenant, person, "policy.activate", name="refund-limits", version=12)
    govern(tenant, person, "state.write", name="not-shown")

    page = get(person, f"/t/{tenant.slug}/")

    assert "<b>refund-limits</b> policy activated" in page
    assert "version 12" in page
    assert "not-shown" not in page


def test_who_may_not_read_the_audit_is_told_so_instead(database: None) -> None:
    tenant, person = make_owner("viewer")
    govern(tenant, person, "policy.activate", name="refund-limits")

    page = get(person, f"/t/{tenant.slug}/")

    assert "You may not read the audit" in page
    assert "refund-limits" not in page


def test_keys_that_end_soon_are_named(database: None) -> None:
    tenant, person = make_owner()
    make_key(make_agent(tenant, name="booker"), expires_at=now() + timedelta(days=2))
    make_key(make_agent(tenant, name="rebooker"), expires_at=now() + timedelta(days=20))

    page = get(person, f"/t/{tenant.slug}/")

    assert "<b>booker</b>" in page
    assert "<b>rebooker</b>" not in page


def test_the_page_takes_few_queries_at_any_range(database: None) -> None:
    tenant, person = make_owner()
    govern(tenant, person, "policy.activate", name="refund-limits")
    client = Client()
    client.force_login(person)
    client.get(f"/t/{tenant.slug}/")

    with CaptureQueriesContext(connection) as caught:
        client.get(f"/t/{tenant.slug}/?range=7d")

    own = [one["sql"] for one in caught.captured_queries]
    own = [sql for sql in own if not any(word in sql[:60] for word in NOT_OURS)]
    assert len(own) <= MOST_QUERIES, "\n".join(sql[:120] for sql in own)


@pytest.mark.parametrize(
    "console", [{"color_scheme": "light"}, {"color_scheme": "dark"}], indirect=True
)
def test_figures_are_drawn_under_the_strict_policy_and_have_tables(console: Any) -> None:
    tenant, person = make_owner()
    measure(tenant, writes=40, reads=55, denials=5)
    measure_past(tenant, "writes", 20, timedelta(hours=3))
    console.sign_in(person)

    console.open(f"/t/{tenant.slug}/")

    expect(console.tab.locator(".js-plotly-plot .scatterlayer .trace")).to_have_count(7)
    assert console.axe() == []
    console.tab.get_by_role("radio", name="Table").first.check(force=True)
    expect(console.tab.get_by_role("table", name="Writes, reads and denials")).to_be_visible()
    assert console.axe() == []


@pytest.mark.parametrize("console", [{"java_script_enabled": False}], indirect=True)
def test_without_javascript_the_figures_are_tables(console: Any) -> None:
    tenant, person = make_owner()
    measure(tenant, writes=40)
    console.sign_in(person)

    console.open(f"/t/{tenant.slug}/")

    expect(console.tab.get_by_role("table", name="Writes, reads and denials")).to_be_visible()
    expect(console.tab.get_by_role("button", name="Switch between light and dark")).to_be_hidden()


def test_parts_refresh_by_themselves_and_the_rest_stays(console: Any) -> None:
    tenant, person = make_owner()
    console.sign_in(person)
    console.tab.clock.install()
    console.open(f"/t/{tenant.slug}/")
    console.tab.get_by_role("heading", level=1).evaluate("element => (element.id = 'kept')")
    measure(tenant, writes=40)

    console.tab.clock.fast_forward(31_000)

    expect(console.tab.locator(".strip .value").first).to_have_text("40")
    expect(console.tab.locator("#kept")).to_have_text("Overview")
    assert console.axe() == []

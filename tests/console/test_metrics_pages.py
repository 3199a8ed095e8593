"""The dashboards count what the audit finds, over one range, for their tenant alone."""

from __future__ import annotations

import csv
import html
import io
import re
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from playwright.sync_api import expect

from dashboards.metrics.pages import DASHBOARDS
from stateward.operations.metrics.storage import measure
from stateward.tenancy.scope import run_flow, tenant_scope
from tests.audit.audit_helpers import write_records
from tests.console.console_world import World, make_world
from tests.console.metrics_world import count, denial, furnished, measured
from tests.console.test_tenant_pages_quality import is_of_transactions
from tests.factories.api import Api
from tests.factories.tenants import make_member

pytestmark = pytest.mark.browser
NAMES = sorted(DASHBOARDS)


@pytest.fixture
def world(database: None) -> World:
    return furnished()


def client_of(world: World, person: Any = None) -> Client:
    client = Client()
    client.force_login(person or world.person, settings.AUTHENTICATION_BACKENDS[0])
    return client


def get(world: World, path: str) -> str:
    answer = client_of(world).get(world.path(path))
    assert answer.status_code == 200
    return html.unescape(answer.content.decode())


def csv_of(world: World, path: str, person: Any = None) -> list[list[str]]:
    answer = client_of(world, person).get(world.path(path))
    assert answer.status_code == 200
    return list(csv.reader(io.StringIO(b"".join(answer).decode())))


def test_every_figure_has_a_table_and_a_csv_with_the_same_numbers(world: World) -> None:
    for name, shown in DASHBOARDS.items():
        page = get(world, f"metrics/{name}/?range=6h")
        for figure in shown.figures:
            assert f"metrics/{name}/{figure}.csv?range=6h" in page
            rows = csv_of(world, f"metrics/{name}/{figure}.csv?range=6h")
            assert len(rows[0]) >= 2
    rows = csv_of(world, "metrics/governance/reasons.csv?range=6h")
    assert rows[0] == ["time", "forbidden", "no match"]
    assert [sum(int(row[column]) for row in rows[1:]) for column in (1, 2)] == [41, 9]


def test_the_count_of_a_point_and_the_audit_agree(world: World) -> None:
    """Each "Open N records" leads to N records."""
    client, found = client_of(world), 0
    count(world.tenant)
    for name in ("governance", "security", "storage"):
        answer = client.get(world.path(f"metrics/{name}/?range=6h"))
        page = html.unescape(answer.content.decode())
        for url, number in re.findall(r'<a href="([^"]+)">Open ([\d,]+) <', page):
            answer = client.get(url)
            said = re.search(r'class="said">([\d,]+) records? ', answer.content.decode())
            assert said, url
            assert said[1] == number, url
            found += 1
    assert found >= 8


def test_the_names_of_a_ranking_lead_to_their_records(world: World) -> None:
    page = get(world, "metrics/security/?range=6h")
    row = re.search(r'<a href="([^"]+)">refund-desk <b>x</b></a>.*?<b>(\d+)</b>', page)
    assert row

    audit = client_of(world).get(row[1]).content.decode()

    assert row[2] == "41"
    assert 'class="said">41 records ' in audit


def test_the_records_of_a_policy_are_found(world: World) -> None:
    page = get(world, "metrics/governance/?range=6h")
    (url,) = re.findall(r'<a href="([^"]+)">no-refunds</a>', page)

    assert "policy=no-refunds" in url
    assert 'class="said">41 records ' in client_of(world).get(url).content.decode()


def test_the_range_stays_on_every_link(world: World) -> None:
    page = get(world, "metrics/governance/?when=3+hours+ago")

    assert 'value="3 hours ago"' in page
    for name in NAMES:
        assert f"metrics/{name}/?when=3+hours+ago" in page
    assert re.search(r'class="echo">\d+ \w+ \d{4} [\d:]+ to \d+ \w+ \d{4} [\d:]+ UTC<', page)


def test_words_that_are_not_understood_are_said(world: World) -> None:
    page = get(world, "metrics/operations/?when=a+fortnight+hence")

    assert "“a fortnight hence” is no range of time" in page
    assert 'aria-invalid="true"' in page


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("when", ["range=1h", "range=1y"])
def test_a_dashboard_takes_few_queries_and_no_count_of_the_audit(
    world: World, name: str, when: str
) -> None:
    client = client_of(world)
    client.get(world.path(f"metrics/{name}/"))

    with CaptureQueriesContext(connection) as asked:
        client.get(world.path(f"metrics/{name}/?{when}"))

    queries = [one["sql"] for one in asked if not is_of_transactions(one["sql"])]
    assert len(queries) <= 15, "\n".join(sql[:150] for sql in queries)
    assert not any("stateward_audit_record r WHERE" in sql and "count(" in sql for sql in queries)


def test_the_second_tenant_sees_none_of_it(world: World) -> None:
    other = make_world("Other Air")

    for name in NAMES:
        page = client_of(other).get(other.path(f"metrics/{name}/")).content.decode()
        assert "airline." not in page
        assert "refund-desk" not in page
        assert client_of(other).get(world.path(f"metrics/{name}/")).status_code == 404


@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("auditor", 200)])
def test_what_is_counted_from_the_audit_is_for_its_readers(
    database: None, role: str, status: int
) -> None:
    world = make_world()  # its own: a refusal is counted too
    person = world.member(role)

    for path in ("metrics/governance/", "metrics/security/", "metrics/security/denied.csv"):
        assert client_of(world, person).get(world.path(path)).status_code == status
    assert client_of(world, person).get(world.path("metrics/storage/")).status_code == 200


@pytest.mark.parametrize("path", ["metrics/nothing/", "metrics/storage/nothing.csv"])
def test_there_is_no_other_dashboard(world: World, path: str) -> None:
    assert client_of(world).get(world.path(path)).status_code == 404


def test_a_formula_in_a_name_is_text_in_the_csv(database: None) -> None:
    world = make_world()
    agent = world.agent("=cmd()")
    write_records(agent, 2, outcome="deny_forbid", decision=denial())
    count(world.tenant)

    rows = csv_of(world, "metrics/security/most-denied.csv")

    assert rows[1] == ["'=cmd()", "2"]


def test_an_empty_tenant_is_told_so_in_every_figure(database: None) -> None:
    world = make_world()

    for name in ("governance", "security", "storage"):
        page = client_of(world).get(world.path(f"metrics/{name}/")).content.decode()
        assert "There is nothing to" in page
        assert 'data-figure="' not in page or name == "storage"


def test_many_names_become_others_that_cannot_be_asked_for(database: None) -> None:
    world = make_world()
    for number in range(8):
        agent = world.agent(f"agent-{number}")
        write_records(agent, number + 1, outcome="deny_forbid", decision=denial())
    count(world.tenant)

    page = client_of(world).get(world.path("metrics/security/?range=1h")).content.decode()
    rows = csv_of(world, "metrics/security/denied.csv?range=1h")

    assert rows[0] == ["time", *(f"agent-{number}" for number in (7, 6, 5, 4, 3)), "others"]
    assert sum(int(row[-1]) for row in rows[1:]) == 1 + 2 + 3
    assert "Open 36 <" in page


def test_one_measured_day_is_a_point_and_no_past(database: None) -> None:
    world = make_world()
    world.namespace("airline.bookings")
    world.put("airline.bookings", "B1", {"n": 1})
    with tenant_scope(world.tenant.id):
        run_flow(measure(world.tenant.id))

    rows = csv_of(world, "metrics/storage/stored.csv")

    assert [bool(row[1]) for row in rows[1:]] == [True, False]
    page = client_of(world).get(world.path("metrics/storage/")).content.decode()
    assert "one day is measured so far" in page


def test_a_hundred_thousand_records_are_counted_and_drawn(database: None) -> None:
    world = make_world()
    with tenant_scope(world.tenant.id), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO stateward_audit_record (tenant_id, at, id, action, outcome, actor_type,"
            " actor_id, actor_name, resource_type, resource_id, classification, request_id, record,"
            " payload) SELECT %s, clock_timestamp() - n * interval '30 ms', gen_random_uuid(),"
            " 'state.write', CASE WHEN n %% 50 = 0 THEN 'deny_forbid' ELSE 'allow' END, 'agent',"
            " md5((n %% 40)::text)::uuid, 'agent-' || n %% 40, 'entry', 'n', 'internal', 'r', '{}',"
            " '{}' FROM generate_series(1, 100000) n",
            (world.tenant.id,),
        )
    client = client_of(world)
    count(world.tenant)

    rows = csv_of(world, "metrics/governance/decisions.csv?range=6h")
    page = html.unescape(client.get(world.path("metrics/security/?range=6h")).content.decode())

    assert [sum(int(row[column]) for row in rows[1:]) for column in (1, 2)][1] == 2000
    (url,) = set(re.findall(r'<a href="([^"]+)">agent-10</a></th>.{,300}<b>500', page))
    assert 'class="said">500 records ' in client.get(url).content.decode()


# --- in a browser


def test_full_dashboards_are_accessible_and_fit(console: Any) -> None:
    world = furnished()
    console.sign_in(world.person)
    faults: dict[str, list[str]] = {}

    for name, theme in (("governance", "dark"), ("storage", "light")):
        console.tab.emulate_media(color_scheme=theme)
        tab = console.open(world.path(f"metrics/{name}/?range=1h"))
        expect(tab.locator(".js-plotly-plot").first).to_be_visible()
        faults[f"{name} {theme}"] = console.axe()
        assert tab.locator("*").count() <= 1500
        tab.set_viewport_size({"width": 390, "height": 844})
        assert console.overflow() == 0
        tab.set_viewport_size({"width": 1440, "height": 900})

    assert {page: found for page, found in faults.items() if found} == {}


def test_names_from_outside_put_nothing_into_the_picture(console: Any) -> None:
    world = make_world()
    for name in ('<a href="javascript:alert(1)">x</a>', "<b>loud</b>", "<img src=x onerror=x>"):
        write_records(world.agent(name), 2, outcome="deny_forbid", decision=denial())
    count(world.tenant)
    console.sign_in(world.person)

    tab = console.open(world.path("metrics/security/?range=1h"))
    tab.locator(".bars .point path").first.click(force=True)

    expect(tab.get_by_role("dialog", name="Records of this point")).to_be_visible()
    assert tab.locator("a[href^=javascript], .js-plotly-plot a, .js-plotly-plot img").count() == 0
    assert tab.locator("main img, main b b").count() == 0
    expect(tab.get_by_role("link", name="<b>loud</b>").first).to_be_visible()


def test_a_person_follows_a_point_to_its_records_and_back(console: Any) -> None:
    """What the auditor does; the outcome is read back through the API."""
    world = make_world()
    agent = world.agent("refund-desk")
    write_records(agent, 7, outcome="deny_forbid", decision=denial("no-refunds"))
    count(world.tenant)
    console.sign_in(world.person)
    tab = console.open(world.path("metrics/security/?range=1h"))
    bars = tab.locator("section.figure").filter(has_text="Denials by principal")
    bar = bars.locator(".bars .point path").first

    bar.click(force=True)
    tip = tab.get_by_role("dialog", name="Records of this point")
    expect(tip).to_contain_text("refund-desk")
    assert console.axe() == []
    tip.get_by_role("link", name="Open 7 records").click()

    expect(tab.locator(".said")).to_contain_text("7 records")
    query = tab.url.partition("?")[2].replace("until=", "to=")
    answer = Api(make_member(world.tenant, "auditor"))("GET", f"/audit/survey?{query}")
    assert answer.json()["count"] == 7
    tab.go_back()
    expect(tab).to_have_url(re.compile(r"metrics/security/\?range=1h$"))


def test_dragging_sets_the_range_for_all_and_back_restores_it(console: Any) -> None:
    world = furnished()
    console.sign_in(world.person)
    tab = console.open(world.path("metrics/governance/?when=6+hours"))
    plot = tab.locator("section.figure", has_text="Denials by reason").locator(".nsewdrag")
    box = plot.bounding_box()
    assert box

    tab.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 50)
    tab.mouse.down()
    tab.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 50, steps=4)
    tab.mouse.up()

    expect(tab).to_have_url(re.compile(r"\?from=.*&until="))
    assert "when" not in tab.url
    expect(tab.get_by_role("link", name="Storage")).to_have_attribute(
        "href", re.compile(r"\?from=.*until=")
    )
    tab.go_back()
    expect(tab.get_by_role("textbox", name="Time range in words")).to_have_value("6 hours")


def test_the_same_is_done_by_keyboard(console: Any) -> None:
    world = furnished()
    console.sign_in(world.person)
    tab = console.open(world.path("metrics/operations/?range=24h"))

    tab.get_by_role("link", name="Zoom in").press("Enter")
    expect(tab).to_have_url(re.compile(r"from="))
    tab.get_by_role("link", name="Earlier").press("Enter")

    expect(tab.get_by_role("link", name="Later")).to_be_visible()
    box = tab.get_by_role("textbox", name="Time range in words")
    box.fill("yesterday")
    box.press("Enter")
    expect(tab.locator(".echo")).to_contain_text("00:00:00 to ")


def test_figures_follow_what_happens_and_keep_what_the_reader_chose(console: Any) -> None:
    world = make_world()
    measured(world.tenant, writes=3)
    console.sign_in(world.person)
    console.tab.clock.install()
    tab = console.open(world.path("metrics/operations/?range=1h"))
    figure = tab.locator("section.figure", has_text="Writes, reads and denials")
    expect(figure.locator(".legend")).to_contain_text("writes 3")
    figure.get_by_role("radio", name="Table").check(force=True)
    measured(world.tenant, writes=2)

    tab.clock.fast_forward(31_000)

    expect(figure.locator(".legend")).to_contain_text("writes 5")
    expect(figure.get_by_role("radio", name="Table")).to_be_checked()
    tab.get_by_role("link", name="Refreshing each 30 s").click()
    expect(tab).to_have_url(re.compile("live=off"))
    assert tab.locator("main [data-refresh]").count() == 0


def test_a_hidden_tab_asks_nothing_and_a_slow_answer_is_not_stacked(console: Any) -> None:
    world = make_world()
    console.sign_in(world.person)
    console.tab.clock.install()
    tab = console.open(world.path("metrics/storage/"))
    asked: list[str] = []
    held: list[Any] = []

    def hold(route: Any) -> None:
        asked.append(route.request.url)
        held.append(route)

    tab.route("**/metrics/storage/", hold)
    tab.evaluate("Object.defineProperty(document, 'hidden', { value: true, configurable: true })")
    tab.clock.fast_forward(95_000)
    tab.wait_for_timeout(50)
    assert asked == []

    tab.evaluate("Object.defineProperty(document, 'hidden', { value: false })")
    for _ in range(3):
        tab.clock.fast_forward(31_000)
        tab.wait_for_timeout(50)

    assert len(asked) == 1
    held[0].continue_()

"""The operator's task: see what runs, follow it, stop it, try it again."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from playwright.sync_api import expect

from dashboards.jobs import stream
from stateward.kernel.ids import uuid7
from stateward.operations.jobs import registry
from stateward.operations.jobs.heartbeats import SEEN, beat_seen
from stateward.operations.jobs.inserting import insert, scope_of
from stateward.operations.jobs.lease import Lease
from stateward.operations.jobs.running import Job, Outcome, Run
from stateward.operations.jobs.timetable import take_due
from stateward.schedule import TIMETABLE
from stateward.tenancy.models import Person, Tenant
from stateward.tenancy.scope import run_flow
from tests.factories.api import Api, new_tenant
from tests.factories.jobs import carry, run_row
from tests.factories.tenants import make_member, make_person

pytestmark = pytest.mark.browser
TITLE = "Copy the airline's books"


@dataclass
class World:
    tenant: Tenant
    person: Person
    api: Api
    name: str

    def start(self, **params: Any) -> UUID:
        with scope_of(self.tenant.id):
            return insert(self.name, self.tenant.id, params=params)


@pytest.fixture
def world(database: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A tenant with a job of its own, a worker and a beat that live."""
    monkeypatch.setattr(stream, "AGAIN_MILLISECONDS", 100)
    tenant, person = new_tenant(), make_person()
    member = make_member(tenant, "admin", person=person)
    name = f"probe_{uuid7().hex}"
    registry._jobs[name] = Job(name, TITLE, work)
    with connection.cursor() as cursor:
        cursor.execute(SEEN, ("worker-1:4711", "worker"))
    run_flow(beat_seen())
    for due in run_flow(take_due(TIMETABLE)):
        carry(due.run_id)
    yield World(tenant, person, Api(member), name)
    del registry._jobs[name]


def work(run: Run) -> Outcome:
    run.note("policies: 41 rows")
    run.progress(25, 41, "copying")
    if run.params.get("fails"):
        raise ArithmeticError
    return Outcome(
        {"entries": 40911, "bytes": 26004889}, has_findings=bool(run.params.get("finds"))
    )


@pytest.fixture
def at_work(world: World) -> Generator[Callable[[], Run], None, None]:
    """Makes runs that are in the hands of a worker until the test ends."""
    leases: list[Lease] = []

    def begin() -> Run:
        lease = Lease()
        leases.append(lease)
        taken = lease.take(world.start(depth=2))
        assert taken is not None
        return Run(taken, lease, turn=None)

    yield begin
    for lease in leases:
        lease.__exit__()


def test_a_run_is_followed_without_a_reload_and_after_one(
    console: Any, world: World, at_work: Callable[[], Run]
) -> None:
    run = at_work()
    run.note("policies: 41 rows")
    run.progress(25, 100, "copying")
    console.sign_in(world.person)

    page = console.open(f"/t/{world.tenant.slug}/jobs/")
    expect(page.locator(".run [data-share]")).to_have_text("25 %")
    page.get_by_role("link", name=TITLE).first.click()
    expect(page.locator("[data-says]")).to_contain_text("copying, 25 of 100")
    page.evaluate("window.untouched = true")
    run.progress(61, 100, "copying")
    run.note("entries: 40,911 rows")
    expect(page.locator("[data-share]")).to_have_text("61 %")
    expect(page.locator("[data-log]")).to_contain_text("entries: 40,911 rows")
    assert page.evaluate("window.untouched")
    page.reload()
    expect(page.locator("[data-share]")).to_have_text("61 %")
    expect(page.locator("[data-log] li")).to_have_count(2)
    run._lease.finish("done", result={"entries": 40911})

    expect(page.locator("h1 + .badge")).to_have_text("Done")
    expect(page.get_by_text("40,911", exact=True)).to_be_visible()
    shown = world.api("GET", f"/jobs/{run.id}").json()
    assert (shown["state"], shown["result"]) == ("done", {"entries": 40911})


def test_a_running_run_is_stopped_and_tried_again(
    console: Any, world: World, at_work: Callable[[], Run]
) -> None:
    run = at_work()
    run.progress(25, 100, "copying")
    console.sign_in(world.person)

    page = console.open(f"/t/{world.tenant.slug}/jobs/{run.id}/")
    page.get_by_role("link", name="Cancel…").click()
    sheet = page.get_by_role("dialog")
    expect(sheet).to_contain_text("25 of 100")
    sheet.get_by_role("button", name="Cancel 1 run").click()
    expect(page.locator("h1 + .badge")).to_have_text("Being cancelled")
    assert world.api("GET", f"/jobs/{run.id}").json()["is_being_cancelled"]
    run._lease.finish("cancelled")
    expect(page.locator("h1 + .badge")).to_have_text("Cancelled")
    expect(page.get_by_text(f"Stopped by {world.person}")).to_be_visible()
    page.get_by_role("link", name="Try again…").click()
    page.get_by_role("dialog").get_by_role("button", name="Start 1 new run").click()
    expect(page.locator("h1 + .badge")).to_have_text("Waits")

    again = page.url.rstrip("/").rsplit("/", 1)[1]
    shown = world.api("GET", f"/jobs/{again}").json()
    assert (shown["retry_of"], shown["state"], shown["params"]) == (
        str(run.id),
        "queued",
        {"depth": 2},
    )


@pytest.mark.parametrize("console", [{"java_script_enabled": False}], indirect=True)
def test_all_of_it_works_without_javascript(console: Any, world: World) -> None:
    failed = world.start(fails=True)
    carry(failed, work)
    waiting = world.start()
    console.sign_in(world.person)

    page = console.open(f"/t/{world.tenant.slug}/jobs/")
    expect(page.locator("#running")).to_contain_text("waits for a worker")
    page.get_by_role("link", name="Cancel…").click()
    page.get_by_role("button", name="Cancel 1 run").click()
    expect(page.locator("h1 + .badge")).to_have_text("Cancelled")
    page = console.open(f"/t/{world.tenant.slug}/jobs/?state=failed")
    page.locator("#history tbody a").click()
    expect(page.locator(".note.bad")).to_contain_text("ArithmeticError in ")
    page.get_by_role("link", name="Try again…").click()
    page.get_by_role("button", name="Start 1 new run").click()
    expect(page.locator("h1 + .badge")).to_have_text("Waits")

    assert run_row(waiting, "state", world.tenant.id) == ("cancelled",)


def test_the_history_is_one_address(console: Any, world: World) -> None:
    done, failed = world.start(finds=True), world.start(fails=True)
    carry(done, work)
    carry(failed, work)
    console.sign_in(world.person)

    page = console.open(f"/t/{world.tenant.slug}/jobs/")
    expect(page.locator("#history tbody tr")).to_have_count(2)
    page.get_by_role("link", name="Failed", exact=True).click()
    expect(page.locator("#history tbody tr")).to_have_count(1)
    page.get_by_label("Job").select_option(label=TITLE)
    page.get_by_role("button", name="Show", exact=True).click()
    address = page.url
    expect(page.locator("#history tbody tr")).to_have_count(1)

    assert "state=failed" in address
    assert f"job={world.name}" in address
    page.goto(address)
    expect(page.locator("#history tbody tr")).to_have_count(1)


def test_the_timetable_says_when_and_how_late(console: Any, world: World) -> None:
    console.sign_in(world.person)

    page = console.open(f"/t/{world.tenant.slug}/jobs/")

    expect(page.locator("#timetable tbody tr")).to_have_count(len(TIMETABLE))
    expect(page.locator("#timetable")).to_contain_text("every 15 s, for all tenants")
    expect(page.locator("#workers")).to_contain_text("worker-1:4711")
    expect(page.locator("#said")).to_contain_text("on time")


def test_another_tenant_sees_none_of_it(console: Any, world: World) -> None:
    run_id = world.start()
    stranger, other = make_person(), new_tenant()
    make_member(other, "owner", person=stranger)
    console.sign_in(stranger)

    page = console.open(f"/t/{other.slug}/jobs/")
    expect(page.locator("#running")).to_contain_text("Nothing of yours")
    expect(page.locator("#history")).to_contain_text("No run yet")

    for path in ("", "cancel", "retry", "events"):
        console.open(f"/t/{other.slug}/jobs/{run_id}/{path}", status=404)
        console.open(f"/t/{world.tenant.slug}/jobs/{run_id}/{path}", status=404)


def test_who_may_only_look_has_no_buttons(console: Any, world: World) -> None:
    viewer = make_person()
    make_member(world.tenant, "viewer", person=viewer)
    run_id = world.start()
    console.sign_in(viewer)

    page = console.open(f"/t/{world.tenant.slug}/jobs/{run_id}/")
    expect(page.get_by_role("link", name="Cancel…")).to_have_count(0)
    page = console.open(f"/t/{world.tenant.slug}/jobs/{run_id}/cancel")

    expect(page.get_by_role("button", name="Cancel 1 run")).to_be_disabled()


def test_a_page_of_many_runs_asks_little(world: World) -> None:
    """10^5 runs, and no count over them."""
    with scope_of(world.tenant.id), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO stateward_job_run (tenant_id, name, state, started_at, finished_at)"
            " SELECT %s, %s, 'done', now(), now() FROM generate_series(1, 100000)",
            (world.tenant.id, world.name),
        )
    with connections["owner"].cursor() as cursor:
        cursor.execute("ANALYZE stateward_job_run")
    connections["owner"].close()
    client = Client()
    client.force_login(world.person)

    with CaptureQueriesContext(connection) as queries:
        answer = client.get(f"/t/{world.tenant.slug}/jobs/")
        older = answer.context["next_cursor"]
        second = client.get(f"/t/{world.tenant.slug}/jobs/?cursor={older}")

    asked = [one for one in queries if "SELECT" in one["sql"] or "UPDATE" in one["sql"]]
    slowest = max(float(one["time"]) for one in asked)
    assert (answer.status_code, second.status_code) == (200, 200)
    assert slowest < 0.05
    with scope_of(world.tenant.id), connection.cursor() as cursor:
        cursor.execute("DELETE FROM stateward_job_run WHERE tenant_id = %s", (world.tenant.id,))

"""Backups in the browser: made, tried, and the way back from a tenant whose data is gone."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from playwright.sync_api import expect

from stateward.kernel.clock import now
from stateward.kernel.ids import uuid7
from stateward.operations.backups.models import Backup, Drill, Restore
from stateward.operations.backups.services import ask_for_backup, ask_for_restore
from stateward.operations.jobs import carrying
from stateward.operations.jobs.registry import jobs
from stateward.state.services.namespaces import delete_namespace
from stateward.tenancy.models import Member
from stateward.tenancy.scope import tenant_scope
from tests.console.console_world import CALL, World, make_world
from tests.factories.api import Api

pytestmark = pytest.mark.browser

BOOKINGS = "airline.bookings"


@pytest.fixture
def world() -> World:
    world = make_world()
    world.agent("booker")
    world.namespace(BOOKINGS)
    for number in range(12):
        world.put(BOOKINGS, f"B{number:03}", {"n": number})
    world.put(BOOKINGS, "B003", {"n": "changed"})
    return world


def work(world: World) -> None:
    """What a worker does: carry out what is queued for the tenant."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT run_id FROM stateward_job_open WHERE tenant_id = %s", (world.tenant.id,)
        )
        waiting: list[UUID] = [row[0] for row in cursor.fetchall()]
    assert waiting
    for run_id in waiting:
        carrying.carry_out(run_id, jobs().__getitem__)


def backed_up(world: World, **fields: Any) -> Backup:
    ask_for_backup(world.owner, CALL())
    work(world)
    with tenant_scope(world.tenant.id):
        return Backup.objects.get(tenant=world.tenant)


def member_of(world: World) -> Member:
    with tenant_scope(world.tenant.id):
        return Member.objects.select_related("tenant").get(person=world.person)


def test_deleted_data_is_restored_from_last_nights_backup(console: Any, world: World) -> None:
    slug = world.tenant.slug
    console.sign_in(world.person)
    tab = console.open(world.path("backups/"))
    expect(tab.get_by_text("Nothing could be restored")).to_be_visible()
    tab.get_by_role("button", name="Back up now").click()
    expect(tab.get_by_text("is queued")).to_be_visible()
    work(world)

    with tenant_scope(world.tenant.id):
        delete_namespace(world.owner, CALL(), BOOKINGS, force=True)
    assert Api(member_of(world))("GET", f"/namespaces/{BOOKINGS}").status_code == 404

    tab = console.open(world.path("backups/"))
    expect(tab.get_by_text("12 entries.")).to_be_visible()
    tab.get_by_role("link", name="Restore…").click()
    tab.get_by_label("Tenant to restore into").fill(slug)
    tab.get_by_role("button", name="Show the plan").click()
    expect(tab.get_by_text("the empty tenant")).to_be_visible()
    tab.get_by_label("to confirm").fill("another")
    expect(tab.get_by_role("button", name="Restore 12 entries")).to_be_disabled()
    tab.get_by_label("to confirm").fill(slug)
    tab.get_by_role("button", name="Restore 12 entries").click()
    tab.wait_for_url(lambda url: ("/restore" in url and "?into" not in url) or "/jobs/" in url)
    work(world)

    with tenant_scope(world.tenant.id):
        restore = Restore.objects.get(tenant=world.tenant)
    tab = console.open(world.path(f"backups/restores/{restore.id}"))
    expect(tab.get_by_text("12 living entries stand in")).to_be_visible()
    assert Api(member_of(world))("GET", f"/namespaces/{BOOKINGS}").status_code == 200
    world.put(BOOKINGS, "B003", {"n": "again"}, if_version=2)  # its history came back with it


CHECKS = [
    {"name": "rows", "passed": True, "said": "114 rows in 24 tables, as counted"},
    {"name": "records", "passed": False, "said": "2 records are missing"},
]


def all_pages(world: World) -> dict[str, str]:
    """Every page, with something of every state in it; and the sentence that it says."""
    backup = backed_up(world)
    slug = f"n-{uuid7()}"
    restore = ask_for_restore(world.owner, CALL(), backup.id, into=slug, confirm=slug)
    work(world)
    with tenant_scope(world.tenant.id):
        about = {"tenant": world.tenant, "backup": backup}
        failed = Drill.objects.create(**about, state="failed", checks=CHECKS, error="2 records")
        killed = Drill.objects.create(**about, run_id=uuid7())
        passed = Drill.objects.create(
            **about, state="passed", checks=CHECKS[:1], restore_seconds=0.8
        )
        gone = Restore.objects.create(
            tenant=world.tenant, archive="x", target="elsewhere", run_id=uuid7()
        )
        half = Backup.objects.create(
            tenant=world.tenant, name="x", store="/x", state="failed", error="its worker was killed"
        )
    return {
        "backups/": "A drill proved one",
        f"backups/{backup.id}/": "12 entries as they were",
        f"backups/{half.id}/": "its worker was killed",
        f"backups/{backup.id}/restore": "Nothing that lives is written over",
        f"backups/{backup.id}/restore?into=a-new-one": "Nothing is written before you confirm",
        f"backups/drills/{failed.id}": "did not come back as it should",
        f"backups/drills/{killed.id}": "Its worker was killed",
        f"backups/drills/{passed.id}": "is what it should be",
        f"backups/restores/{restore.id}": "12 living entries stand in",
        f"backups/restores/{gone.id}": "Nothing of it was written",
    }


def test_every_page_says_how_things_stand_to_everybody(console: Any, world: World) -> None:
    console.sign_in(world.person)
    faults: dict[str, Any] = {}

    for path, said in all_pages(world).items():
        tab = console.open(world.path(path))
        expect(tab.locator(".said")).to_contain_text(said)
        if found := console.faults():
            faults[path] = found

    assert faults == {}


def test_only_who_may_restore_is_led_there(console: Any, world: World) -> None:
    backup = backed_up(world)
    console.sign_in(world.member("auditor"))

    tab = console.open(world.path("backups/"))
    expect(tab.get_by_text("12 entries.")).to_be_visible()
    assert tab.get_by_role("button", name="Back up now").count() == 0
    assert tab.get_by_role("link", name="Restore…").count() == 0
    console.open(world.path(f"backups/{backup.id}/restore"), status=403)
    console.sign_in(world.member("viewer"))
    console.open(world.path("backups/"), status=403)


def test_another_tenants_people_see_none_of_it(console: Any, world: World) -> None:
    backup = backed_up(world)
    other = make_world("Another")
    console.sign_in(other.person)

    tab = console.open(other.path("backups/"))
    expect(tab.get_by_text("No backup yet")).to_be_visible()
    for path in (f"backups/{backup.id}/", f"backups/{backup.id}/restore?into=a-new-one"):
        console.open(other.path(path), status=404)
        console.open(world.path(path), status=404)


def test_a_target_that_lives_is_refused_with_its_reason(console: Any, world: World) -> None:
    backup = backed_up(world)
    console.sign_in(world.person)

    tab = console.open(
        world.path(f"backups/{backup.id}/restore?into={world.tenant.slug}"), status=409
    )

    expect(tab.get_by_role("alert")).to_contain_text("namespaces: 1")
    expect(tab.get_by_label("Tenant to restore into")).to_have_value(world.tenant.slug)


def test_the_list_asks_the_database_few_questions(world: World) -> None:
    backed_up(world)
    with tenant_scope(world.tenant.id):
        for number in range(40):
            Backup.objects.create(
                tenant=world.tenant, name=f"b{number}", store="/x", state="done", taken_at=now()
            )
    client = Client()
    client.force_login(world.person, settings.AUTHENTICATION_BACKENDS[0])
    client.get(world.path("backups/"))

    with CaptureQueriesContext(connection) as asked:
        answer = client.get(world.path("backups/"))

    assert answer.status_code == 200
    reads = [one["sql"] for one in asked if one["sql"].lstrip().startswith(("SELECT", "WITH"))]
    assert len([sql for sql in reads if "stateward_" in sql]) <= 15, "\n".join(reads)
    assert b"Older 30" in answer.content

"""Backups in the browser: made, tried, and the way back from a tenant whose data is gone."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from playwright.sync_api import expect

from stateward.kernel.ids import uuid7
from stateward.operations.backups.models import Backup, Drill, Restore
from stateward.operations.jobs import carrying
from stateward.operations.jobs.registry import jobs
from stateward.state.services.namespaces import delete_namespace
from stateward.tenancy.models import Member, Tenant
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
    from stateward.operations.backups.services import ask_for_backup

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
    tab.wait_for_url(lambda url: "/restore" in url and "?into" not in url or "/jobs/" in url)
    work(world)

    with tenant_scope(world.tenant.id):
        restore = Restore.objects.get(tenant=world.tenant)
    tab = console.open(world.path(f"backups/restores/{restore.id}"))
    expect(tab.get_by_text("12 living entries stand in")).to_be_visible()
    assert Api(member_of(world))("GET", f"/namespaces/{BOOKINGS}").status_code == 200
    world.put(BOOKINGS, "B003", {"n": "again"}, if_version=2)  # its history came back with it

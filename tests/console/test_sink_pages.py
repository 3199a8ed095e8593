"""Sinks in the browser: one is set up, tried, watched while it fails, and removed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as installed
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from playwright.sync_api import expect

from governance.sinks import services
from governance.sinks.delivering import take_turn, try_out
from governance.sinks.models import Sink
from stateward.tenancy.models import Member
from stateward.tenancy.scope import tenant_scope
from tests.audit.audit_helpers import seal
from tests.console.console_world import World, make_world
from tests.factories.api import Api
from tests.sinks.sink_world import CALL, Receiver

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("database")]

NARROW = {"viewport": {"width": 390, "height": 844}, "has_touch": True}


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    settings.WEBHOOK_PRIVATE_HOSTS = ["127.0.0.1"]
    made = Receiver()
    yield made
    made.close()


def deliver(world: World) -> Sink:
    """What the worker does in its next run."""
    seal(Path(installed.HOME) / "seals")
    with tenant_scope(world.tenant.id):
        sink = Sink.objects.get(tenant_id=world.tenant.id)
        Sink.objects.filter(id=sink.id).update(next_at=sink.created_at)
    take_turn(world.tenant.id, world.tenant.slug, sink.id, lambda: None)
    return sink


def test_an_admin_sets_a_webhook_up_watches_it_fail_and_recover(
    console: Any, receiver: Receiver
) -> None:
    world = make_world()
    world.namespace("airline.bookings")
    console.sign_in(world.person)
    tab = console.open(world.path("sinks/"))
    expect(tab.get_by_text("No copy of the log leaves this installation")).to_be_visible()
    tab.get_by_role("link", name="Add a sink").click()
    tab.get_by_label("Name", exact=True).fill("siem")
    tab.get_by_label("Address", exact=True).fill(f"{receiver.url}/collect")
    tab.get_by_label("Begin with").select_option("beginning")
    tab.get_by_role("button", name="Add sink").click()
    secret = tab.locator("[data-secret]").inner_text()
    assert secret.startswith("whsec_")
    tab.get_by_role("link", name="I have it").click()
    expect(tab.get_by_role("heading", level=1)).to_have_text("siem")

    receiver.status = 503
    console.expected.add(503)
    sink = deliver(world)
    tab.reload()
    expect(tab.get_by_role("alert")).to_contain_text("The receiver answered 503.")
    expect(tab.get_by_role("alert")).to_contain_text("What waits is kept")
    receiver.status = 200
    deliver(world)
    console.open(world.path("sinks/"))
    expect(tab.get_by_role("row", name="siem")).not_to_contain_text("Failing")
    assert receiver.records()[0] == 0

    tab.get_by_role("link", name="siem").click()
    tab.get_by_role("button", name="Send a test line").click()
    expect(tab.get_by_text("A test line is on its way")).to_be_visible()
    try_out(world.tenant.id, world.tenant.slug, sink.id)
    assert json.loads(receiver.got[-1][3].splitlines()[0])["test"]
    with tenant_scope(world.tenant.id):
        api = Api(Member.objects.get(id=world.owner.id))
    said = api("GET", f"/audit/sinks/{sink.id}").json()
    assert (said["name"], said["kind"], said["state"]) == ("siem", "webhook", "active")
    assert said["test_said"] == "Taken with 200."
    assert secret not in json.dumps(said)
    tab.get_by_role("button", name="Pause").click()
    expect(tab.get_by_text("Paused: its place is kept.")).to_be_visible()
    tab.get_by_role("link", name="Remove…").click()
    tab.get_by_role("button", name="Remove 1 sink").click()
    expect(tab.get_by_text("No copy of the log leaves this installation")).to_be_visible()


def test_what_is_wrong_is_said_at_its_field(console: Any) -> None:
    world = make_world()
    console.sign_in(world.person)
    tab = console.open(world.path("sinks/new?kind=webhook"))
    console.expected.add(422)
    tab.get_by_label("Name", exact=True).fill("x")
    tab.get_by_label("Address", exact=True).fill("http://inside.example/")
    tab.get_by_role("button", name="Add sink").click()

    expect(tab.get_by_text("Begins with https://; plain http is for hosts")).to_be_visible()


def test_others_see_nothing_and_a_viewer_is_refused(console: Any) -> None:
    world, other = make_world(), make_world("Other Air")
    console.sign_in(other.person)
    console.open(world.path("sinks/"), status=404)
    console.sign_in(world.member("viewer"))
    console.open(world.path("sinks/"), status=403)


@pytest.mark.parametrize(
    "console", [{"color_scheme": "light"}, {"color_scheme": "dark"}, NARROW], indirect=True
)
def test_the_pages_are_sound(
    console: Any, receiver: Receiver, request: pytest.FixtureRequest
) -> None:
    world = make_world()
    world.namespace("airline.bookings")
    where = {"url": f"{receiver.url}/collect"}
    services.create_sink(
        world.owner, CALL, name="siem", kind="webhook", settings=where, since="beginning"
    )
    services.create_sink(world.owner, CALL, name="archive", kind="file", settings={"file": "audit"})
    receiver.status = 500
    with tenant_scope(world.tenant.id):
        Sink.objects.filter(name="archive").update(state="paused")
        sink = Sink.objects.get(name="siem", tenant_id=world.tenant.id)
    seal(Path(installed.HOME) / "seals")
    take_turn(world.tenant.id, world.tenant.slug, sink.id, lambda: None)
    console.sign_in(world.person)
    shots = os.environ.get("STATEWARD_SHOTS")
    name = request.node.callspec.id
    for number, path in enumerate(("sinks/", f"sinks/{sink.id}/", "sinks/new?kind=s3")):
        tab = console.open(world.path(path))
        if shots:
            tab.screenshot(path=f"{shots}/sink-{number}-{name}.png", full_page=True)
        assert console.overflow() <= 0
        assert console.axe() == []


@pytest.mark.parametrize("count", [1, 12])
def test_pages_ask_the_database_little_however_many_sinks_there_are(count: int) -> None:
    world = make_world()
    for number in range(count):
        services.create_sink(
            world.owner, CALL, name=f"s{number}", kind="file", settings={"file": f"f{number}"}
        )
    with tenant_scope(world.tenant.id):
        for number, sink in enumerate(Sink.objects.filter(tenant_id=world.tenant.id)):
            Sink.objects.filter(id=sink.id).update(cursor=number)
    client = Client()
    client.force_login(world.person)
    for path in ("sinks/", "audit/", "audit/readers/?namespace=a&key=b"):
        client.get(world.path(path))
        with CaptureQueriesContext(connection) as asked:
            assert client.get(world.path(path)).status_code == 200
        statements = [one["sql"] for one in asked.captured_queries]
        kept = [one for one in statements if one.split(" ")[0] not in {"SAVEPOINT", "RELEASE"}]
        assert len(kept) <= 30, "\n".join(kept)

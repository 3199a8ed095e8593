"""Modes in the browser: a conflict resolved place by place, and values that change by actions."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from stateward.state.models import Namespace
from stateward.state.queries import get_entry
from stateward.state.services.entries import Action, act_on_entry
from stateward.tenancy.scope import run_flow, tenant_scope
from tests.console.console_world import CALL, World, make_world, paste

pytestmark = pytest.mark.browser

PLANS = "airline.plans"


@pytest.fixture
def world(database: None) -> World:
    return make_world()


def value_now(world: World, namespace: str, key: str) -> Any:
    with tenant_scope(world.tenant.id):
        return run_flow(get_entry(world.owner, CALL(), namespace, key)).value  # type: ignore[union-attr]


@pytest.mark.parametrize("mode", ["last_write_wins", "merge"])
def test_a_conflict_is_resolved_place_by_place(console: Any, world: World, mode: str) -> None:
    world.namespace(PLANS, concurrency=mode)
    begun = {"day": "Monday", "seat": "12A", "meal": "none", "bags": [1], "old": True}
    world.put(PLANS, "trip", begun)
    console.sign_in(world.person)
    tab = console.open(world.path(f"namespaces/{PLANS}/entries/trip/edit"))
    paste(tab, '{"day": "Monday", "seat": "1C", "meal": "vegan", "bags": [1, 2], "mine": 1}')
    theirs = {"day": "Friday", "seat": "30F", "meal": "none", "bags": [1, 3], "old": True}
    world.put(PLANS, "trip", theirs, by=world.agent("planner"))
    console.expected.add(412)

    tab.get_by_role("button", name="Write version 2").click()

    expect(tab.get_by_role("alert")).to_contain_text("planner wrote version 2")
    expect(tab.get_by_role("row", name="/day")).to_contain_text("only they changed it")
    expect(tab.get_by_role("row", name="/meal")).to_contain_text("only you changed it")
    seat = tab.get_by_role("row", name="/seat")
    expect(seat).to_contain_text("Both changed it")
    for each in ("12A", "30F", "1C"):
        expect(seat).to_contain_text(each)
    tab.get_by_role("button", name="Write the merged value").click()
    expect(tab.get_by_text("Nothing was written: choose a side")).to_be_visible()
    tab.get_by_role("group", name="/seat").get_by_label("Yours").check()
    tab.get_by_role("group", name="/bags").get_by_label("Theirs").check()
    tab.get_by_role("button", name="Write the merged value as version 3").click()

    expect(tab.get_by_text("Version 3 of trip written")).to_be_visible()
    assert value_now(world, PLANS, "trip") == {
        "day": "Friday", "seat": "1C", "meal": "vegan", "bags": [1, 3], "mine": 1,
    }  # fmt: skip


def test_values_change_by_actions_from_their_page(console: Any, world: World) -> None:
    console.sign_in(world.person)
    tab = console.open(world.path("namespaces/new"))
    tab.get_by_label("Name", exact=True).fill("desk.tasks")
    tab.get_by_label("Values change through actions of a reducer").check()
    tab.get_by_label("Reducer (optional)", exact=True).select_option("task_list")
    expect(tab.get_by_label("Kind of replica")).to_be_hidden()
    tab.get_by_role("button", name="Create namespace").click()
    expect(tab.get_by_text("values are task lists")).to_be_visible()

    tab.get_by_role("link", name="New entry").click()
    tab.get_by_role("textbox", name="Key", exact=True).fill("today")
    tab.get_by_label("What is brought").fill('{"id": "call", "whom": "Ada"}')
    tab.get_by_role("button", name="Add task").click()
    expect(tab.get_by_text("Version 1 of today written.")).to_be_visible()
    expect(tab.get_by_text("Reducer task_list")).to_be_visible()

    tab.get_by_role("link", name="Change by an action").click()
    tab.get_by_label("What is brought").fill('{"id": "other"}')
    console.expected.add(422)
    tab.get_by_role("button", name="Complete task").click()
    expect(tab.get_by_text("There is no task of this id")).to_be_visible()
    tab.get_by_label("What is brought").fill('{"id": "call"}')
    tab.get_by_role("button", name="Complete task").click()
    expect(tab.get_by_text("Version 2 of today written.")).to_be_visible()
    assert value_now(world, "desk.tasks", "today") == [
        {"id": "call", "whom": "Ada", "status": "completed"}
    ]


@pytest.mark.parametrize(
    ("kind", "fields", "button", "value"),
    [
        ("counter", {"by": "41"}, "increment", 42),
        ("set", {"item": '"b"'}, "add", ["a", "b"]),
        ("map", {"member": "m", "value": "[1]"}, "set", {"m": [1], "n": 1}),
        ("text", {"at": "2", "text": "!"}, "insert", "hi!"),
        ("text", {"at": "0", "length": "1"}, "delete", "i"),
    ],
    ids=["counter", "set", "map", "insert", "delete"],
)
def test_each_kind_of_replica_has_its_fields(
    world: World, client: Any, kind: str, fields: Any, button: str, value: Any
) -> None:
    begun = {
        "counter": Action("increment", {}),
        "set": Action("add", {"item": "a"}),
        "map": Action("set", {"member": "n", "value": 1}),
        "text": Action("insert", {"at": 0, "text": "hi"}),
    }[kind]
    world.namespace("desk.replicas", concurrency="crdt", crdt={"type": kind})
    with tenant_scope(world.tenant.id):
        run_flow(act_on_entry(world.owner, CALL(), "desk.replicas", "k", begun))
        assert Namespace.objects.get(name="desk.replicas").crdt == {"type": kind}
    client.force_login(world.person)
    path = world.path("namespaces/desk.replicas/entries/k/act")

    refused = client.post(path, {"type": "other", **fields})
    empty = client.post(path, {"type": button})
    done = client.post(path, {"type": button, **fields})

    assert [refused.status_code, empty.status_code, done.status_code] == [422, 422, 302]
    assert value_now(world, "desk.replicas", "k") == value
    edit = client.get(world.path("namespaces/desk.replicas/entries/k/edit"))
    assert (edit.status_code, edit.headers["Location"]) == (302, path)

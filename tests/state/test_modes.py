"""What each mode of concurrency makes of a write."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import replace
from functools import partial
from typing import Any

import httpx
import pytest
from pycrdt import Doc, Text

from stateward.kernel.errors import PreconditionFailed
from stateward.operations.plane import Plane
from stateward.state import queries
from stateward.state.exceptions import (
    ActionConflict,
    BadMode,
    Contended,
    MergeConflict,
    ModeInUse,
    SchemaViolation,
    UseActions,
)
from stateward.state.merging import merge
from stateward.state.models import Namespace
from stateward.state.reducers import reduce
from stateward.state.services import entries
from stateward.state.services.namespaces import update_namespace
from stateward.tenancy.scope import tenant_scope
from tests.factories.state import CALL, World, make_namespace
from tests.state.conftest import Caller, Sessions
from tests.state.test_travel import HOLD, in_thread

COUNTERS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"concurrency": "reducer", "reducer": {"name": "add"}}, {"type": "add", "payload": 1}),
    (
        {"concurrency": "crdt", "crdt": {"type": "counter"}},
        {"type": "increment", "payload": {"by": 1}},
    ),
]


@pytest.fixture(params=COUNTERS, ids=["reducer", "crdt"])
def action(request: pytest.FixtureRequest, world: World) -> dict[str, Any]:
    """What counts one more in the namespace "counts"."""
    mode, action = request.param
    make_namespace(world.actor, "counts", **mode)
    counting: dict[str, Any] = action
    return counting


async def test_eight_times_25_increments_are_200(call: Caller, action: dict[str, Any]) -> None:
    call.namespace = "counts"

    async def one() -> list[int]:
        answers = [await call("POST", "hot", action, then="/actions") for _ in range(25)]
        assert {answer.status_code for answer in answers} == {200}
        return [answer.json()["version"] for answer in answers]

    versions = await asyncio.gather(*(one() for _ in range(8)))

    assert (await call("GET", "hot")).json()["value"] == 200
    assert sorted(version for some in versions for version in some) == list(range(1, 201))


async def test_increments_from_two_processes_are_all_counted(
    call: Caller, action: dict[str, Any]
) -> None:
    """Each process has its own line and its own memory of the key: only the version decides."""
    other = Plane()
    await other.travel.open()
    transport = httpx.ASGITransport(app=other, client=("192.0.2.9", 4711))
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://other.test") as http:
            callers = [
                Caller(client, call.key, "counts") for client in (call.http, http) for _ in range(3)
            ]

            async def some(caller: Caller) -> set[int]:
                return {
                    (await caller("POST", "hot", action, then="/actions")).status_code
                    for _ in range(10)
                }

            statuses = await asyncio.gather(*map(some, callers))
    finally:
        await other.changes.close()
        await other.travel.close()

    call.namespace = "counts"
    entry = (await call("GET", "hot")).json()
    assert set().union(*statuses) == {200}
    assert (entry["value"], entry["version"]) == (60, 60)


async def test_actions_take_turns_in_order_of_arrival(
    call: Caller, world: World, listed: str, sessions: Sessions
) -> None:
    call.namespace = listed
    await call("POST", "k", {"type": "append", "payload": "first"}, then="/actions")
    holder = sessions()
    await in_thread(holder.execute, HOLD, ("k",))

    asked = []
    for number in range(12):
        body = {"type": "append", "payload": number}
        asked.append(asyncio.create_task(call("POST", "k", body, then="/actions")))
        await asyncio.sleep(0.005)
    await in_thread(holder.commit)
    answers = await asyncio.gather(*asked)

    assert [answer.json()["version"] for answer in answers] == list(range(2, 14))
    assert answers[-1].json()["value"] == ["first", *range(12)]


@pytest.fixture
def listed(world: World) -> str:
    """A namespace of lists that grow by ``append``."""
    name = "lists"
    make_namespace(world.actor, name, concurrency="reducer", reducer={"name": "append"})
    return name


@pytest.fixture
def merging(world: World) -> World:
    return replace(world, namespace=make_namespace(world.actor, "merged", concurrency="merge"))


def test_a_stale_put_is_merged(merging: World) -> None:
    merging.put("k", {"a": 1, "b": 1})
    merging.put("k", {"a": 2, "b": 1})

    outcome = merging.put("k", {"a": 1, "b": 2}, if_version=1)

    assert outcome.entry is not None
    assert (outcome.status, outcome.entry.value, outcome.entry.version) == (
        200,
        {"a": 2, "b": 2},
        3,
    )
    assert merging.get("k").value == {"a": 2, "b": 2}


def test_a_stale_patch_is_merged_as_a_patch_of_the_version_it_names(merging: World) -> None:
    merging.put("k", {"a": 1, "n": 1})
    merging.put("k", {"a": 2, "n": 1})

    merged = merging.patch(
        "k", [{"op": "replace", "path": "/n", "value": 5}], is_merge=False, if_version=1
    )

    assert merged.entry is not None
    assert merged.entry.value == {"a": 2, "n": 5}


def test_a_conflict_names_its_places_and_changes_nothing(merging: World) -> None:
    merging.put("k", {"a": 1, "deep": {"x/y": 1}, "c": 0})
    merging.put("k", {"a": 2, "deep": {"x/y": 2}, "c": 0})

    with pytest.raises(MergeConflict) as refused:
        merging.put("k", {"a": 3, "deep": {"x/y": 3}, "c": 1}, if_version=1)

    assert refused.value.members == {"conflicts": ["/a", "/deep/x~1y"], "current_version": 2}
    assert [fault.pointer for fault in refused.value.errors] == ["/value/a", "/value/deep/x~1y"]
    assert merging.get("k").version == 2


def test_a_put_without_a_version_is_a_change_of_the_newest(merging: World) -> None:
    merging.put("k", {"a": 1})
    merging.put("k", {"b": 2})

    assert merging.get("k").value == {"b": 2}


def test_what_cannot_be_merged_is_a_failed_precondition(merging: World) -> None:
    merging.put("k", {"a": 1})
    for version in (2, 99):
        with pytest.raises(PreconditionFailed) as refused:
            merging.put("k", {"a": 2}, if_version=version)
        assert refused.value.members == {"current_version": 1}
    with pytest.raises(PreconditionFailed):
        merging.put("none", {"a": 2}, if_version=1)
    merging.delete("k")
    merging.put("k", {"a": 3})

    with pytest.raises(PreconditionFailed) as refused:  # of another life of the key
        merging.put("k", {"b": 2}, if_version=1)

    assert refused.value.members == {"current_version": 3}


def test_a_merge_is_not_written_over_what_came_meanwhile(merging: World) -> None:
    """Between the read and the write another session commits: the merge is computed once more."""
    merging.put("k", {"a": 1, "b": 1, "c": 1})
    merging.put("k", {"a": 2, "b": 1, "c": 1})
    raced: list[int] = []

    def meanwhile(base: Any, theirs: Any, ours: Any) -> Any:
        if not raced:
            raced.append(1)
            merging.put("k", {"a": 2, "b": 2, "c": 1})
        return merge(base, theirs, ours)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("stateward.state.services.computing.merge", meanwhile)
        outcome = merging.put("k", {"a": 1, "b": 1, "c": 2}, if_version=1)

    assert outcome.entry is not None
    assert (outcome.entry.value, outcome.entry.version) == ({"a": 2, "b": 2, "c": 2}, 4)


def test_a_value_that_changes_through_actions_is_not_put(world: World, listed: str) -> None:
    lists = replace(world, namespace=Namespace(name=listed))
    lists.act("k", "append", 1)

    for write in (lambda: lists.put("k", []), lambda: lists.patch("k", {}),
                  lambda: lists.put("new", [])):  # fmt: skip
        with pytest.raises(UseActions):
            write()
    with pytest.raises(ActionConflict):
        world.act("k", "append", 1)  # and one that is put takes no actions

    lists.act("k", "append", 2)
    assert lists.run(entries.roll_back_entry(world.actor, CALL, listed, "k", 1)).entry.value == [1]  # type: ignore[union-attr]  # a rollback answers the entry
    lists.delete("k")
    assert lists.act("k", "append", 3).entry.value == [3]  # type: ignore[union-attr]
    assert lists.history("k") == [
        (5, "action"), (4, "delete"), (3, "rollback"), (2, "action"), (1, "action"),
    ]  # fmt: skip


def test_an_action_is_done_once_under_its_key(world: World) -> None:
    tasks = world.another(concurrency="reducer", reducer={"name": "task_list"})
    repeat = entries.Repeat("once", b"the same")

    first = tasks.act("k", "ADD", {"id": "a"}, repeat=repeat)
    again = tasks.act("k", "ADD", {"id": "a"}, repeat=repeat)

    assert (first.status, again.status, again.is_replay) == (200, 200, True)
    assert again.entry == first.entry
    with pytest.raises(ActionConflict):
        tasks.act("k", "ADD", {"id": "a"})
    with pytest.raises(PreconditionFailed):
        tasks.act("k", "ADD", {"id": "b"}, if_version=9)
    with pytest.raises(PreconditionFailed):
        tasks.act("k", "ADD", {"id": "b"}, if_none=True)
    with pytest.raises(PreconditionFailed):
        tasks.act("none", "ADD", {"id": "b"}, if_version=1)


def test_the_result_must_fit_the_schema(world: World) -> None:
    counts = world.another(
        concurrency="reducer", reducer={"name": "add"}, schema={"type": "integer", "maximum": 2}
    )
    counts.act("k", "add", 2)

    with pytest.raises(SchemaViolation):
        counts.act("k", "add", 1)

    assert counts.get("k").value == 2


def test_a_replicas_state_lies_beside_the_value_and_goes_on(world: World) -> None:
    texts = world.another(concurrency="crdt", crdt={"type": "text"})
    texts.act("k", "insert", {"at": 0, "text": "hello"})
    there: Doc[Any] = Doc()
    there.get("value", type=Text).insert(0, "away: ")

    update = base64.b64encode(there.get_update()).decode()
    merged = texts.act("k", "apply", {"update": update}).entry

    assert merged is not None
    assert sorted(merged.value) == sorted("hello" + "away: ")
    assert merged.size_bytes == len(merged.data or b"") == 13
    assert texts.get("k").value == texts.at("k", version=2).value == merged.value
    page = texts.run(queries.list_entries(world.actor, CALL, texts.namespace.name))
    assert [entry.value for entry in page.entries] == [merged.value]
    diff = texts.run(
        queries.entry_diff(world.actor, CALL, texts.namespace.name, "k", before=1, after=2)
    )
    assert diff.patch == [{"op": "replace", "path": "", "value": merged.value}]

    texts.run(entries.roll_back_entry(world.actor, CALL, texts.namespace.name, "k", 1))
    again = texts.act("k", "apply", {"update": update}).entry
    assert again is not None
    assert again.value == "hello"  # the rollback deleted what the replica had inserted: known, gone


def test_a_copy_is_taken_in_every_mode(world: World) -> None:
    for mode in (
        {"concurrency": "crdt", "crdt": {"type": "set"}},
        {"concurrency": "reducer", "reducer": {"name": "append"}},
    ):
        copies = world.another(**mode)
        copies.put("k", [1, 2], in_any_mode=True)
        copies.put("k", [2, 3], in_any_mode=True)
        assert copies.get("k").value == [2, 3]


def test_a_namespace_changes_its_mode_only_as_its_values_allow(world: World) -> None:
    change = partial(update_namespace, world.actor, CALL)
    with tenant_scope(world.tenant.id):
        for fields, pointer in (
            ({"concurrency": "reducer"}, "/reducer"),
            ({"concurrency": "crdt", "crdt": {"type": "tree"}}, "/crdt"),
            ({"reducer": {"name": "add"}}, "/reducer"),
            ({"concurrency": "crdt", "crdt": {"type": "set"}, "reducer": {}}, "/reducer"),
        ):  # fmt: skip
            with pytest.raises(BadMode) as refused:
                change("notes", fields)
            assert [fault.pointer for fault in refused.value.errors] == [pointer]
        change("notes", {"concurrency": "reducer", "reducer": {"name": "add"}})
    world.act("k", "add", 1)
    with tenant_scope(world.tenant.id):
        for fields in (
            {"reducer": {"name": "max"}},
            {"concurrency": "crdt", "crdt": {"type": "counter"}},
        ):
            with pytest.raises(ModeInUse):
                change("notes", fields)
        change("notes", {"labels": {"a": "b"}})
        left = change("notes", {"concurrency": "versioned"})
    assert (left.reducer, left.crdt) == (None, None)
    world.put("k", "anything", if_version=1)
    world.delete("k", if_version=2)
    with tenant_scope(world.tenant.id):
        change("notes", {"concurrency": "crdt", "crdt": {"type": "counter"}})
    assert world.act("k", "increment", {}).entry.value == 1  # type: ignore[union-attr]


def test_too_many_lost_races_are_contended(
    world: World, listed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody is always quicker: after the last try nothing is written."""
    lists = replace(world, namespace=Namespace(name=listed))
    lists.act("k", "append", "first")
    tries: list[str] = []

    def behind(reducer: Any, old: Any, kind: str, payload: Any) -> Any:
        if payload == "late":
            tries.append(payload)
            lists.act("k", "append", "quicker")
        return reduce(reducer, old, kind, payload)

    monkeypatch.setattr("stateward.state.services.computing.reduce", behind)

    with pytest.raises(Contended):
        lists.act("k", "append", "late")

    assert len(tries) == 20
    assert lists.get("k").value == ["first"]  # the others were in the transaction that was undone

"""How each mode of concurrency answers a write: every line about modes, over HTTP and through the
client.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from pycrdt import Doc, Text

from agents_bridge import ActionConflict, Client, MergeConflict, Unprocessable, UseActions
from tests.contract.parties import Party, make_namespace
from tests.contract.problems import pointers, refused
from tests.e2e.shared_stack import SharedStack

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("shared_stack")]

REDUCERS: list[tuple[dict[str, Any], list[tuple[str, Any]], Any]] = [
    ({"name": "append"}, [("append", 1), ("append", [2])], [1, [2]]),
    ({"name": "union"}, [("union", [1, 2]), ("union", [2, True])], [1, 2, True]),
    ({"name": "remove"}, [("remove", [1])], []),
    ({"name": "add"}, [("add", 10**30), ("add", 1)], 10**30 + 1),
    ({"name": "max"}, [("max", 3), ("max", 9), ("max", 5)], 9),
    ({"name": "min"}, [("min", 3), ("min", 9)], 3),
    ({"name": "set_once"}, [("set_once", "first"), ("set_once", "second")], "first"),
    (
        {"name": "upsert_by", "by": "id"},
        [("upsert_by", {"id": 1, "a": 1}), ("upsert_by", {"id": 1, "b": 2})],
        [{"id": 1, "b": 2}],
    ),
    (
        {"name": "task_list"},
        [
            ("ADD", {"id": "a"}), ("ADD", {"id": "b"}),
            ("COMPLETE", {"id": "a"}), ("FAIL", {"id": "b"}),
        ],
        [{"id": "a", "status": "completed"}, {"id": "b", "status": "failed"}],
    ),
]  # fmt: skip
REPLICAS: list[tuple[str, list[tuple[str, dict[str, Any]]], Any]] = [
    ("counter", [("increment", {"by": 40}), ("increment", {"by": 2})], 42),
    ("set", [("add", {"item": "b"}), ("add", {"item": 1}), ("add", {"item": "a"}),
             ("remove", {"item": "b"})], [1, "a"]),
    ("map", [("set", {"member": "b", "value": [1]}), ("set", {"member": "a", "value": None}),
             ("unset", {"member": "b"})], {"a": None}),
    ("text", [("insert", {"at": 0, "text": "héllo 😀"}), ("delete", {"at": 1, "length": 4})],
     "h 😀"),
]  # fmt: skip


@pytest.fixture(scope="module")
def client(running_stack: SharedStack, builder: Party) -> Iterator[Client]:
    with Client(running_stack.url, builder.api_key) as client:
        yield client


def act(http: httpx.Client, place: str, kind: str, payload: Any, **headers: str) -> httpx.Response:
    body = {"type": kind, "payload": payload}
    return http.post(f"{place}/actions", json=body, headers=headers)


@pytest.mark.parametrize(
    ("reducer", "actions", "value"), REDUCERS, ids=[case[0]["name"] for case in REDUCERS]
)
def test_an_action_of_each_reducer(
    http: httpx.Client, client: Client, reducer: Any, actions: Any, value: Any
) -> None:
    name = make_namespace(http, concurrency="reducer", reducer=reducer)
    place = f"/namespaces/{name}/entries/k"

    for number, (kind, payload) in enumerate(actions, start=1):
        answer = act(http, place, kind, payload)
        assert (answer.status_code, answer.headers["etag"]) == (200, f'"{number}"')

    assert answer.json()["value"] == http.get(place).json()["value"] == value
    assert client.entries.get(name, "k").value == value
    refused(act(http, place, "another", 1), 422)
    refused(http.put(place, json={"value": 1}), 409, "use_actions")
    with pytest.raises(UseActions):
        client.entries.merge_patch(name, "k", {})


@pytest.mark.parametrize(("kind", "actions", "value"), REPLICAS, ids=[case[0] for case in REPLICAS])
def test_an_action_of_each_kind_of_replica(
    http: httpx.Client, client: Client, kind: str, actions: Any, value: Any
) -> None:
    name = make_namespace(http, concurrency="crdt", crdt={"type": kind})
    place = f"/namespaces/{name}/entries/k"

    for action, payload in actions:
        answer = act(http, place, action, payload)
        assert answer.status_code == 200

    assert answer.json()["value"] == http.get(place).json()["value"] == value
    refused(http.put(place, json={"value": value}), 409, "use_actions")
    assert pointers(refused(act(http, place, "append", {}), 422)) == ["/type"]
    first = http.get(place, params={"version": 1}).json()["value"]
    back = http.post(f"{place}/rollback", json={"version": 1})
    assert (back.status_code, back.json()["value"]) == (200, first)
    assert client.entries.act(name, "k", *actions[0]).version == len(actions) + 2


def test_replicas_updates_converge_in_any_order(http: httpx.Client, client: Client) -> None:
    name = make_namespace(http, concurrency="crdt", crdt={"type": "text"})
    updates = []
    for word in ("one ", "two "):
        offline: Doc[Any] = Doc()
        offline.get("value", type=Text).insert(0, word)
        updates.append(offline.get_update())

    for key, order in (("a", updates), ("b", [*updates[::-1], *updates])):
        for update in order:
            client.entries.apply_update(name, key, update)

    assert client.entries.get(name, "a").value == client.entries.get(name, "b").value
    place = f"/namespaces/{name}/entries/a"
    for bad in ("", "?", base64.b64encode(b"\x01\x01\x01\x00\x07").decode()):
        problem = refused(act(http, place, "apply", {"update": bad}), 422)
        assert pointers(problem) == ["/payload/update"]


def test_the_pages_example_runs(
    running_stack: SharedStack, builder: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATEWARD_URL", running_stack.url)
    monkeypatch.setenv("STATEWARD_API_KEY", builder.api_key)
    page = (Path(__file__).parents[2] / "docs" / "modes.md").read_text("utf-8")

    for block in re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE):
        exec(compile(block, "docs/modes.md", "exec"), {})


def test_eight_clients_with_25_increments_each(
    running_stack: SharedStack, http: httpx.Client, builder: Party
) -> None:
    counters = [
        (make_namespace(http, concurrency="reducer", reducer={"name": "add"}), "add", 1),
        (make_namespace(http, concurrency="crdt", crdt={"type": "counter"}), "increment", {}),
    ]

    def some(_: int) -> None:
        with Client(running_stack.url, builder.api_key) as client:
            for _ in range(25):
                for name, kind, payload in counters:
                    client.entries.act(name, "hot", kind, payload)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(some, range(8)))

    for name, _, _ in counters:
        entry = http.get(f"/namespaces/{name}/entries/hot").json()
        assert (entry["value"], entry["version"]) == (200, 200)


def test_updates_of_a_merged_object_are_all_there(
    running_stack: SharedStack, http: httpx.Client, builder: Party
) -> None:
    """Eight write their own member of one object, each on the version that it read once."""
    name = make_namespace(http, concurrency="merge")
    first = http.put(f"/namespaces/{name}/entries/k", json={"value": {}}).json()

    def some(who: int) -> None:
        with Client(running_stack.url, builder.api_key) as client:
            value: dict[str, int] = {}
            version = first["version"]
            for number in range(5):
                value[f"w{who}"] = number
                written = client.entries.put(name, "k", value, if_match=version)
                value, version = written.value, written.version

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(some, range(8)))

    entry = http.get(f"/namespaces/{name}/entries/k").json()
    assert entry["value"] == {f"w{who}": 4 for who in range(8)}
    assert entry["version"] == 41


def test_a_stale_write_is_merged_or_conflicts(http: httpx.Client, client: Client) -> None:
    name = make_namespace(http, concurrency="merge")
    place = f"/namespaces/{name}/entries/k"
    http.put(place, json={"value": {"a": 1, "b": 1}})
    http.put(place, json={"value": {"a": 2, "b": 1}})  # unconditional: on the newest version

    merged = http.put(place, json={"value": {"a": 1, "b": 9}}, headers={"If-Match": '"1"'})
    conflict = http.put(place, json={"value": {"a": 7, "b": 1}}, headers={"If-Match": '"1"'})
    future = http.put(place, json={"value": {}}, headers={"If-Match": '"99"'})

    assert (merged.status_code, merged.json()["value"]) == (200, {"a": 2, "b": 9})
    problem = refused(conflict, 409, "merge_conflict")
    assert (problem["conflicts"], problem["current_version"]) == (["/a"], 3)
    assert pointers(problem) == ["/value/a"]
    assert refused(future, 412)["current_version"] == 3
    with pytest.raises(MergeConflict) as caught:
        client.entries.put(name, "k", {"a": 8}, if_match=1)
    assert caught.value.conflicts == ("/a", "/b")
    assert caught.value.current_version == 3


def test_412_carries_the_version_in_every_mode(http: httpx.Client) -> None:
    modes: list[tuple[dict[str, Any], Any]] = [
        ({"concurrency": "last_write_wins"}, None),
        ({"concurrency": "versioned"}, None),
        ({"concurrency": "reducer", "reducer": {"name": "append"}}, ("append", 1)),
        ({"concurrency": "crdt", "crdt": {"type": "counter"}}, ("increment", {})),
    ]
    for settings, action in modes:
        place = f"/namespaces/{make_namespace(http, **settings)}/entries/k"
        stale = {"If-Match": '"5"'}
        if action is None:
            http.put(place, json={"value": 1}, headers={"If-None-Match": "*"})
            answer = http.put(place, json={"value": 2}, headers=stale)
        else:
            act(http, place, *action)
            answer = act(http, place, *action, **stale)
        assert refused(answer, 412)["current_version"] == 1


def test_an_action_is_read_strictly_and_done_once(http: httpx.Client, client: Client) -> None:
    name = make_namespace(http, concurrency="reducer", reducer={"name": "task_list"})
    place = f"/namespaces/{name}/entries/k"
    for body, status in (
        ({"type": "ADD"}, 400),
        ({"type": "ADD", "payload": {"id": 1}, "odd": 1}, 400),
        ({"type": 1, "payload": {"id": 1}}, 422),
        ({"type": "ADD", "payload": {"id": 1, "status": "open"}}, 422),
    ):
        refused(http.post(f"{place}/actions", json=body), status)

    once = {"Idempotency-Key": f"once-{name}"}
    first = act(http, place, "ADD", {"id": "a"}, **once)
    again = act(http, place, "ADD", {"id": "a"}, **once)

    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert again.headers["idempotency-replayed"] == "true"
    refused(act(http, place, "ADD", {"id": "a"}), 409, "action_conflict")
    with pytest.raises(ActionConflict):
        client.entries.act(name, "k", "COMPLETE", {"id": "b"})
    with pytest.raises(Unprocessable):
        client.entries.act(name, "k", "ADD", {})
    revision = http.get(f"{place}/revisions").json()["items"][0]
    assert (revision["operation"], revision["version"]) == ("action", 1)


def test_a_namespace_says_its_mode_and_keeps_to_it(http: httpx.Client, client: Client) -> None:
    name = make_namespace(http, concurrency="crdt", crdt={"type": "set"})
    told = http.get(f"/namespaces/{name}").json()
    assert (told["concurrency"], told["crdt"], told["reducer"]) == ("crdt", {"type": "set"}, None)
    assert client.namespaces.get(name).crdt == {"type": "set"}
    for settings in (
        {"concurrency": "reducer"},
        {"concurrency": "reducer", "reducer": {"name": "sum"}},
        {"concurrency": "crdt", "crdt": {"type": "tree"}},
        {"reducer": {"name": "add"}},
        {"concurrency": "other"},
    ):
        refused(http.post("/namespaces", json={"name": f"{name}-x", **settings}), 422)
    client.entries.add_item(name, "k", 1)

    answer = http.patch(f"/namespaces/{name}", json={"crdt": {"type": "map"}})

    refused(answer, 409, "mode_in_use")
    left = http.patch(f"/namespaces/{name}", json={"concurrency": "merge"}).json()
    assert (left["concurrency"], left["crdt"]) == ("merge", None)
    assert http.put(f"/namespaces/{name}/entries/k", json={"value": "any"}).status_code == 200

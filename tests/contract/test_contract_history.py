"""A namespace's past, checkpoints and restores: each line of the contract."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import jsonpatch
import pytest

from agents_bridge import AsyncClient, Client, Conflict
from tests.contract.parties import Enter, Party
from tests.contract.problems import refused
from tests.e2e.shared_stack import SharedStack

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("shared_stack")]


def put(http: httpx.Client, namespace: str, key: str, value: object) -> dict[str, str]:
    answer = http.put(f"/namespaces/{namespace}/entries/{key}", json={"value": value})
    assert answer.status_code in {200, 201}, answer.text
    entry: dict[str, str] = answer.json()
    return entry


def test_a_namespace_is_read_as_of_a_time_and_again_at_the_same_cut(
    http: httpx.Client, namespace: str
) -> None:
    put(http, namespace, "a", 1)
    then = put(http, namespace, "b", 2)["updated_at"]
    put(http, namespace, "a", 3)
    put(http, namespace, "c", 4)
    path = f"/namespaces/{namespace}/entries"

    first = http.get(path, params={"as_of": then, "limit": 1})
    position = first.headers["stateward-as-of"]
    put(http, namespace, "b", 5)
    rest = http.get(path, params={"as_of": then, "cursor": first.json()["next_cursor"]})
    again = http.get(path, params={"as_of": position})

    assert [(e["key"], e["value"]) for e in first.json()["items"]] == [("a", 1)]
    assert [(e["key"], e["value"]) for e in rest.json()["items"]] == [("b", 2)]
    assert rest.headers["stateward-as-of"] == again.headers["stateward-as-of"] == position
    assert {e["key"]: e["value"] for e in again.json()["items"]} == {"a": 1, "b": 2}
    assert set(again.json()) == {"items", "next_cursor", "lost"}
    assert set(position) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    for bad in ("yesterday", "", "WzFd"):
        refused(http.get(path, params={"as_of": bad}), 400)


def test_a_transaction_is_in_a_cut_wholly(http: httpx.Client, namespace: str) -> None:
    operations = [{"op": "put", "key": key, "value": 1} for key in ("x", "y")]
    http.post(f"/namespaces/{namespace}/transactions", json={"operations": operations})
    path = f"/namespaces/{namespace}/entries"
    at = http.get(f"{path}/x").json()["updated_at"]
    before = at[:-7] + f"{int(at[-7:-1]) - 1:06d}Z" if not at.endswith("000000Z") else at

    assert len(http.get(path, params={"as_of": at}).json()["items"]) == 2
    assert len(http.get(path, params={"as_of": before}).json()["items"]) in {0, 2}


def test_diffs_of_an_entry_are_between_versions_or_times(
    http: httpx.Client, namespace: str
) -> None:
    first = put(http, namespace, "k", {"n": 1})
    second = put(http, namespace, "k", {"n": 2, "m": [1]})
    path = f"/namespaces/{namespace}/entries/k/diff"

    by_version = http.get(path, params={"from": 1, "to": 2}).json()
    by_time = http.get(path, params={"from": first["updated_at"], "to": second["updated_at"]})

    assert by_time.json() == by_version
    assert jsonpatch.apply_patch({"n": 1}, by_version["patch"]) == {"n": 2, "m": [1]}
    before = http.get(path, params={"from": "2020-01-01T00:00:00Z", "to": 1}).json()
    assert before["from"] == 0
    refused(http.get(path, params={"from": "soon", "to": 1}), 400)


def test_a_rollback_is_previewed(http: httpx.Client, namespace: str) -> None:
    put(http, namespace, "k", {"n": "text"})
    put(http, namespace, "k", {"n": 2})
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    http.patch(f"/namespaces/{namespace}", json={"schema": schema})
    path = f"/namespaces/{namespace}/entries/k"

    seen = http.post(f"{path}/rollback?dry_run=true", json={"version": 1}).json()

    assert (seen["current_version"], seen["version"], seen["dry_run"]) == (2, 1, True)
    assert jsonpatch.apply_patch({"n": 2}, seen["patch"]) == {"n": "text"}
    assert (seen["valid"], seen["errors"][0]["pointer"]) == (False, "/value/n")
    assert seen["allowed"] is True
    assert http.get(path).json()["version"] == 2
    refused(http.post(f"{path}/rollback?dry_run=maybe", json={"version": 1}), 400)


def test_a_checkpoint_is_made_compared_and_restored(
    http: httpx.Client, namespace: str, builder: Party
) -> None:
    for key in ("same", "changed", "deleted"):
        put(http, namespace, key, {"n": 1})
    path = f"/namespaces/{namespace}/checkpoints"
    made = http.post(path, json={"label": "before"}, headers={"Idempotency-Key": uuid4().hex})
    checkpoint = made.json()
    put(http, namespace, "changed", {"n": 2})
    put(http, namespace, "created", {"n": 3})
    http.delete(f"/namespaces/{namespace}/entries/deleted")

    assert made.status_code == 201
    assert made.headers["location"].endswith(checkpoint["id"])
    assert (checkpoint["label"], checkpoint["namespace"]) == ("before", namespace)
    assert checkpoint["made_by"]["id"] == builder.id
    assert http.get(path).json()["items"] == [checkpoint]
    assert http.get(f"{path}/{checkpoint['id']}").json() == checkpoint

    told = http.get(f"{path}/{checkpoint['id']}/diff?to=now").json()
    assert [(item["key"], item["change"]) for item in told["items"]] == [
        ("changed", "changed"), ("created", "created"), ("deleted", "deleted"),
    ]  # fmt: skip
    assert told["items"][0]["patch"] == [{"op": "replace", "path": "/n", "value": 2}]
    page = http.get(f"{path}/{checkpoint['id']}/diff", params={"limit": 2}).json()
    rest = http.get(f"{path}/{checkpoint['id']}/diff", params={"cursor": page["next_cursor"]})
    assert page["items"] + rest.json()["items"] == told["items"]

    restore = f"{path}/{checkpoint['id']}/restore"
    would = http.post(restore, json={"dry_run": True}).json()
    assert http.get(f"/namespaces/{namespace}/entries/changed").json()["version"] == 2
    key = {"Idempotency-Key": uuid4().hex}
    done = http.post(restore, headers=key)
    assert done.status_code == 200
    assert [(item["key"], item["change"]) for item in done.json()["items"]] == [
        ("changed", "changed"), ("created", "deleted"), ("deleted", "created"),
    ]  # fmt: skip
    assert [item["key"] for item in would["items"]] == ["changed", "created", "deleted"]
    assert (done.json()["lost"], done.json()["next_cursor"]) == ([], None)
    assert http.post(restore, headers=key).json() == done.json()
    assert http.post(restore).json()["items"] == []
    entries = http.get(f"/namespaces/{namespace}/entries").json()["items"]
    assert {e["key"]: (e["value"]["n"], e["version"]) for e in entries} == {
        "same": (1, 1), "changed": (1, 3), "deleted": (1, 3),
    }  # fmt: skip

    assert http.delete(f"{path}/{checkpoint['id']}").status_code == 204
    refused(http.get(f"{path}/{checkpoint['id']}"), 404)
    assert http.post(path, json={}).status_code in {400, 422}
    refused(http.post(path, json={"label": "x", "odd": 1}), 400)


def test_a_namespace_is_compared_and_restored_to_a_time(http: httpx.Client, namespace: str) -> None:
    then = put(http, namespace, "a", 1)["updated_at"]
    put(http, namespace, "a", 2)

    told = http.get(f"/namespaces/{namespace}/diff", params={"from": then}).json()
    done = http.post(f"/namespaces/{namespace}/restore", json={"as_of": then}).json()

    assert [(item["key"], item["patch"]) for item in told["items"]] == [
        ("a", [{"op": "replace", "path": "", "value": 2}])
    ]
    assert [(item["key"], item["version"], item["from_version"]) for item in done["items"]] == [
        ("a", 3, 1)
    ]
    refused(http.get(f"/namespaces/{namespace}/diff"), 400)
    refused(http.post(f"/namespaces/{namespace}/restore", json={"as_of": "soon"}), 400)


def test_who_may_only_read_makes_and_restores_nothing(
    http: httpx.Client, reader: Party, enter: Enter, namespace: str
) -> None:
    put(http, namespace, "a", 1)
    path = f"/namespaces/{namespace}/checkpoints"
    made = http.post(path, json={"label": "x"}).json()
    put(http, namespace, "a", 2)
    stranger = enter("builder")

    refused(reader.http.post(path, json={"label": "x"}), 403)
    assert reader.http.get(f"{path}/{made['id']}/diff").json()["items"][0]["change"] == "changed"
    refused(reader.http.post(f"{path}/{made['id']}/restore"), 403)
    refused(reader.http.delete(f"{path}/{made['id']}"), 403)
    refused(stranger.http.get(path), 404)
    refused(
        stranger.http.get(f"/namespaces/{namespace}/entries", params={"as_of": made["at"]}), 404
    )
    assert http.get(f"/namespaces/{namespace}/entries/a").json()["value"] == 2


@pytest.mark.parametrize("kind", ["blocking", "asyncio"])
def test_the_client_goes_back(
    kind: str, running_stack: SharedStack, builder: Party, namespace: str
) -> None:
    if kind == "blocking":
        with Client(running_stack.url, builder.api_key) as client:
            client.entries.put(namespace, "a", {"n": 1})
            made = client.checkpoints.create(namespace, "before")
            client.entries.put(namespace, "a", {"n": 2})
            (told,) = client.checkpoints.diff(namespace, made.id)
            (then,) = client.entries.list(namespace, as_of=made.position)
            would = client.checkpoints.restore(namespace, made.id, dry_run=True)
            done = client.checkpoints.restore(namespace, made.id, idempotency_key=uuid4().hex)
            assert [one.id for one in client.checkpoints.list(namespace)] == [made.id]
            assert [*client.checkpoints.compare(namespace, made.at)] == []
            client.checkpoints.delete(namespace, made.id)
            now = client.entries.get(namespace, "a")
    else:
        told, then, would, done, now = asyncio.run(_go_back(running_stack, builder, namespace))
    assert (told.change, told.patch) == (
        "changed", ({"op": "replace", "path": "/n", "value": 2},),
    )  # fmt: skip
    assert then.value == now.value == {"n": 1}
    assert [one.key for one in would.items] == [one.key for one in done.items] == ["a"]
    assert now.version == 3


async def _go_back(stack: SharedStack, builder: Party, namespace: str) -> Any:
    async with AsyncClient(stack.url, builder.api_key) as client:
        await client.entries.put(namespace, "a", {"n": 1})
        made = await client.checkpoints.create(namespace, "before")
        await client.entries.put(namespace, "a", {"n": 2})
        (told,) = [one async for one in client.checkpoints.diff(namespace, made.id)]
        (then,) = [one async for one in client.entries.list(namespace, as_of=made.position)]
        would = await client.checkpoints.restore_to(namespace, made.at, dry_run=True)
        done = await client.checkpoints.restore_to(namespace, made.position)
        return told, then, would, done, await client.entries.get(namespace, "a")


def test_a_branch_goes_its_way_and_is_merged_back(
    running_stack: SharedStack, builder: Party, reader: Party, http: httpx.Client, namespace: str
) -> None:
    name = f"contract.b{uuid4().hex}"
    with Client(running_stack.url, builder.api_key) as client:
        client.entries.put(namespace, "a", {"n": 1})
        client.entries.put(namespace, "b", {"n": 1})
        made = client.branches.create(namespace, name)
        client.entries.put(name, "a", {"n": 2})
        client.entries.put(name, "b", {"n": 2})
        client.entries.put(namespace, "b", {"n": 3})
        would = client.branches.merge(name, dry_run=True)
        with pytest.raises(Conflict) as refusal:
            client.branches.merge(name)
        done = client.branches.merge(name, prefer="parent", idempotency_key=uuid4().hex)

        assert (made.namespace, made.parent) == (name, namespace)
        assert [one.namespace for one in client.branches.list(namespace)] == [name]
        assert client.branches.get(name).parent == namespace
        assert [(one.key, one.pointers) for one in would.conflicts] == [("b", ("/n",))]
        assert refusal.value.code == "branch_conflicts"
        assert [one.key for one in done.items] == ["a"]
        assert client.entries.get(namespace, "a").value == {"n": 2}
        assert client.entries.get(namespace, "b").value == {"n": 3}
    refused(http.get(f"/namespaces/{namespace}/branch"), 404)
    refused(reader.http.post(f"/namespaces/{namespace}/branches", json={"name": "x.y"}), 403)


def test_a_branch_of_nothing_to_merge_may_be_looked_at_by_readers(
    reader: Party, http: httpx.Client, namespace: str
) -> None:
    put(http, namespace, "a", 1)
    name = f"contract.b{uuid4().hex}"
    http.post(f"/namespaces/{namespace}/branches", json={"name": name})
    put(http, name, "a", 2)

    seen = reader.http.post(f"/namespaces/{name}/branch/merge", json={"dry_run": True})

    assert [one["key"] for one in seen.json()["items"]] == ["a"]
    refused(reader.http.post(f"/namespaces/{name}/branch/merge"), 403)

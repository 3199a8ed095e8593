"""The server in memory: the past of a namespace, branches, quotas and schemas, as the real one."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from agents_bridge import (
    ApiError,
    Client,
    Conflict,
    NotFound,
    Retry,
    StorageFull,
    TooManyRequests,
    Unprocessable,
)
from agents_bridge.testing import FakeServer

LIMITED = {"type": "object", "properties": {"n": {"type": "integer", "maximum": 5}}}


@pytest.fixture
def client(server: FakeServer) -> Client:
    made = server.client(retry=Retry(attempts=1))
    made.namespaces.create("notes")
    return made


def test_a_namespace_is_listed_as_it_was(client: Client, clock: Any) -> None:
    client.entries.put("notes", "a", 1)
    client.entries.put("notes", "gone", 1)
    then = clock.now
    clock.advance(1)
    client.entries.put("notes", "a", 2)
    client.entries.put("notes", "b", 2)
    client.entries.delete("notes", "gone")

    was = [(one.key, one.value) for one in client.entries.list("notes", as_of=then)]

    assert was == [("a", 1), ("gone", 1)]
    assert [one.key for one in client.entries.list("notes", as_of=clock.advance(1))] == ["a", "b"]


def test_an_answer_of_the_past_names_the_cut(server: FakeServer, client: Client) -> None:
    client.entries.put("notes", "a", 1)
    http = httpx.Client(
        base_url=f"{server.url}/api/v1/namespaces/notes",
        transport=server.transport,
        headers={"Authorization": f"Bearer {server.api_key}"},
    )
    first = http.get("/entries", params={"as_of": "2100-01-01T00:00:00Z"})
    client.entries.put("notes", "a", 2)
    again = http.get("/entries", params={"as_of": first.headers["stateward-as-of"]})

    assert again.json() == first.json()
    assert first.json()["lost"] == []
    for bad in ("yesterday", "", "2026-01-01T00:00:00"):
        assert http.get("/entries", params={"as_of": bad}).status_code == 400


def test_a_namespace_made_anew_has_no_past(client: Client, clock: Any) -> None:
    client.entries.put("notes", "a", 1)
    client.namespaces.delete("notes", force=True)
    client.namespaces.create("notes")
    client.entries.put("notes", "b", 1)

    assert [one.key for one in client.entries.list("notes", as_of=clock.now)] == ["b"]


def test_a_branch_goes_its_way_and_is_merged_back(client: Client) -> None:
    client.entries.put("notes", "a", {"n": 1, "m": 1}, labels={"x": "y"})
    client.entries.put("notes", "b", 1)
    made = client.branches.create("notes", "notes.try")
    client.entries.put("notes.try", "a", {"n": 2, "m": 1})
    client.entries.put("notes.try", "c", 3)
    client.entries.delete("notes.try", "b")
    client.entries.put("notes", "a", {"n": 1, "m": 9})

    would = client.branches.merge("notes.try", dry_run=True)
    done = client.branches.merge("notes.try")

    assert (made.namespace, made.parent) == ("notes.try", "notes")
    assert client.entries.get("notes.try", "a").labels == {"x": "y"}
    told = [(one.key, one.change, one.both) for one in done.items]
    assert told == [("a", "changed", True), ("b", "deleted", False), ("c", "created", False)]
    assert [one.key for one in would.items] == ["a", "b", "c"]
    assert client.entries.get("notes", "a").value == {"n": 2, "m": 9}
    assert [one.key for one in client.entries.list("notes")] == ["a", "c"]
    assert client.branches.merge("notes.try").items == ()


def test_a_clash_is_told_and_nothing_merged(client: Client) -> None:
    client.entries.put("notes", "a", {"n": 1})
    client.branches.create("notes", "notes.try")
    client.entries.put("notes.try", "a", {"n": 2})
    client.entries.put("notes", "a", {"n": 3})

    with pytest.raises(Conflict) as refused:
        client.branches.merge("notes.try")
    would = client.branches.merge("notes.try", dry_run=True)
    kept = client.branches.merge("notes.try", prefer="parent")

    assert refused.value.code == "branch_conflicts"
    assert [(one.key, one.pointers) for one in would.conflicts] == [("a", ("/n",))]
    assert kept.items == ()
    assert client.entries.get("notes", "a").value == {"n": 3}


def test_what_is_no_branch_is_not_found(client: Client) -> None:
    with pytest.raises(NotFound):
        client.branches.get("notes")
    with pytest.raises(Conflict):
        client.branches.create("notes", "notes")
    assert [*client.branches.list("notes")] == []


def test_a_quota_refuses_what_is_new_and_lets_delete(client: Client, clock: Any) -> None:
    set_to = client.namespaces.set_quota("notes", entries=1, writes_per_day=4)
    client.entries.put("notes", "a", 1)

    with pytest.raises(StorageFull) as full:
        client.entries.put("notes", "b", 1)
    client.entries.delete("notes", "a")
    for number in range(3):
        client.entries.put("notes", "b", number)
    with pytest.raises(TooManyRequests) as spent:
        client.entries.put("notes", "b", 9)
    clock.advance(86_400)
    client.entries.put("notes", "b", 9)

    assert (set_to["entries"], set_to["bytes"]) == (1, None)
    assert full.value.problem["limit"] == 1
    assert spent.value.code == "daily_quota_exceeded"
    assert client.namespaces.quota("notes")["used"]["entries"] == 1


def test_a_quota_of_bytes_counts_the_history(client: Client) -> None:
    client.namespaces.set_quota("notes", bytes=400)
    client.entries.put("notes", "a", "x" * 98)
    client.entries.put("notes", "a", "y" * 98)

    with pytest.raises(StorageFull):
        client.entries.put("notes", "a", "z" * 120)
    with pytest.raises(Unprocessable):
        client.namespaces.set_quota("notes", bytes=-1)


def test_a_schema_is_checked_and_put_in_force(client: Client) -> None:
    client.entries.put("notes", "a", {"n": 9})
    drafted = client.schemas.create("notes", LIMITED, note="small")

    checked = client.schemas.check("notes", drafted.version)
    refused = client.schemas.activate("notes", drafted.version)
    client.entries.put("notes", "a", {"n": 1})
    done = client.schemas.wait("notes", client.schemas.activate("notes", 1).id)

    assert (checked.state, checked.counts["failing"]) == ("done", 1)
    assert refused.state == "refused"
    assert refused.samples[0]["errors"][0]["pointer"] == "/n"
    assert (done.state, client.schemas.get("notes", 1).state) == ("done", "active")
    with pytest.raises(Unprocessable) as unfit:
        client.entries.put("notes", "a", {"n": 6})
    assert [one.pointer for one in unfit.value.errors] == ["/value/n"]
    assert [one.kind for one in client.schemas.runs("notes")] == ["activate", "activate", "check"]


def test_the_schema_of_the_settings_is_a_version_too(client: Client) -> None:
    client.namespaces.update("notes", schema=LIMITED)
    client.schemas.create("notes", True)
    client.schemas.retire("notes", 2)

    told = [(one.version, one.state) for one in client.schemas.list("notes")]

    assert told == [(2, "retired"), (1, "active")]
    with pytest.raises(Conflict):
        client.schemas.retire("notes", 1)
    with pytest.raises(NotFound):
        client.schemas.get("notes", 3)


@pytest.mark.parametrize(
    ("schema", "fits", "breaks"),
    [
        ({"type": ["string", "null"]}, None, 1),
        ({"type": "integer"}, 2.0, True),
        ({"enum": [1, "a"]}, "a", True),
        ({"const": False}, False, 0),
        ({"minimum": 1}, 1, 0),
        ({"exclusiveMaximum": 1}, "text", 1),
        ({"pattern": "^a+$"}, "aa", "b"),
        ({"minItems": 1, "items": {"type": "number"}}, [1, 2.5], [1, "a"]),
        ({"required": ["a"]}, {"a": None}, {}),
        ({"properties": {"a": True}, "additionalProperties": False}, {"a": 1}, {"b": 1}),
    ],
    ids=str,
)
def test_it_judges_as_the_real_server_does(
    client: Client, schema: Any, fits: Any, breaks: Any
) -> None:
    from jsonschema_rs import validator_for  # noqa: PLC0415  # the server's, not the bridge's

    client.namespaces.update("notes", schema=schema)
    client.entries.put("notes", "a", fits)
    with pytest.raises(Unprocessable):
        client.entries.put("notes", "a", breaks)

    assert validator_for(schema).is_valid(fits)
    assert not validator_for(schema).is_valid(breaks)


def test_what_it_cannot_judge_it_says(client: Client) -> None:
    for schema in ({"oneOf": []}, {"properties": {"a": {"format": "email"}}}):
        with pytest.raises(ApiError) as refused:
            client.schemas.create("notes", schema)
        assert refused.value.status == 501
    with pytest.raises(ApiError) as migrating:
        client.schemas.create("notes", True, steps=[{"op": "remove", "path": "/a"}])
    assert migrating.value.code == "not_in_the_fake"

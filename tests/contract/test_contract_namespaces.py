"""Namespaces: names, fields, defaults, deletion."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.contract.parties import Party, make_namespace
from tests.contract.problems import pointers, refused, soon

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("shared_stack")]


def fresh() -> str:
    return f"contract.n{uuid4().hex}"


def test_only_a_name_is_needed(http: httpx.Client, builder: Party) -> None:
    name = fresh()

    answer = http.post("/namespaces", json={"name": name})

    assert answer.status_code == 201
    created = answer.json()
    assert {
        field: created[field] for field in ("name", "scope", "concurrency", "classification")
    } == {
        "name": name,
        "scope": "shared",
        "concurrency": "last_write_wins",
        "classification": "internal",
    }
    assert (created["schema"], created["labels"], created["default_ttl_seconds"]) == (
        None,
        {},
        None,
    )
    assert created["owner"]["id"] == builder.id
    assert created["created_at"].endswith("Z")
    assert http.get(f"/namespaces/{name}").json() == created


@pytest.mark.parametrize(
    "name",
    ["a", "9", "a.b", "a-b_c.d", ".".join("abcdefghij"), "x" * 63, ".".join(["y" * 63] * 10)],
)
def test_names_that_are_names(http: httpx.Client, name: str) -> None:
    http.delete(f"/namespaces/{name}")

    assert http.post("/namespaces", json={"name": name}).status_code == 201
    assert http.get(f"/namespaces/{name}").json()["name"] == name
    assert http.delete(f"/namespaces/{name}").status_code == 204


@pytest.mark.parametrize(
    "name",
    ["", ".", "a.", ".a", "a..b", "A", "-a", "_a", "a b", "a/b", "ä", "x" * 64, "a\n",
     ".".join("abcdefghijk"), "a" * 700, None, 1, [], {}, True],
)  # fmt: skip
def test_names_that_are_none(http: httpx.Client, name: Any) -> None:
    answer = http.post("/namespaces", json={"name": name})

    assert answer.status_code in {400, 422}
    assert pointers(refused(answer, answer.status_code)) == ["/name"]


def test_every_field_is_taken_and_kept(http: httpx.Client) -> None:
    fields = {
        "scope": "task",
        "concurrency": "versioned",
        "schema": {"type": "object", "properties": {"n": {"type": "integer"}}},
        "classification": "public",
        "labels": {"team": "desk"},
        "default_ttl_seconds": 3600,
    }

    created = http.get(f"/namespaces/{make_namespace(http, **fields)}").json()

    assert {name: created[name] for name in fields} == fields


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("scope", "galaxy"),
        ("concurrency", "hope"),
        ("classification", "secret"),
        ("schema", {"type": "nonsense"}),
        ("schema", "text"),
        ("labels", ["a"]),
        ("labels", {"a": {}}),
        ("default_ttl_seconds", 0),
        ("default_ttl_seconds", "soon"),
        ("tenant_id", "00000000-0000-0000-0000-000000000000"),
        ("created_at", "2020-01-01T00:00:00Z"),
        ("owner", {"type": "agent", "id": "00000000-0000-7000-8000-000000000000"}),
        ("legal_hold", True),
    ],
)
def test_a_wrong_or_unknown_field_is_refused_with_its_place(
    http: httpx.Client, field: str, value: Any
) -> None:
    name = fresh()

    answer = http.post("/namespaces", json={"name": name, field: value})

    assert answer.status_code in {400, 422}
    assert all(p.startswith(f"/{field}") for p in pointers(refused(answer, answer.status_code)))
    assert http.get(f"/namespaces/{name}").status_code == 404


def test_a_name_is_taken_once(http: httpx.Client, namespace: str) -> None:
    refused(http.post("/namespaces", json={"name": namespace}), 409, "namespace_exists")


def test_a_change_leaves_the_rest(http: httpx.Client) -> None:
    name = make_namespace(http, labels={"a": "b"}, default_ttl_seconds=60)

    changed = http.patch(f"/namespaces/{name}", json={"classification": "public"}).json()
    cleared = http.patch(f"/namespaces/{name}", json={"default_ttl_seconds": None}).json()

    assert (changed["classification"], changed["labels"], changed["default_ttl_seconds"]) == (
        "public",
        {"a": "b"},
        60,
    )
    assert cleared["default_ttl_seconds"] is None
    assert cleared["updated_at"] > changed["created_at"]


def test_a_name_does_not_change(http: httpx.Client, namespace: str) -> None:
    answer = http.patch(f"/namespaces/{namespace}", json={"name": "other"})

    assert answer.status_code in {400, 422}


def test_deleting_wants_it_empty_or_force(http: httpx.Client, namespace: str, place: str) -> None:
    http.put(place, json={"value": 1})

    refused(http.delete(f"/namespaces/{namespace}"), 409, "namespace_not_empty")
    assert http.delete(f"/namespaces/{namespace}?force=true").status_code == 204
    refused(http.get(f"/namespaces/{namespace}"), 404)
    refused(http.put(place, json={"value": 2}), 404)
    refused(soon(lambda: http.get(place), 404), 404)


def test_one_made_anew_is_another(http: httpx.Client, namespace: str, place: str) -> None:
    http.put(place, json={"value": 1})
    http.delete(f"/namespaces/{namespace}?force=true")
    http.post("/namespaces", json={"name": namespace})

    refused(soon(lambda: http.get(place), 404), 404)
    refused(soon(lambda: http.get(f"{place}/revisions"), 404), 404)
    assert http.put(place, json={"value": 2}).json()["version"] == 1


def test_lists_are_pages_by_name(http: httpx.Client) -> None:
    prefix = f"contract.l{uuid4().hex}"
    for number in range(5):
        http.post("/namespaces", json={"name": f"{prefix}.n{number}"})
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = http.get("/namespaces", params={"prefix": prefix, "limit": 2, **cursor}).json()
        seen += [item["name"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}

    assert seen == [f"{prefix}.n{number}" for number in range(5)]


def test_a_reader_may_not_make_or_change(reader: Party, namespace: str) -> None:
    for answer in (
        reader.http.post("/namespaces", json={"name": fresh()}),
        reader.http.patch(f"/namespaces/{namespace}", json={"labels": {}}),
        reader.http.delete(f"/namespaces/{namespace}"),
    ):
        document = refused(answer, 403)
        assert document["decision_id"]
        assert document["reason"]


def test_an_entry_takes_its_namespaces_time_to_live(http: httpx.Client) -> None:
    name = make_namespace(http, default_ttl_seconds=3600)

    entry = http.put(f"/namespaces/{name}/entries/k", json={"value": 1}).json()

    assert entry["expires_at"] is not None


def test_a_schema_guards_every_value(http: httpx.Client) -> None:
    schema = {
        "type": "object",
        "properties": {"n": {"type": "integer"}, "list": {"items": {"type": "string"}}},
        "required": ["n"],
    }
    name = make_namespace(http, schema=schema)
    path = f"/namespaces/{name}/entries/k"

    assert http.put(path, json={"value": {"n": 1, "list": ["a"]}}).status_code == 201
    wrong = refused(
        http.put(path, json={"value": {"n": "1", "list": [1]}}), 422, "schema_violation"
    )
    patch = {"Content-Type": "application/merge-patch+json"}
    patched = refused(http.patch(path, content=b'{"n":null}', headers=patch), 422)
    assert sorted(pointers(wrong)) == ["/value/list/0", "/value/n"]
    assert patched["errors"]
    assert http.get(path).json()["version"] == 1

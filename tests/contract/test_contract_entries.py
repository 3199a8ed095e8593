"""Entries: each row of the table of calls."""

from __future__ import annotations

import json
import time
from datetime import datetime
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx
import jsonpatch
import pytest

from tests.contract.parties import Party, make_namespace
from tests.contract.problems import pointers, refused

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("shared_stack")]

MERGE = {"Content-Type": "application/merge-patch+json"}
PATCH = {"Content-Type": "application/json-patch+json"}
MEMBERS = {
    "namespace", "key", "value", "version", "created_at", "updated_at", "updated_by",
    "expires_at", "labels", "size_bytes", "classification",
}  # fmt: skip


def test_an_entry_looks_as_promised(
    http: httpx.Client, builder: Party, namespace: str, place: str
) -> None:
    answer = http.put(place, json={"value": {"a": [1]}, "labels": {"x": "y"}, "note": "first"})

    entry = answer.json()
    assert answer.status_code == 201
    assert answer.headers["etag"] == '"1"'
    assert answer.headers["cache-control"] == "no-store"
    assert set(entry) == MEMBERS
    assert (entry["namespace"], entry["key"], entry["version"]) == (namespace, "k", 1)
    assert (entry["labels"], entry["expires_at"], entry["size_bytes"]) == ({"x": "y"}, None, 9)
    assert entry["updated_by"] == {"type": "agent", "id": builder.id, "name": builder.name}
    assert entry["created_at"] == entry["updated_at"]
    assert len(entry["created_at"]) == len("2026-11-21T12:00:00.000000Z")
    assert http.get(place).json() == entry
    assert http.put(place, json={"value": 1}).status_code == 200


def test_a_read_knows_what_is_unchanged(http: httpx.Client, place: str) -> None:
    http.put(place, json={"value": 1})

    unchanged = http.get(place, headers={"If-None-Match": '"1"'})
    http.put(place, json={"value": 2})
    changed = http.get(place, headers={"If-None-Match": '"1"'})

    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert unchanged.headers["etag"] == '"1"'
    assert changed.json()["version"] == 2


def test_the_past_is_read_by_version_and_by_time(http: httpx.Client, place: str) -> None:
    first = http.put(place, json={"value": "old"}).json()
    second = http.put(place, json={"value": "new"}).json()

    def as_of(moment: str) -> httpx.Response:
        return http.get(place, params={"as_of": moment})

    assert http.get(f"{place}?version=1").json()["value"] == "old"
    assert as_of(first["updated_at"]).json()["value"] == "old"
    assert as_of(second["updated_at"]).json()["value"] == "new"
    refused(as_of("2020-01-01T00:00:00Z"), 404)
    refused(http.get(f"{place}?version=3"), 404)
    for query in (
        "version=0",
        "version=x",
        "as_of=yesterday",
        "version=1&as_of=2020-01-01T00:00:00Z",
        "odd=1",
    ):
        refused(http.get(f"{place}?{query}"), 400)


def test_conditions_are_honoured(http: httpx.Client, place: str) -> None:
    def put(value: int, **headers: str) -> httpx.Response:
        return http.put(place, json={"value": value}, headers=headers)

    absent = refused(put(0, **{"If-Match": '"1"'}), 412)
    assert absent["current_version"] is None
    assert put(1, **{"If-None-Match": "*"}).status_code == 201
    assert refused(put(2, **{"If-None-Match": "*"}), 412)["current_version"] == 1
    assert put(2, **{"If-Match": '"1"'}).json()["version"] == 2
    assert refused(put(3, **{"If-Match": '"1"'}), 412)["current_version"] == 2
    assert refused(put(3, **{"If-Match": '"99999999999999999999"'}), 412)
    refused(put(3, **{"If-Match": "2"}), 400)
    assert http.get(place).json()["value"] == 2


def test_left_out_stays_and_null_clears(http: httpx.Client, place: str) -> None:
    http.put(place, json={"value": 1, "ttl_seconds": 3600, "labels": {"a": "b"}})
    kept = http.put(place, json={"value": 2}).json()
    cleared = http.put(place, json={"value": 3, "ttl_seconds": None, "labels": None}).json()

    assert kept["expires_at"] is not None
    assert kept["labels"] == {"a": "b"}
    assert (cleared["expires_at"], cleared["labels"]) == (None, {})


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/value"),
        ([], ""),
        ("text", ""),
        ({"value": 1, "mood": 1}, "/mood"),
        ({"value": 1, "version": 7}, "/version"),
        ({"value": 1, "tenant_id": "x"}, "/tenant_id"),
        ({"value": 1, "a/b~c": 1}, "/a~1b~0c"),
        ({"value": 1, "ttl_seconds": 0}, "/ttl_seconds"),
        ({"value": 1, "ttl_seconds": -5}, "/ttl_seconds"),
        ({"value": 1, "ttl_seconds": "1"}, "/ttl_seconds"),
        ({"value": 1, "ttl_seconds": True}, "/ttl_seconds"),
        ({"value": 1, "ttl_seconds": 1e300}, "/ttl_seconds"),
        ({"value": 1, "labels": []}, "/labels"),
        ({"value": 1, "labels": {"a": 1}}, "/labels/a"),
        ({"value": 1, "note": 1}, "/note"),
        ({"value": 1, "note": "x" * 100_000}, "/note"),
    ],
)
def test_a_wrong_body_is_refused_with_its_place(
    http: httpx.Client, place: str, body: Any, pointer: str
) -> None:
    answer = http.put(place, json=body)

    assert answer.status_code in {400, 422}
    assert pointers(refused(answer, answer.status_code)) == [pointer]
    refused(http.get(place), 404)


def test_merge_patches_change_members(http: httpx.Client, place: str) -> None:
    http.put(place, json={"value": {"a": 1, "b": {"c": 2, "d": 3}}})

    patched = http.patch(place, content=b'{"a":null,"b":{"c":4},"e":[1]}', headers=MERGE)

    assert patched.status_code == 200
    assert patched.json()["value"] == {"b": {"c": 4, "d": 3}, "e": [1]}
    assert patched.headers["etag"] == '"2"'


def test_json_patches_do_as_told(http: httpx.Client, place: str) -> None:
    http.put(place, json={"value": {"l": [1, 3]}})
    operations = [
        {"op": "test", "path": "/l/0", "value": 1},
        {"op": "add", "path": "/l/1", "value": 2},
        {"op": "move", "from": "/l", "path": "/m"},
        {"op": "copy", "from": "/m/0", "path": "/n"},
    ]

    patched = http.patch(place, content=json.dumps(operations), headers=PATCH)

    assert patched.json()["value"] == {"m": [1, 2, 3], "n": 1}


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b'[{"op":"test","path":"/a","value":2}]', 409),
        (b'[{"op":"remove","path":"/b"}]', 422),
        (b'{"op":"remove"}', 400),
        (b'[{"op":"dance","path":"/a"}]', 400),
        (b'[{"op":"add","path":"a","value":1}]', 400),
        (b"[", 400),
    ],
)
def test_patches_that_do_not_fit_change_nothing(
    http: httpx.Client, place: str, content: bytes, status: int
) -> None:
    http.put(place, json={"value": {"a": 1}})

    refused(http.patch(place, content=content, headers=PATCH), status)
    assert http.get(place).json()["version"] == 1


def test_patches_have_two_media_types(http: httpx.Client, place: str) -> None:
    http.put(place, json={"value": {}})

    refused(http.patch(place, json={}), 415)
    refused(http.patch("/namespaces/contract.none/entries/k", content=b"{}", headers=MERGE), 404)
    refused(http.patch(place + "2", content=b"{}", headers=MERGE), 404)


def test_a_deleted_entry_keeps_its_history(http: httpx.Client, place: str) -> None:
    http.put(place, json={"value": 1})
    deleted = http.delete(place)

    assert (deleted.status_code, deleted.content) == (204, b"")
    refused(http.get(place), 404)
    refused(http.delete(place), 404)
    assert http.get(f"{place}?version=1").json()["value"] == 1
    again = http.put(place, json={"value": 2}, headers={"If-None-Match": "*"})
    assert (again.status_code, again.json()["version"]) == (201, 3)
    operations = [item["operation"] for item in http.get(f"{place}/revisions").json()["items"]]
    assert operations == ["put", "delete", "put"]


def test_revisions_are_newest_first_in_pages(http: httpx.Client, place: str) -> None:
    for number in range(5):
        http.put(place, json={"value": number, "note": f"n{number}"})

    first = http.get(f"{place}/revisions", params={"limit": 2}).json()
    rest = http.get(f"{place}/revisions", params={"cursor": first["next_cursor"]}).json()

    assert [item["version"] for item in first["items"] + rest["items"]] == [5, 4, 3, 2, 1]
    assert rest["next_cursor"] is None
    newest = first["items"][0]
    assert {"version", "operation", "actor", "at", "note", "size_bytes", "value_hash"} <= set(
        newest
    )
    assert (newest["note"], newest["size_bytes"]) == ("n4", 1)
    hashes = {item["value_hash"] for item in first["items"] + rest["items"]}
    assert len(hashes) == 5


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"a": 1}, {"a": 2, "b/c": [1]}),
        ([1, 2, 3], [3, 2]),
        ("text", {"now": "object"}),
        ({"n": 12345678901234567890123}, {"n": 12345678901234567890124}),
        (None, [None]),
    ],
)
def test_a_difference_leads_from_one_to_the_other(
    http: httpx.Client, place: str, before: Any, after: Any
) -> None:
    http.put(place, json={"value": before})
    http.put(place, json={"value": after})

    there = http.get(f"{place}/diff?from=1&to=2").json()
    back = http.get(f"{place}/diff?from=2&to=1").json()

    assert (there["from"], there["to"]) == (1, 2)
    assert jsonpatch.apply_patch({"v": before}, _moved(there["patch"])) == {"v": after}
    assert jsonpatch.apply_patch({"v": after}, _moved(back["patch"])) == {"v": before}


def _moved(patch: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The patch for a value that lies under "/v": some appliers want a container at the top."""
    return [
        {
            **operation,
            **{name: f"/v{operation[name]}" for name in ("path", "from") if name in operation},
        }
        for operation in patch
    ]


def test_a_rollback_is_a_new_revision(http: httpx.Client, place: str) -> None:
    http.put(place, json={"value": "good"})
    http.put(place, json={"value": "bad"})

    rolled = http.post(f"{place}/rollback", json={"version": 1})

    assert (rolled.status_code, rolled.json()["version"], rolled.json()["value"]) == (
        200,
        3,
        "good",
    )
    assert http.get(f"{place}?version=2").json()["value"] == "bad"
    refused(http.post(f"{place}/rollback", json={"version": 9}), 404)
    for body in ({"version": "1"}, {"version": 0}, {}, {"version": 1, "x": 1}):
        assert http.post(f"{place}/rollback", json=body).status_code in {400, 422}


@pytest.mark.parametrize(
    "key",
    [
        "a",
        "A b",
        "x" * 512,
        "ключ",
        "😀" * 128,
        "a.b",
        "...",
        "100%",
        "a?b#c",
        "a+b&c=d",
        "%2e",
        "\u2028",
        "e\u0301",
    ],
)
def test_any_key_comes_back(http: httpx.Client, namespace: str, key: str) -> None:
    path = f"/namespaces/{namespace}/entries/{quote(key, safe='')}"

    assert http.put(path, json={"value": key}).status_code == 201
    assert http.get(path).json()["key"] == key
    listed = http.get(f"/namespaces/{namespace}/entries").json()["items"]
    assert [item["key"] for item in listed] == [key]


@pytest.mark.parametrize(
    "encoded",
    [
        ".",
        "..",
        "%2e",
        "%2E%2e",
        "a%2Fb",
        "%00",
        "a%0ab",
        "%7f",
        "%c2%85",
        "x" * 513,
        "%ff",
        "%ed%a0%80",
    ],
)
def test_what_is_no_key_is_refused(
    running_stack: Any, builder: Party, namespace: str, encoded: str
) -> None:
    """Sent as raw bytes: clients would tidy some of these up."""
    path = f"/api/v1/namespaces/{namespace}/entries/{encoded}"
    url = httpx.URL(running_stack.url).copy_with(raw_path=path.encode())

    answer = httpx.put(
        url, json={"value": 1}, headers={"Authorization": f"Bearer {builder.api_key}"}
    )

    assert 400 <= answer.status_code < 500
    entries = builder.http.get(f"/namespaces/{namespace}/entries").json()
    assert entries["items"] == []


def test_lists_go_by_code_point(http: httpx.Client, namespace: str) -> None:
    keys = ["B", "a", "b", "Z", "é", "z", "10", "9", "😀", "\uffee", "aa", "a b"]
    for key in keys:
        http.put(f"/namespaces/{namespace}/entries/{quote(key)}", json={"value": key})
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while cursor != {"cursor": None}:
        page = http.get(f"/namespaces/{namespace}/entries", params={"limit": 5, **cursor}).json()
        seen += [item["key"] for item in page["items"]]
        cursor = {"cursor": page["next_cursor"]}

    assert seen == sorted(keys)


def test_lists_are_filtered(http: httpx.Client, namespace: str) -> None:
    path = f"/namespaces/{namespace}/entries"
    http.put(f"{path}/ab_1", json={"value": 1, "labels": {"team": "desk"}})
    http.put(f"{path}/ab%251", json={"value": 2})
    http.put(f"{path}/b", json={"value": 3, "labels": {"team": "desk", "x": "y"}})

    def keys(**query: str) -> list[str]:
        return [item["key"] for item in http.get(path, params=query).json()["items"]]

    assert keys(prefix="ab") == ["ab%1", "ab_1"]
    assert keys(prefix="ab_") == ["ab_1"]
    assert keys(prefix="ab%") == ["ab%1"]
    assert keys(label="team:desk") == ["ab_1", "b"]
    assert keys(prefix="zz") == []
    without = http.get(path, params={"values": "false"}).json()["items"]
    assert all(set(item) == MEMBERS - {"value"} for item in without)
    for query in (
        {"values": "maybe"},
        {"label": "x"},
        {"odd": "1"},
        {"limit": "0"},
        {"limit": "1001"},
    ):
        refused(http.get(path, params=query), 400)


def test_pages_hold_while_others_write(http: httpx.Client, namespace: str) -> None:
    path = f"/namespaces/{namespace}/entries"
    for number in range(0, 10, 2):
        http.put(f"{path}/k{number}", json={"value": number})
    first = http.get(path, params={"limit": 3}).json()
    http.put(f"{path}/k1", json={"value": 1})
    http.put(f"{path}/k7", json={"value": 7})
    http.delete(f"{path}/k0")
    rest = http.get(path, params={"limit": 100, "cursor": first["next_cursor"]}).json()

    assert [item["key"] for item in first["items"]] == ["k0", "k2", "k4"]
    assert [item["key"] for item in rest["items"]] == ["k6", "k7", "k8"]


def test_an_expired_entry_is_not_there(http: httpx.Client, namespace: str, place: str) -> None:
    expires = http.put(place, json={"value": 1, "ttl_seconds": 0.2}).json()["expires_at"]
    time.sleep(0.4)

    refused(http.get(place), 404)
    refused(http.delete(place), 404)
    refused(http.put(place, json={"value": 2}, headers={"If-Match": '"1"'}), 412)
    assert http.get(f"/namespaces/{namespace}/entries").json()["items"] == []
    again = http.put(place, json={"value": 2}, headers={"If-None-Match": "*"})
    assert again.status_code == 201
    assert again.json()["version"] > 1
    assert again.json()["expires_at"] is None
    assert datetime.fromisoformat(again.json()["updated_at"]) > datetime.fromisoformat(expires)


@pytest.mark.parametrize(
    "value",
    [0, -1, 2**53 + 1, 12345678901234567890123456789, -(10**300), 1.5, "", "\U0001f6a2 ü", [], {},
     None, False, {"": {"~": {"/": [[], {}]}}, "__proto__": 1}],
)  # fmt: skip
def test_any_json_comes_back(http: httpx.Client, place: str, value: Any) -> None:
    http.put(place, json={"value": value})

    read = http.get(place)

    assert json.loads(read.content)["value"] == value
    assert type(json.loads(read.content)["value"]) is type(value)


def test_big_values_are_taken_up_to_a_mebibyte(http: httpx.Client, place: str) -> None:
    fits = "x" * (2**20 - 2)

    assert http.put(place, json={"value": fits}).status_code == 201
    assert http.get(place).json()["value"] == fits
    refused(http.put(place, json={"value": fits + "xy"}), 413)
    refused(
        http.put(place, content=b" " * (9 * 2**20), headers={"Content-Type": "application/json"}),
        413,
    )


class TestVersioned:
    """The mode that takes changes only under a named version."""

    @pytest.fixture
    def place(self, http: httpx.Client) -> str:
        name = make_namespace(http, concurrency="versioned")
        return f"/namespaces/{name}/entries/k{uuid4().hex}"

    def test_every_change_names_its_version(self, http: httpx.Client, place: str) -> None:
        refused(http.put(place, json={"value": 1}), 428)
        created = http.put(place, json={"value": {"a": 1}}, headers={"If-None-Match": "*"})
        assert created.status_code == 201
        refused(http.put(place, json={"value": 2}), 428)
        refused(http.patch(place, content=b"{}", headers=MERGE), 428)
        refused(http.delete(place), 428)

        named = {"If-Match": '"1"'}
        assert http.patch(place, content=b'{"a":2}', headers={**MERGE, **named}).status_code == 200
        assert (
            refused(http.put(place, json={"value": 3}, headers=named), 412)["current_version"] == 2
        )
        assert http.delete(place, headers={"If-Match": '"2"'}).status_code == 204

    def test_one_of_many_writers_wins(self, http: httpx.Client, place: str) -> None:
        http.put(place, json={"value": 0}, headers={"If-None-Match": "*"})
        answers = [
            http.put(place, json={"value": n}, headers={"If-Match": '"1"'}).status_code
            for n in range(4)
        ]

        assert answers == [200, 412, 412, 412]

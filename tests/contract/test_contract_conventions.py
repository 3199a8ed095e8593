"""Conventions for every endpoint: errors, idempotency, pages, probes, the published description."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.contract.parties import Party
from tests.contract.problems import refused
from tests.e2e.shared_stack import SharedStack

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("shared_stack")]


def test_a_missing_thing_is_not_named(http: httpx.Client, namespace: str) -> None:
    """One body for all, whatever was asked for."""
    bodies = []
    for path in (
        f"/namespaces/{namespace}/entries/secret-name",
        "/namespaces/secret.name",
        "/namespaces/secret.name/entries/k",
        f"/namespaces/{namespace}/entries/secret-name/revisions",
        f"/agents/{uuid4()}",
    ):
        document = refused(http.get(path), 404, "not_found")
        assert "secret" not in str(document)
        bodies.append({name: document[name] for name in document if name != "instance"})

    assert all(body == bodies[0] for body in bodies)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/namespaces/{ns}/entries/k"),
        ("PUT", "/namespaces/{ns}/entries"),
        ("DELETE", "/namespaces/{ns}/entries/k/revisions"),
        ("PUT", "/namespaces"),
        ("PATCH", "/agents"),
    ],
)
def test_a_wrong_method_is_405_and_says_which_are_right(
    http: httpx.Client, namespace: str, method: str, path: str
) -> None:
    answer = http.request(method, path.format(ns=namespace), json={})

    refused(answer, 405)
    assert answer.headers["allow"]


@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/xml", "application/x-www-form-urlencoded"]
)
@pytest.mark.parametrize(
    ("method", "path"), [("PUT", "/namespaces/{ns}/entries/k"), ("POST", "/namespaces")]
)
def test_a_body_of_another_kind_is_415(
    http: httpx.Client, namespace: str, media_type: str, method: str, path: str
) -> None:
    answer = http.request(
        method,
        path.format(ns=namespace),
        content=b'{"value":1}',
        headers={"Content-Type": media_type},
    )

    refused(answer, 415)


def test_a_head_is_a_get_without_its_body(http: httpx.Client, place: str) -> None:
    http.put(place, json={"value": 1})

    answer = http.head(place)

    assert (answer.status_code, answer.content, answer.headers["etag"]) == (200, b"", '"1"')


class TestIdempotency:
    """``Idempotency-Key`` on every unsafe call."""

    def test_a_repeat_answers_as_the_first_did(self, http: httpx.Client, place: str) -> None:
        key = {"Idempotency-Key": uuid4().hex}

        first = http.put(place, json={"value": 1}, headers=key)
        http.put(place, json={"value": 2})
        repeat = http.put(place, json={"value": 1}, headers=key)

        assert repeat.status_code == first.status_code == 201
        assert repeat.headers["idempotency-replayed"] == "true"
        assert "idempotency-replayed" not in first.headers
        assert repeat.json() == first.json()
        assert http.get(place).json()["version"] == 2

    def test_another_request_under_the_key_is_422(self, http: httpx.Client, place: str) -> None:
        key = {"Idempotency-Key": uuid4().hex}
        http.put(place, json={"value": 1}, headers=key)

        refused(http.put(place, json={"value": 2}, headers=key), 422, "idempotency_key_reused")
        refused(http.put(place + "2", json={"value": 1}, headers=key), 422)
        refused(http.put(place, json={"value": 1}, headers={**key, "If-Match": '"1"'}), 422)

    def test_each_principal_has_keys_of_its_own(
        self, http: httpx.Client, place: str, admin: httpx.Client
    ) -> None:
        key = {"Idempotency-Key": uuid4().hex}
        http.put(place, json={"value": 1}, headers=key)

        other = admin.put(place, json={"value": 2}, headers=key)

        assert (other.status_code, other.json()["version"]) == (200, 2)

    def test_a_kept_refusal_is_repeated(self, http: httpx.Client, place: str) -> None:
        headers = {"Idempotency-Key": uuid4().hex, "If-Match": '"5"'}
        refused(http.put(place, json={"value": 1}, headers=headers), 412)
        for number in range(5):
            http.put(place, json={"value": number})

        repeat = http.put(place, json={"value": 1}, headers=headers)

        refused(repeat, 412)
        assert repeat.headers["idempotency-replayed"] == "true"

    def test_what_was_not_decided_is_tried_anew(self, http: httpx.Client) -> None:
        name = f"contract.n{uuid4().hex}"
        path = f"/namespaces/{name}/entries/k"
        key = {"Idempotency-Key": uuid4().hex}
        refused(http.put(path, json={"value": 1}, headers=key), 404)
        http.post("/namespaces", json={"name": name})

        assert http.put(path, json={"value": 1}, headers=key).status_code == 201

    def test_a_repeat_is_decided_anew(self, http: httpx.Client, namespace: str, place: str) -> None:
        key = {"Idempotency-Key": uuid4().hex}
        http.put(place, json={"value": 1}, headers=key)
        http.delete(f"/namespaces/{namespace}?force=true")

        refused(http.put(place, json={"value": 1}, headers=key), 404)

    def test_deletions_patches_and_rollbacks_repeat_too(
        self, http: httpx.Client, place: str
    ) -> None:
        http.put(place, json={"value": {"n": 1}})
        merge = {"Idempotency-Key": uuid4().hex, "Content-Type": "application/merge-patch+json"}
        roll, gone = {"Idempotency-Key": uuid4().hex}, {"Idempotency-Key": uuid4().hex}

        patched = [
            http.patch(place, content=b'{"n":2}', headers=merge).json()["version"] for _ in "ab"
        ]
        rolled = [http.post(f"{place}/rollback", json={"version": 1}, headers=roll) for _ in "ab"]
        deleted = [http.delete(place, headers=gone) for _ in "ab"]

        assert patched == [2, 2]
        assert [each.json()["version"] for each in rolled] == [3, 3]
        assert [each.status_code for each in deleted] == [204, 204]
        assert deleted[1].headers["idempotency-replayed"] == "true"

    def test_a_secret_is_not_shown_twice(self, admin: httpx.Client, reader: Party) -> None:
        key = {"Idempotency-Key": uuid4().hex}
        path = f"/agents/{reader.id}/credentials"

        first, repeat = (admin.post(path, json={"label": "x"}, headers=key) for _ in "ab")

        assert first.json()["api_key"].startswith("sw_")
        assert repeat.json()["api_key"] is None
        assert repeat.json()["id"] == first.json()["id"]
        assert repeat.headers["idempotency-replayed"] == "true"

    @pytest.mark.parametrize("key", ["", "x" * 300])
    def test_a_key_that_is_none_is_refused(self, http: httpx.Client, place: str, key: str) -> None:
        refused(http.put(place, json={"value": 1}, headers={"Idempotency-Key": key}), 400)

    async def test_many_at_once_are_one(
        self, running_stack: SharedStack, builder: Party, place: str
    ) -> None:
        headers = {"Authorization": f"Bearer {builder.api_key}", "Idempotency-Key": uuid4().hex}
        url = f"{running_stack.url}/api/v1{place}"
        async with httpx.AsyncClient(timeout=30) as client:
            answers = await asyncio.gather(
                *(client.put(url, json={"value": 1}, headers=headers) for _ in range(12))
            )

        assert {answer.status_code for answer in answers} == {201}
        assert {answer.json()["version"] for answer in answers} == {1}
        assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=1001", "limit=x", "limit=-1", "cursor=%21", "cursor=", "odd=1"]
)
@pytest.mark.parametrize("path", ["/namespaces", "/namespaces/{ns}/entries", "/policies"])
def test_pages_refuse_what_they_do_not_know(
    http: httpx.Client, admin: httpx.Client, namespace: str, query: str, path: str
) -> None:
    caller = admin if path == "/policies" else http

    refused(caller.get(f"{path.format(ns=namespace)}?{query}"), 400)


def test_cursors_are_plain_and_stay_valid(http: httpx.Client, namespace: str) -> None:
    path = f"/namespaces/{namespace}/entries"
    for key in "abc":
        http.put(f"{path}/{key}", json={"value": key})
    cursor = http.get(path, params={"limit": 1}).json()["next_cursor"]
    twice = [http.get(path, params={"cursor": cursor}).json() for _ in "ab"]

    assert all(character.isalnum() or character in "-_" for character in cursor)
    assert twice[0] == twice[1]


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/api/schema", "/api/docs"])
def test_some_pages_need_no_credential(running_stack: SharedStack, path: str) -> None:
    answer = httpx.get(f"{running_stack.url}{path}", follow_redirects=True, timeout=30)

    assert answer.status_code == 200


def test_metrics_need_one(running_stack: SharedStack, admin: httpx.Client) -> None:
    address = f"{running_stack.url}/metrics"

    refused(httpx.get(address), 401)
    told = httpx.get(address, headers={"Authorization": admin.headers["authorization"]})
    assert told.status_code == 200
    assert "# TYPE stateward_" in told.text


def test_readiness_says_what_is_degraded(running_stack: SharedStack) -> None:
    assert "degraded" in httpx.get(f"{running_stack.url}/readyz").json()


@pytest.fixture(scope="module")
def document(running_stack: SharedStack) -> Any:
    return httpx.get(f"{running_stack.url}/api/schema", timeout=60).json()


class TestDescription:
    """The OpenAPI document agrees with the contract."""

    PATHS = (
        "/api/v1/namespaces",
        "/api/v1/namespaces/{}",
        "/api/v1/namespaces/{}/entries",
        "/api/v1/namespaces/{}/entries/{}",
        "/api/v1/namespaces/{}/entries/{}/revisions",
        "/api/v1/namespaces/{}/entries/{}/diff",
        "/api/v1/namespaces/{}/entries/{}/rollback",
        "/api/v1/agents",
        "/api/v1/policies",
        "/access/v1/evaluation",
    )

    def test_it_is_openapi_3_1(self, document: Any) -> None:
        assert document["openapi"].startswith("3.1")

    def test_it_can_be_had_as_yaml(self, running_stack: SharedStack) -> None:
        answer = httpx.get(f"{running_stack.url}/api/schema", params={"format": "yaml"}, timeout=60)

        assert answer.text.startswith("openapi: ")

    @pytest.mark.parametrize("path", PATHS)
    def test_both_planes_are_in_it(self, document: Any, path: str) -> None:
        shapes = {_shape(each) for each in document["paths"]}

        assert path in shapes

    def test_every_operation_has_a_name_of_its_own(self, document: Any) -> None:
        names = [
            operation["operationId"]
            for methods in document["paths"].values()
            for operation in methods.values()
            if isinstance(operation, dict)
        ]

        assert len(names) == len(set(names)) > 20


def _shape(path: str) -> str:
    parts = ["{}" if part.startswith("{") else part for part in path.rstrip("/").split("/")]
    return "/".join(parts)

"""The contract's lines on callers, namespaces, entries, errors and evidence, through both clients.
What the other files of this folder say over HTTP, said once more by those who program against it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import jsonpatch
import pytest

from agents_bridge import (
    Conflict,
    Forbidden,
    IdempotencyKeyReused,
    InvalidKey,
    Malformed,
    NamespaceExists,
    NotFound,
    PreconditionFailed,
    PreconditionRequired,
    Retry,
    SchemaViolation,
    TooLarge,
    Unauthenticated,
    Unprocessable,
)
from tests.contract.driven import KINDS, opened
from tests.contract.parties import Party
from tests.e2e.shared_stack import SharedStack


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def client(kind: str, running_stack: SharedStack, builder: Party) -> Iterator[Any]:
    with opened(kind, running_stack.url, builder.api_key, retry=Retry(attempts=1)) as client:
        yield client


@pytest.fixture
def reading(kind: str, running_stack: SharedStack, reader: Party) -> Iterator[Any]:
    with opened(kind, running_stack.url, reader.api_key, retry=Retry(attempts=1)) as client:
        yield client


# --- who calls


def test_a_wrong_credential_is_told_apart(kind: str, running_stack: SharedStack) -> None:
    with (
        opened(kind, running_stack.url, "sw_nobody_secret") as nobody,
        pytest.raises(Unauthenticated) as refused,
    ):
        nobody.namespaces.get("x")

    assert refused.value.status == 401
    assert refused.value.request_id


def test_purpose_run_and_request_are_on_record(
    client: Any, admin: httpx.Client, namespace: str
) -> None:
    run = f"run-{uuid4().hex}"
    client.entries.put(namespace, "k", 1, purpose="support", run=run)

    answer = admin.get("/audit/records", params={"run": run, "action": "state.write"})
    (record,) = answer.json()["items"]
    assert (record["resource"]["key"], record["run"]) == ("k", run)
    found = admin.get(f"/audit/records/{record['id']}").text
    assert "support" in found


def test_another_tenants_namespace_does_not_exist(
    kind: str, running_stack: SharedStack, namespace: str
) -> None:
    with opened(kind, running_stack.url, running_stack.stranger) as stranger:
        for name in (namespace, f"contract.n{uuid4().hex}"):
            with pytest.raises(NotFound) as refused:
                stranger.namespaces.get(name)
            assert name not in json.dumps(refused.value.problem)


# --- namespaces


def test_a_namespace_is_made_found_changed_and_deleted(client: Any) -> None:
    name = f"contract.n{uuid4().hex}"
    made = client.namespaces.create(name)
    changed = client.namespaces.update(name, labels={"team": "desk"}, default_ttl_seconds=60)
    found = client.namespaces.get(name)
    listed = [*client.namespaces.list(prefix=name)]
    with pytest.raises(NamespaceExists):
        client.namespaces.create(name)
    client.entries.put(name, "k", 1)
    with pytest.raises(Conflict):
        client.namespaces.delete(name)
    client.namespaces.delete(name, force=True)

    told = (made.scope, made.concurrency, made.classification, made.schema)
    assert told == ("shared", "last_write_wins", "internal", None)
    assert (found.labels, found.default_ttl_seconds) == ({"team": "desk"}, 60)
    assert changed.created_at == made.created_at
    assert [one.name for one in listed] == [name]
    with pytest.raises(NotFound):
        client.namespaces.get(name)


@pytest.mark.parametrize("name", ["", "Upper", "a..b", "-a", ".".join("a" * 11), "a" * 64])
def test_what_is_no_name_is_refused(client: Any, name: str) -> None:
    with pytest.raises((Unprocessable, Malformed, InvalidKey)):
        client.namespaces.create(name)


def test_a_schema_guards_every_value(client: Any) -> None:
    name = f"contract.n{uuid4().hex}"
    client.namespaces.create(name, schema={"properties": {"n": {"type": "integer"}}})

    with pytest.raises(SchemaViolation) as refused:
        client.entries.put(name, "k", {"n": "text"})

    assert [one.pointer for one in refused.value.errors] == ["/value/n"]


def test_a_versioned_namespace_wants_the_version(client: Any) -> None:
    name = f"contract.n{uuid4().hex}"
    client.namespaces.create(name, concurrency="versioned")
    client.entries.put(name, "k", 1, if_none_match="*")

    with pytest.raises(PreconditionRequired):
        client.entries.put(name, "k", 2)
    with pytest.raises(PreconditionFailed) as stale:
        client.entries.put(name, "k", 2, if_match=9)
    assert stale.value.current_version == 1
    assert client.entries.update(name, "k", lambda value: value + 1).value == 2


# --- entries


def test_an_entry_has_all_that_is_promised(client: Any, builder: Party, namespace: str) -> None:
    written = client.entries.put(namespace, "k", {"n": 2**70}, labels={"a": "b"}, ttl_seconds=60)
    read = client.entries.get(namespace, "k")

    assert (written.created, written.version, written.replayed) == (True, 1, False)
    assert (read.namespace, read.key, read.value) == (namespace, "k", {"n": 2**70})
    assert (read.updated_by.type, read.updated_by.id) == ("agent", builder.id)
    assert (read.labels, read.classification) == ({"a": "b"}, "internal")
    assert read.size_bytes > 0
    assert read.expires_at > read.updated_at == read.created_at
    assert client.entries.get_if_changed(namespace, "k", 1) is None
    assert client.entries.put(namespace, "k", 3, ttl_seconds=None, labels=None).expires_at is None
    assert client.entries.get_if_changed(namespace, "k", 1).value == 3


def test_the_past_is_read_compared_and_brought_back(client: Any, namespace: str) -> None:
    first = client.entries.put(namespace, "k", {"n": 1}, note="begin")
    second = client.entries.put(namespace, "k", {"n": 2, "m": []})

    difference = client.entries.diff(namespace, "k", from_version=1, to_version=2)
    back = client.entries.rollback(namespace, "k", 1)
    history = [*client.entries.history(namespace, "k")]

    assert client.entries.get(namespace, "k", version=1).value == {"n": 1}
    assert client.entries.get(namespace, "k", as_of=first.updated_at).value == {"n": 1}
    assert client.entries.get(namespace, "k", as_of=second.updated_at).value["n"] == 2
    assert jsonpatch.apply_patch({"n": 1}, [*difference.patch]) == {"n": 2, "m": []}
    assert (back.version, back.value) == (3, {"n": 1})
    assert [one.version for one in history] == [3, 2, 1]
    assert [one.operation for one in history] == ["rollback", "put", "put"]
    assert history[-1].note == "begin"
    assert history[-1].value_hash
    with pytest.raises(NotFound):
        client.entries.get(namespace, "k", version=9)


def test_patches_of_both_kinds_and_deletion(client: Any, namespace: str) -> None:
    client.entries.put(namespace, "k", {"n": 1, "m": 1})
    client.entries.merge_patch(namespace, "k", {"m": None})
    patched = client.entries.json_patch(
        namespace, "k", [{"op": "test", "path": "/n", "value": 1}, {"op": "remove", "path": "/n"}]
    )
    with pytest.raises(Conflict):
        client.entries.json_patch(namespace, "k", [{"op": "test", "path": "/n", "value": 1}])
    client.entries.delete(namespace, "k", if_match=3)

    assert (patched.value, patched.version) == ({}, 3)
    with pytest.raises(NotFound):
        client.entries.get(namespace, "k")
    assert client.entries.put(namespace, "k", 1, if_none_match="*").version == 5


def test_conditions_are_honoured(client: Any, namespace: str) -> None:
    client.entries.put(namespace, "k", 1)

    with pytest.raises(PreconditionFailed):
        client.entries.put(namespace, "k", 2, if_none_match="*")
    with pytest.raises(PreconditionFailed) as stale:
        client.entries.delete(namespace, "k", if_match=7)

    assert stale.value.current_version == 1
    assert client.entries.put(namespace, "k", 2, if_match=1).version == 2


@pytest.mark.parametrize("key", ["ä/ö".replace("/", "\\"), "a b%20c", "日本", "..a", "?#&=+", "~"])
def test_any_key_comes_back(client: Any, namespace: str, key: str) -> None:
    client.entries.put(namespace, key, 1)

    assert client.entries.get(namespace, key).key == key
    assert [one.key for one in client.entries.list(namespace)] == [key]


@pytest.mark.parametrize("key", ["", ".", "..", "a/b", "a\nb", "k" * 513])
def test_what_is_no_key_is_refused(client: Any, namespace: str, key: str) -> None:
    with pytest.raises((InvalidKey, Malformed)):
        client.entries.put(namespace, key, 1)


def test_lists_are_by_code_point_filtered_and_in_pages(client: Any, namespace: str) -> None:
    for key in ("b", "a", "é", "z", "B"):
        client.entries.put(namespace, key, key, labels={"case": "upper" if key == "B" else "no"})

    assert [one.key for one in client.entries.list(namespace, page_size=2)] == [*"Babzé"]
    assert [one.key for one in client.entries.list(namespace, prefix="z")] == ["z"]
    assert [one.key for one in client.entries.list(namespace, label="case:upper")] == ["B"]
    bare = [*client.entries.list(namespace, values=False)]
    assert not any(one.has_value for one in bare)
    assert [*client.entries.get_many(namespace, ["z", "nope", "a"])] == ["z", "a"]


def test_what_is_too_large_is_said(client: Any, namespace: str) -> None:
    with pytest.raises(TooLarge):
        client.entries.put(namespace, "k", "x" * (1024 * 1024 + 1))


# --- conventions


def test_a_repeat_is_answered_as_the_first_was(client: Any, namespace: str) -> None:
    key = uuid4().hex
    first = client.entries.put(namespace, "k", 1, idempotency_key=key)
    client.entries.put(namespace, "k", 2)
    again = client.entries.put(namespace, "k", 1, idempotency_key=key)

    assert (again.replayed, again.version, again.value) == (True, first.version, 1)
    assert client.entries.get(namespace, "k").value == 2
    with pytest.raises(IdempotencyKeyReused):
        client.entries.put(namespace, "k", 3, idempotency_key=key)


def test_a_denial_names_its_decision(client: Any, reading: Any, namespace: str) -> None:
    client.entries.put(namespace, "k", 1)

    with pytest.raises(Forbidden) as refused:
        reading.entries.put(namespace, "k", 2)

    assert refused.value.decision_id
    assert refused.value.reason
    assert refused.value.code == "forbidden"
    assert reading.entries.get(namespace, "k").value == 1


def test_decisions_and_proofs_are_asked_for(
    client: Any, kind: str, running_stack: SharedStack, reader: Party, namespace: str
) -> None:
    asked = client.decisions.evaluate(
        subject=("agent", reader.id), action="state.write", resource=("namespace", namespace)
    )
    client.entries.put(namespace, "k", 1)
    with opened(kind, running_stack.url, running_stack.token) as owner:
        records = owner.audit.search(namespace=namespace, action="state.write")
        (record,) = [*records]

    assert not asked
    assert (record.resource["key"], record.outcome) == ("k", "allow")


def test_health_needs_no_credential(kind: str, running_stack: SharedStack) -> None:
    with opened(kind, running_stack.url, "sw_nobody_secret") as nobody:
        assert nobody.health.alive()
        assert nobody.health.ready().ready
        assert nobody.health.schema()["openapi"].startswith("3.1")

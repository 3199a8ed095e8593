"""Namespaces and entries through both clients, against the server in memory."""

from __future__ import annotations

from typing import Any

import pytest

from agents_bridge import (
    AsyncClient,
    Client,
    Conflict,
    NamespaceExists,
    NotFound,
    PreconditionFailed,
    PreconditionRequired,
)
from agents_bridge.testing import FakeServer


def test_big_integers_come_back_digit_for_digit(client: Client) -> None:
    value = {"n": 12345678901234567890123, "x": [-(2**80)]}

    client.entries.put("notes", "big", value)

    assert client.entries.get("notes", "big").value == value


def test_a_value_of_null_is_a_value(client: Client) -> None:
    client.entries.put("notes", "nothing", None)
    entry = client.entries.get("notes", "nothing")
    (listed,) = client.entries.list("notes", values=False)

    assert (entry.value, entry.has_value) == (None, True)
    assert (listed.value, listed.has_value) == (None, False)


def test_a_writer_learns_what_became_of_it(client: Client) -> None:
    written = client.entries.put("notes", "a", 1, labels={"team": "desk"})

    assert written.created
    assert written.etag == '"1"'
    assert written.labels == {"team": "desk"}
    assert written.updated_by is not None
    assert str(written.updated_by) == "tester"
    assert not client.entries.put("notes", "a", 2).created


def test_only_if_absent(client: Client) -> None:
    client.entries.put("notes", "a", 1, if_none_match="*")

    with pytest.raises(PreconditionFailed) as caught:
        client.entries.put("notes", "a", 2, if_none_match="*")

    assert caught.value.current_version == 1


def test_labels_and_expiry_stay_until_cleared(client: Client) -> None:
    client.entries.put("notes", "a", 1, ttl_seconds=60, labels={"x": "y"})
    kept = client.entries.put("notes", "a", 2)
    cleared = client.entries.put("notes", "a", 3, ttl_seconds=None, labels=None)

    assert kept.expires_at is not None
    assert kept.labels == {"x": "y"}
    assert (cleared.expires_at, cleared.labels) == (None, {})


def test_the_past_can_be_read(client: Client, clock: Any) -> None:
    client.entries.put("notes", "a", "old")
    then = clock.now
    clock.advance(10)
    client.entries.put("notes", "a", "new")

    assert client.entries.get("notes", "a", as_of=then).value == "old"
    assert client.entries.get("notes", "a", version=2).value == "new"


def test_a_versioned_namespace_wants_a_version(client: Client) -> None:
    client.namespaces.create("ledger", concurrency="versioned")

    with pytest.raises(PreconditionRequired):
        client.entries.put("ledger", "a", 1)
    client.entries.put("ledger", "a", 1, if_none_match="*")
    assert client.entries.merge_patch("ledger", "a", 2, if_match=1).version == 2
    assert client.entries.json_patch("ledger", "a", [], if_match=2).version == 3
    assert client.entries.rollback("ledger", "a", 1, if_match=3).value == 1
    client.entries.delete("ledger", "a", if_match=4)


def test_looking_again_costs_nothing_while_nothing_changed(client: Client) -> None:
    client.entries.put("notes", "a", 1)

    assert client.entries.get_if_changed("notes", "a", 1) is None
    client.entries.put("notes", "a", 2)
    changed = client.entries.get_if_changed("notes", "a", 1)
    assert changed is not None
    assert changed.value == 2


def test_update_starts_again_when_somebody_was_faster(client: Client) -> None:
    client.entries.put("notes", "n", 0)
    seen: list[int] = []

    def add_one(value: int) -> int:
        seen.append(value)
        if len(seen) == 1:
            client.entries.put("notes", "n", 10)
        return value + 1

    written = client.entries.update("notes", "n", add_one)

    assert (seen, written.value, written.version) == ([0, 10], 11, 3)


def test_update_gives_up_after_so_many_attempts(client: Client) -> None:
    client.entries.put("notes", "n", 0)

    def interfere(value: int) -> int:
        client.entries.put("notes", "n", -1)
        return value + 1

    with pytest.raises(PreconditionFailed):
        client.entries.update("notes", "n", interfere, attempts=2)


def test_update_begins_with_the_default(client: Client) -> None:
    written = client.entries.update("notes", "new", lambda items: [*items, 1], default=[])

    assert (written.value, written.created) == ([1], True)


def test_update_of_nothing_is_not_found(client: Client) -> None:
    with pytest.raises(NotFound):
        client.entries.update("notes", "absent", lambda value: value)


def test_update_refuses_what_cannot_be_meant(client: Client) -> None:
    client.entries.put("notes", "n", [])

    with pytest.raises(TypeError, match="must return"):
        client.entries.update("notes", "n", lambda items: items.append(1))
    with pytest.raises(TypeError, match="no two tries"):
        client.entries.update("notes", "n", lambda items: items, idempotency_key="k")
    with pytest.raises(ValueError, match="attempts"):
        client.entries.update("notes", "n", lambda items: items, attempts=0)


def test_what_the_function_raises_comes_through(client: Client) -> None:
    client.entries.put("notes", "n", 1)

    def fail(value: int) -> int:
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        client.entries.update("notes", "n", fail)


async def test_update_takes_a_coroutine_function(async_client: AsyncClient) -> None:
    await async_client.entries.put("notes", "n", 1)

    async def double(value: int) -> int:
        return value * 2

    assert (await async_client.entries.update("notes", "n", double)).value == 2
    assert (await async_client.entries.update("notes", "n", lambda n: n + 1)).value == 3


def test_history_goes_on_after_a_deletion(client: Client) -> None:
    client.entries.put("notes", "a", 1)
    client.entries.delete("notes", "a")
    client.entries.put("notes", "a", 2, note="back")

    revisions = list(client.entries.history("notes", "a"))

    assert [(each.version, each.operation) for each in revisions] == [
        (3, "put"),
        (2, "delete"),
        (1, "put"),
    ]
    assert revisions[0].note == "back"


def test_lists_are_fetched_page_by_page(server: FakeServer, client: Client) -> None:
    for number in range(5):
        client.entries.put("notes", f"k{number}", number)
    server.requests.clear()
    pages = client.entries.list("notes", page_size=2)

    assert [entry.key for entry in pages] == ["k0", "k1", "k2", "k3", "k4"]
    assert len(server.requests) == 3
    first = pages.page()
    assert [len(page.items) for page in pages.pages(first.next_cursor)] == [2, 1]


async def test_the_asynchronous_client_lists_too(async_client: AsyncClient) -> None:
    for number in range(3):
        await async_client.entries.put("notes", f"k{number}", number)
    pages = async_client.entries.list("notes", page_size=2)

    assert [entry.key async for entry in pages] == ["k0", "k1", "k2"]
    first = await pages.page()
    assert [len(page.items) async for page in pages.pages(first.next_cursor)] == [1]


async def test_the_asynchronous_client_has_the_same_calls(async_client: AsyncClient) -> None:
    entries = async_client.entries
    await entries.put("notes", "a", {"n": 1})
    await entries.merge_patch("notes", "a", {"m": 2})
    await entries.json_patch("notes", "a", [{"op": "remove", "path": "/n"}])
    diff = await entries.diff("notes", "a", from_version=1, to_version=3)
    await entries.rollback("notes", "a", 1)
    await entries.delete("notes", "a")

    assert diff.patch == (
        {"op": "add", "path": "/m", "value": 2},
        {"op": "remove", "path": "/n"},
    )
    with pytest.raises(NotFound):
        await entries.get("notes", "a")


def test_namespaces_are_made_once(client: Client) -> None:
    with pytest.raises(NamespaceExists):
        client.namespaces.create("notes")
    assert client.namespaces.ensure("notes", idempotency_key="k").name == "notes"


def test_namespaces_are_changed_and_deleted(client: Client) -> None:
    created = client.namespaces.create(
        "desk",
        scope="task",
        classification="public",
        schema={"type": "object"},
        labels={"a": "b"},
        default_ttl_seconds=60,
    )
    changed = client.namespaces.update("desk", classification="restricted", schema=None)
    owned = client.namespaces.update("desk", default_ttl_seconds=None)
    client.entries.put("desk", "k", 1)

    assert (created.scope, created.schema, created.labels) == (
        "task",
        {"type": "object"},
        {"a": "b"},
    )
    assert (changed.classification, changed.schema) == ("restricted", None)
    assert owned.default_ttl_seconds is None
    with pytest.raises(Conflict):
        client.namespaces.delete("desk")
    client.namespaces.delete("desk", force=True)
    with pytest.raises(NotFound):
        client.namespaces.get("desk")


def test_members_of_tomorrow_do_no_harm(client: Client, server: FakeServer) -> None:
    server._store.spaces["notes"].settings["mood"] = "calm"

    namespace = client.namespaces.get("notes")

    assert namespace.raw["mood"] == "calm"
    assert "mood" not in repr(namespace)


def test_models_are_equal_by_what_they_say(client: Client) -> None:
    client.entries.put("notes", "a", 1)

    assert client.entries.get("notes", "a") == client.entries.get("notes", "a")


@pytest.mark.parametrize("value", [[], {}, "", 0, False, 1.5, "ü😀", {"a": {"b": [None]}}])
def test_any_json_comes_back(client: Client, value: Any) -> None:
    client.entries.put("notes", "v", value)

    assert client.entries.get("notes", "v").value == value

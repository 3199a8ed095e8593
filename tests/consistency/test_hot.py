"""What a process remembers of the newest revisions: bounded, sealed, and never older than it may
be.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stateward.operations.plane import Plane
from stateward.state import hot
from stateward.state.hot import BESIDES_BYTES, HotEntries
from stateward.state.statements import Found, Item, Read, Written
from tests.consistency.test_standby_reads import in_thread
from tests.factories.state import World, make_world
from tests.factories.tenants import make_key
from tests.patience import PATIENCE
from tests.state.conftest import Caller, Sessions, plane

__all__ = ["plane"]  # without a standby

TENANT, NAMESPACE = uuid4(), uuid4()
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def read(key: str, **how: Any) -> Read:
    return Read(TENANT, NAMESPACE, key, **how)


def found(version: int, value: bytes | None = b"sealed", **fields: Any) -> Found:
    row = Found(
        0, version, value, uuid4(), 6, "{}", LONG_AGO, LONG_AGO, None, "agent", UUID(int=1), "a"
    )
    return row._replace(**fields)


def test_a_row_is_kept_and_found_as_the_database_would_answer_it() -> None:
    kept = HotEntries(1_000_000)
    row = found(3)
    kept.met(read("k"), row, looked_at=hot.time.monotonic())

    assert kept.find(read("k"), fresh=True) == row
    assert kept.find(read("k", have=3), fresh=True) == row._replace(value=None)
    assert kept.find(read("other"), fresh=True) is None
    assert (kept.hits, kept.misses) == (2, 1)


def test_an_old_look_serves_as_a_base_only(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = HotEntries(1_000_000)
    kept.met(read("k"), found(3), looked_at=hot.time.monotonic() - hot.FRESH_SECONDS - 0.1)

    assert kept.find(read("k"), fresh=True) is None
    assert kept.find(read("k"), fresh=False) is not None
    kept.met(read("k"), found(3, None), looked_at=hot.time.monotonic())  # the same version still
    assert kept.find(read("k"), fresh=True) is not None


def test_an_older_version_never_replaces_a_newer_one() -> None:
    kept = HotEntries(1_000_000)
    now = hot.time.monotonic()
    kept.met(read("k"), found(3), looked_at=now)
    kept.met(read("k"), found(2), looked_at=now + 1)

    assert kept.find(read("k"), fresh=False)[1] == 3  # type: ignore[index]


def test_what_is_gone_is_forgotten_unless_it_was_seen_later() -> None:
    kept = HotEntries(1_000_000)
    now = hot.time.monotonic()
    kept.met(read("k"), found(3), looked_at=now)
    kept.met(read("k"), None, looked_at=now - 1)
    assert kept.find(read("k"), fresh=False) is not None
    kept.met(read("k"), None, looked_at=now + 1)
    assert kept.find(read("k"), fresh=False) is None
    assert kept.bytes == 0


def test_what_ends_soon_is_for_the_database_to_say() -> None:
    kept = HotEntries(1_000_000)
    now = datetime.now(UTC)
    for seconds, is_found in ((0.5, False), (30, True)):
        row = found(1, expires_at=now + timedelta(seconds=seconds))
        kept.met(read(f"k{seconds}"), row, looked_at=hot.time.monotonic())
        assert (kept.find(read(f"k{seconds}"), fresh=True) is not None) is is_found


@pytest.mark.parametrize("classification", ["public", "internal", "confidential", "restricted"])
def test_only_open_values_are_kept_when_written(classification: str) -> None:
    kept = HotEntries(1_000_000)
    fields = {"cls": classification, "sz": 1, "aty": "agent", "aid": uuid4(), "an": "a"}
    item = Item(NAMESPACE, "k", fields, b"sealed", b"", b"")
    done = Written(0, "done", 4, LONG_AGO, LONG_AGO, None, "{}", True, None, uuid4())

    kept.wrote(TENANT, item, done, looked_at=hot.time.monotonic())

    is_open = classification in {"public", "internal"}
    assert (kept.find(read("k"), fresh=True) is not None) is is_open
    kept.wrote(TENANT, item._replace(value=None), done, looked_at=0)
    assert len(kept) == kept.bytes == 0


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 400), st.integers(0, 3000))))
def test_it_never_holds_more_than_it_may(met: list[tuple[int, int, int]]) -> None:
    kept = HotEntries(40_000)
    for key, version, size in met:
        kept.met(read(f"k{key}"), found(version, b"x" * size), looked_at=0.0)
        rows = kept._rows.values()
        assert kept.bytes == sum(row.weight for row in rows) <= 40_000
        assert all(row.weight >= BESIDES_BYTES for row in rows)


async def get(call: Caller, key: str = "k") -> Any:
    answer = await call("GET", key, stateward_consistency="eventual")
    return answer.json()["value"] if answer.status_code == 200 else answer.status_code


async def test_an_eventual_read_of_what_this_process_wrote_needs_no_database(
    call: Caller, plane: Plane
) -> None:
    await call.put("k", 1)
    await call.put("k", 2)

    assert await get(call) == 2
    assert plane.travel.read_at["memory"] == 1
    await call("DELETE", "k")
    assert await get(call) == 404


async def test_what_others_write_shows_within_a_second(
    call: Caller, plane: Plane, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as still:
        still.setattr(hot, "FRESH_SECONDS", PATIENCE)
        await call.put("k", "old")
        await asyncio.to_thread(in_thread, world.put, "k", "new")
        assert await get(call) == "old"

    await asyncio.sleep(1)
    assert await get(call) == "new"


async def test_what_is_remembered_is_sealed(call: Caller, plane: Plane) -> None:
    await call.put("k", "a secret of mine")

    (kept,) = plane.travel.hot._rows.values()
    assert b"a secret" not in (kept.row.value or b"")


async def test_a_copy_that_cannot_be_opened_is_read_again(
    call: Caller, plane: Plane, sessions: Sessions
) -> None:
    """As after a rotation, when the key that the copy was sealed under is gone."""
    await call.put("k", 1)
    (kept,) = plane.travel.hot._rows.values()
    kept.row = kept.row._replace(value=(kept.row.value or b"")[:-1] + b"?")

    assert await get(call) == 1


async def test_a_reader_who_may_not_is_not_answered_from_memory(
    call: Caller, plane: Plane, world: World
) -> None:
    await call.put("k", 1, stateward_run="r")
    other = await asyncio.to_thread(in_thread, stranger)

    answer = await Caller(call.http, other)("GET", "k", stateward_consistency="eventual")

    assert answer.status_code == 404


def stranger() -> str:
    return make_key(make_world().agent).text


async def test_a_wrong_level_and_a_wrong_token_are_400(call: Caller) -> None:
    await call.put("k", 1)
    for headers in (
        {"stateward_consistency": "weak"},
        {"stateward_consistency_token": "not a token"},
    ):
        answer = await call("GET", "k", **headers)
        assert (answer.status_code, answer.json()["code"]) == (400, "malformed")

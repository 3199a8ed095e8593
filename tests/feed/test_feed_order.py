"""etcd's promises for a watch, held with transactions that overlap on purpose: ordered, unique,
reliable, atomic, resumable, bookmarkable.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import jsonpatch
import psycopg
import pytest
from django.conf import settings
from django.db import connection
from hypothesis import given
from hypothesis import settings as how
from hypothesis import strategies as st

from stateward.feed.places import Place, parse_cursor
from stateward.kernel.errors import Malformed
from stateward.tenancy.scope import tenant_scope
from tests.factories.state import World
from tests.feed.feeding import Event, Feed, Numbering

places = st.builds(
    Place,
    st.integers(0, 2**62),
    st.integers(0, 2**31 - 1),
    *[st.none()] * 2,
) | st.builds(Place, st.integers(0, 2**62), st.integers(0, 2**31 - 1), *[st.integers(0, 2**62)] * 2)


@given(places)
def test_a_cursor_names_its_place(place: Place) -> None:
    assert parse_cursor(place.cursor) == place
    assert set(place.cursor) <= set(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    )


@how(max_examples=200)
@given(st.text(max_size=60) | st.binary(max_size=40).map(lambda data: data.hex()))
def test_what_is_no_cursor_is_refused(text: str) -> None:
    try:
        place = parse_cursor(text)
    except Malformed:
        return
    assert parse_cursor(place.cursor) == place


@contextmanager
def overlapping(world: World, writers: int) -> Iterator[Counter[str]]:
    """Writers that keep transactions of one to four changes open for a while; one of them stays
    open in the middle until all others are over.
    """
    written: Counter[str] = Counter()
    lock = threading.Lock()
    go_on = threading.Event()

    def write(number: int) -> None:
        chance = random.Random(number)
        try:
            for _ in range(12):
                keys = sorted(chance.sample("abcdefghij", chance.randint(1, 4)))
                with tenant_scope(world.tenant.id):
                    for key in keys:
                        world.put(f"{key}-{number % 3}", chance.random())
                        time.sleep(chance.random() * 0.004)
                with lock:
                    written.update(f"{key}-{number % 3}" for key in keys)
        finally:
            connection.close()

    def pause() -> None:
        try:
            with tenant_scope(world.tenant.id):
                world.put("paused-1", 1)
                go_on.wait(20)
                world.put("paused-2", 1)
        finally:
            connection.close()

    paused = threading.Thread(target=pause)
    paused.start()
    threads = [threading.Thread(target=write, args=(number,)) for number in range(writers)]
    for thread in threads:
        thread.start()
    yield written
    for thread in threads:
        thread.join()
    go_on.set()
    paused.join()
    written.update(("paused-1", "paused-2"))


def check_order(told: list[Event]) -> None:
    """Each key's versions rise one by one, and no cursor comes twice."""
    newest: Counter[str] = Counter()
    for change in told:
        newest[change["key"]] += 1
        assert change["version"] == newest[change["key"]]
    cursors = [change["cursor"] for change in told]
    assert len({*cursors}) == len(cursors)


def all_pages(feed: Feed, key: str, limit: int) -> list[Event]:
    found: list[Event] = []
    cursor: dict[str, str] = {}
    while True:
        page = feed.page(key, limit=limit, **cursor)
        found += page["items"]
        assert len(page["items"]) <= limit
        if page["caught_up"]:
            return found
        cursor = {"after": page["next_cursor"]}


def test_every_follower_sees_one_order_whatever_overlaps(
    feed: Feed, world: World, key: str
) -> None:
    paged: list[Event] = []
    cursor = feed.page(key, after="now")["next_cursor"]
    start = cursor
    with feed.stream(key, after=start) as stream, overlapping(world, writers=6) as written:
        for _ in range(25):  # a follower that reads pages while they are being written
            page = feed.page(key, after=cursor, limit=5)
            paged += page["items"]
            cursor = page["next_cursor"]
    expected = sum(written.values())
    with feed.stream(key, after=start) as stream:
        streamed = stream.changes(expected)
        assert stream.is_quiet()
    while len(paged) < expected:
        page = feed.page(key, after=cursor)
        paged += page["items"]
        cursor = page["next_cursor"]

    check_order(streamed)
    assert [one["cursor"] for one in paged] == [one["cursor"] for one in streamed]
    assert Counter(one["key"] for one in streamed) == written
    assert all_pages(feed, key, 7) == streamed
    # A transaction is in one piece, and says that it goes on.
    keys = [one["key"] for one in streamed]
    first = keys.index("paused-1")
    assert keys[first + 1] == "paused-2"
    assert [one["more"] for one in streamed[first : first + 2]] == [True, False]


def test_a_follower_that_was_there_all_the_time_sees_the_same(
    feed: Feed, world: World, key: str
) -> None:
    with feed.stream(key, after="now") as stream:
        with overlapping(world, writers=4) as written:
            pass
        live = stream.changes(sum(written.values()))
        assert stream.is_quiet()

    check_order(live)
    assert all_pages(feed, key, 1000) == live


def test_a_follower_that_comes_again_and_again_misses_nothing_and_sees_nothing_twice(
    feed: Feed, world: World, key: str
) -> None:
    chance = random.Random(7)
    told: list[Event] = []
    cursor = feed.page(key, after="now")["next_cursor"]
    with overlapping(world, writers=4) as written:
        pass
    expected = sum(written.values())
    while len(told) < expected:
        with feed.stream(key, last_id=cursor) as stream:
            told += stream.changes(min(chance.randint(1, 30), expected - len(told)))
            cursor = stream.cursor

    check_order(told)
    assert all_pages(feed, key, 100) == told


def test_a_transaction_longer_than_a_page_comes_in_parts_that_say_so(
    feed: Feed, world: World, key: str
) -> None:
    world.put("before", 1)
    with tenant_scope(world.tenant.id):
        for number in range(5):
            world.put(f"k{number}", number)
    world.put("behind", 1)

    first = feed.page(key, limit=3)
    second = feed.page(key, limit=3, after=first["next_cursor"])
    third = feed.page(key, limit=3, after=second["next_cursor"])

    # The first page ends before the transaction, which is not cut without need.
    assert [one["key"] for one in first["items"]] == ["before"]
    assert [(one["key"], one["more"]) for one in second["items"]] == [
        ("k0", True), ("k1", True), ("k2", True),
    ]  # fmt: skip
    assert [(one["key"], one["more"]) for one in third["items"]] == [
        ("k3", True), ("k4", False), ("behind", False),
    ]  # fmt: skip


def test_a_key_s_versions_stay_in_order_when_a_transaction_writes_late(
    feed: Feed, world: World, key: str
) -> None:
    """A transaction that began first, and changes a key after another has: ordered by its first
    change it would stand before what it saw.
    """
    world.put("first", 1)  # what the first decision of a kind writes down is in nobody's way
    with tenant_scope(world.tenant.id):
        world.put("mine", 1)
        other = threading.Thread(target=_put_elsewhere, args=(world, "shared"))
        other.start()
        other.join(20)
        world.put("shared", 2)

    told = feed.page(key)["items"][1:]

    assert [(one["key"], one["version"]) for one in told] == [
        ("shared", 1), ("mine", 1), ("shared", 2),
    ]  # fmt: skip


def _put_elsewhere(world: World, name: str) -> None:
    try:
        world.put(name, 1)
    finally:
        connection.close()


def test_what_changes_is_what_a_fresh_look_finds(feed: Feed, world: World, key: str) -> None:
    """Applying the feed to nothing gives the state."""
    chance = random.Random(3)
    for number in range(40):
        name = chance.choice("abcde")
        if chance.random() < 0.2 and number > 10:
            try:
                world.delete(name)
            except Exception:  # it is not there: nothing happens
                continue
        else:
            world.put(name, {"n": number, "list": list(range(chance.randint(0, 4)))})

    applied = {mode: _applied(feed, key, mode) for mode in ("full", "patch")}

    with tenant_scope(world.tenant.id), connection.cursor() as cursor:
        cursor.execute(
            "SELECT key FROM stateward_entry WHERE tenant_id = %s AND is_alive", (world.tenant.id,)
        )
        alive = {row[0] for row in cursor.fetchall()}
    assert applied["full"] == {name: world.get(name).value for name in alive}
    assert applied["patch"] == applied["full"]


def _applied(feed: Feed, key: str, mode: str) -> dict[str, object]:
    found: dict[str, object] = {}
    for change in feed.page(key, values=mode, limit=1000)["items"]:
        if change["operation"] == "delete":
            found.pop(change["key"], None)
        elif mode == "full":
            found[change["key"]] = change["value"]
        else:
            before = found.get(change["key"])
            found[change["key"]] = jsonpatch.apply_patch(before, change["patch"])
    return found


def test_passes_are_apart_for_tenants_and_shared_by_processes(
    numbering: Numbering, feed: Feed, world: World, key: str
) -> None:
    """Another process of the data plane gives the same cursors."""
    world.put("a", 1)
    other = Feed()
    try:
        assert other.page(key)["items"] == feed.page(key)["items"]
    finally:
        other.close()


@pytest.mark.parametrize("limit", [1, 3, 50], ids=lambda limit: f"limit-{limit}")
def test_a_long_way_is_read_in_looks_that_end_soon(
    feed: Feed, world: World, key: str, limit: int
) -> None:
    """Many passes behind: each look takes as many passes as it may have rows."""
    for number in range(60):
        world.put(f"k{number % 7}", number)
        if number % 4 == 0:
            _wait_for_a_pass()

    told = all_pages(feed, key, limit)

    assert len(told) == 60
    check_order(told)


def _wait_for_a_pass() -> None:
    with psycopg.connect(settings.SEQUENCER_DATABASE_URL, autocommit=True) as session:
        before = session.execute("SELECT max(number) FROM stateward_feed_pass").fetchall()[0][0]
        until = time.monotonic() + 0.2
        while time.monotonic() < until:
            rows = session.execute("SELECT max(number) FROM stateward_feed_pass").fetchall()
            if rows[0][0] > before:
                return
            time.sleep(0.005)

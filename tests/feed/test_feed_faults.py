"""What may fail while somebody follows: the numbering, the process, the bell, the follower."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from stateward.feed import tail
from stateward.gate.sequence.bell import PATTERN, SEQUENCER, URGENT, Ears, Hand
from stateward.operations.jobs import sweeps
from stateward.tenancy.scope import tenant_scope
from tests.factories.state import World, make_world
from tests.feed.feeding import Event, Feed, Numbering
from tests.patience import PATIENCE

ROOT = Path(__file__).parents[2]
PROGRAM = """
import os, sys, threading
from pathlib import Path
from stateward.gate.sequence.numbering import Numberer
Numberer(sys.argv[1], Path(sys.argv[2]), threading.Event()).run()
"""


@contextmanager
def numbering_process() -> Iterator[subprocess.Popen[bytes]]:
    """The numbering as a process, to be killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, settings.SEQUENCER_DATABASE_URL, str(settings.BELL_FOLDER)],
        env=os.environ | {"PYTHONPATH": f"{ROOT / 'platform'}:{ROOT}"},
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextmanager
def writing(world: World, count: int) -> Iterator[None]:
    def write() -> None:
        try:
            for number in range(count):
                with tenant_scope(world.tenant.id):
                    world.put(f"k{number % 5}", number)
                    world.put(f"l{number % 3}", number)
                time.sleep(0.01)
        finally:
            connection.close()

    thread = threading.Thread(target=write)
    thread.start()
    yield
    thread.join()


def follow_to_the_end(feed: Feed, key: str, cursor: str, expected: int) -> list[Event]:
    """Reconnect again and again, each time to a process of the data plane of its own."""
    told: list[Event] = []
    while len(told) < expected:
        with feed.stream(key, last_id=cursor) as stream:
            told += stream.changes(min(11, expected - len(told)))
            cursor = stream.cursor
    return told


def test_numbering_and_data_plane_are_killed_and_nobody_misses_or_hears_twice(
    world: World, key: str
) -> None:
    feeds = [Feed(), Feed()]
    told: dict[int, list[Event]] = {}
    count = 60

    def follow(number: int) -> None:
        told[number] = follow_to_the_end(feeds[number % 2], key, start, 2 * count)

    try:
        with numbering_process():
            start = feeds[0].page(key, after="now")["next_cursor"]
        with writing(world, count):
            followers = [threading.Thread(target=follow, args=(number,)) for number in range(3)]
            for follower in followers:
                follower.start()
            for _ in range(4):  # each is killed in the middle, whatever it is at
                with numbering_process() as process:
                    time.sleep(0.7)
                    process.send_signal(signal.SIGKILL)
            with numbering_process():
                for follower in followers:
                    follower.join(PATIENCE)
                page = feeds[1].page(key, after=start, limit=1000)
    finally:
        for feed in feeds:
            feed.close()

    assert len(page["items"]) == 2 * count
    assert all(told[number] == page["items"] for number in range(3))
    versions: dict[str, int] = {}
    for change in page["items"]:
        assert change["version"] == versions.get(change["key"], 0) + 1
        versions[change["key"]] = change["version"]


def test_two_numberings_never_number_at_once(world: World, key: str) -> None:
    first, second = Numbering(), Numbering()
    feed = Feed()
    try:
        for number in range(20):
            world.put("a", number)
        versions = [one["version"] for one in feed.page(key)["items"]]
    finally:
        first.end()
        second.end()
        feed.close()

    assert versions == [*range(1, 21)]


def test_without_a_bell_a_follower_hears_a_little_later(
    world: World, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "Ears", _deaf)
    numbering, feed = Numbering(), Feed()
    monkeypatch.setattr(feed.plane.changes, "ring", lambda: None)
    try:
        with feed.stream(key, after="now") as stream:
            world.put("a", 1)
            assert stream.change()["key"] == "a"
    finally:
        numbering.end()
        feed.close()


def _deaf(*_: object) -> Ears:
    raise OSError("no folder for bells")


def test_a_ring_is_heard_lost_or_refused_and_never_waited_for(tmp_path: Path) -> None:
    folder = tmp_path / ("deep" * 30)  # longer than a socket's address may be
    nobody = Hand(folder, SEQUENCER)
    nobody.ring()
    ears, hand = Ears(folder, SEQUENCER), Hand(folder, SEQUENCER)
    hand.ring()
    assert ears.wait(1)
    hand.ring(URGENT)
    assert ears.wait(1)
    assert ears.was_urgent
    assert not ears.wait(0)
    for _ in range(5000):
        hand.ring(b"x" * 500)  # far more than the socket's buffer takes
    assert ears.wait(1)
    ears.close()
    hand.ring()
    dead = Ears(folder, "follower-1-1.bell")
    dead.socket.close()  # killed: its socket's file stays
    ringing = Hand(folder, PATTERN)
    ringing.ring()
    assert not (folder / "follower-1-1.bell").exists()
    shutil.rmtree(folder)
    for one in (nobody, hand, ringing):
        one.close()


def test_whoever_takes_nothing_costs_no_more_than_a_queue(
    feed: Feed, world: World, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "QUEUE_BATCHES", 3)
    with feed.stream(key, after="now", values="full") as slow:
        slow.hold()
        for number in range(40):
            world.put("k", {"n": number, "x": "y" * 2000})
            time.sleep(0.02)
        follower = next(iter(feed.plane.changes._followers[world.tenant.id]))
        assert len(follower.subscription._queue) <= 3
        slow.go_on()
        told = slow.changes(40)

    assert [one["value"]["n"] for one in told] == [*range(40)]


def test_what_is_kept_long_enough_is_forgotten_and_the_oldest_cursor_named(
    database: None, feed: Feed, world: World, key: str
) -> None:
    other = make_world()
    other.put("theirs", 1)
    world.put("old", 1)
    old = feed.page(key)
    with psycopg.connect(os.environ["STATEWARD_SUPERUSER_DATABASE_URL"]) as session:
        session.execute("UPDATE stateward_feed_pass SET at = at - interval '8 days'")
    world.put("new", 1)
    until = feed.page(key)
    with tenant_scope(world.tenant.id), connection.cursor() as cursor:
        cursor.execute(sweeps.FEED_FLOOR, ("7 days",))
        cursor.execute(sweeps.FEED_COMPACT, (world.tenant.id, 1000))
        assert cursor.fetchall() == [(1,)]

    gone = feed.page(key, status=410, after=old["items"][0]["cursor"])
    first = feed.page(key)

    assert gone["code"] == "cursor_expired"
    assert [one["key"] for one in until["items"]] == ["old", "new"]
    assert [one["key"] for one in first["items"]] == ["new"]
    assert feed.page(key, after=gone["oldest_cursor"])["items"] == first["items"]
    # The end of the last pass that is gone is where what is kept begins.
    assert feed.page(key, after=old["next_cursor"], status=200)["items"] == first["items"]


def test_a_cursor_of_another_history_is_refused(feed: Feed, world: World, key: str) -> None:
    """After a restore to an earlier time the same numbers stand for other changes."""
    world.put("a", 1)
    cursor = feed.page(key)["next_cursor"]
    with psycopg.connect(os.environ["STATEWARD_SUPERUSER_DATABASE_URL"]) as session:
        session.execute(
            "UPDATE stateward_feed_pass SET salt = salt / 2 + 1"
            " WHERE number = (SELECT max(number) FROM stateward_feed_pass)"
        )

    assert feed.page(key, after=cursor, status=410)["code"] == "cursor_expired"


def test_a_hundred_followers_of_one_process_hear_the_same(
    feed: Feed, world: World, key: str
) -> None:
    """A thousand are in the benchmark."""
    streams = []
    name = f"k-{uuid4().hex}"
    try:
        for _ in range(100):
            context = feed.stream(key, after="now")
            streams.append((context, context.__enter__()))
        world.put(name, 1)
        told = {stream.change()["cursor"] for _, stream in streams}
        assert len(told) == 1
        assert feed.plane.changes.count == 100
    finally:
        for context, _ in streams:
            context.__exit__(None, None, None)
    until = time.monotonic() + PATIENCE
    while feed.plane.changes.count and time.monotonic() < until:
        time.sleep(0.01)
    assert feed.plane.changes.count == 0
    assert not feed.plane.changes._tails.following()

"""Passes: whatever overlaps, every committed row is in one pass, and a key's versions rise."""

import os
import random
import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from stateward.gate.sequence.exceptions import LeaseLost
from stateward.gate.sequence.lease import acquire, hold, release, renew
from stateward.gate.sequence.passes import (
    passes_after,
    rows_of_pass,
    take_pass,
    unnumbered_rows,
)
from stateward.kernel.flow import Flow, Rows, Statement, T, run
from stateward.kernel.ids import uuid7

Session = psycopg.Connection[Any]
LEASE = "probe"


def connect(role: str = "SUPERUSER", **options: Any) -> Session:
    return psycopg.connect(os.environ[f"STATEWARD_{role}_DATABASE_URL"], **options)


def drive(session: Session, flow: Flow[T]) -> T:
    def execute(statement: Statement) -> Rows:
        cursor = session.execute(statement.sql, statement.parameters)
        return cursor.fetchall() if cursor.description else []

    return run(flow, execute)


@pytest.fixture
def source() -> Iterator[str]:
    """A table of rows to number, and no passes yet."""
    name = f"probe_{uuid7().hex}"
    with connect(autocommit=True) as session:
        session.execute(
            f"CREATE TABLE {name} (key text, version int, seq bigint DEFAULT"
            " nextval('stateward_order'), xid xid8 DEFAULT pg_current_xact_id());"
            f"CREATE INDEX ON {name} (xid); GRANT SELECT ON {name} TO stateward_sequencer;"
            f"CREATE TABLE {name}_key (key text PRIMARY KEY, version int NOT NULL)"
        )
        yield name
        session.execute(f"DROP TABLE {name}, {name}_key")


@pytest.fixture
def sequencer() -> Iterator[tuple[Session, int]]:
    """The sequencer's own role, under a lease of its own."""
    with connect("SEQUENCER", autocommit=True) as session:
        token = drive(session, acquire(LEASE, "test", 60))
        assert token is not None
        yield session, token
        drive(session, release(LEASE, token))


def numbered(session: Session, source: str, passes: list[int]) -> list[tuple[Any, ...]]:
    found = []
    for number in passes:
        rows = session.execute(
            f"SELECT * FROM ({rows_of_pass(source, 'key, version, seq')}) x ORDER BY seq", (number,)
        )
        found += [(row[0], row[1]) for row in rows]
    return found


def write(session: Session, source: str, key: str) -> None:
    """One write as the write function makes it: the row locked first, the order drawn under it."""
    session.execute(
        f"WITH changed AS (UPDATE {source}_key SET version = version + 1 WHERE key = %s"
        f" RETURNING key, version) INSERT INTO {source} (key, version) SELECT * FROM changed",
        (key,),
    )


def take(sequencer: tuple[Session, int], source: str) -> int | None:
    session, token = sequencer
    return drive(session, take_pass(source, lease=LEASE, token=token))


def test_a_pass_is_taken_only_for_something_new(
    source: str, sequencer: tuple[Session, int]
) -> None:
    assert take(sequencer, source) is None
    with connect() as session:
        session.execute(f"INSERT INTO {source} VALUES ('a', 1)")

    number = take(sequencer, source)

    assert number is not None
    assert take(sequencer, source) is None
    assert numbered(sequencer[0], source, [number]) == [("a", 1)]


def test_a_transaction_that_lasts_is_in_the_pass_that_first_sees_it(
    source: str, sequencer: tuple[Session, int]
) -> None:
    with connect() as slow, connect(autocommit=True) as quick:
        slow.execute(f"INSERT INTO {source} VALUES ('slow', 1)")
        taken = []
        for version in range(1, 4):
            quick.execute(f"INSERT INTO {source} VALUES ('quick', %s)", (version,))
            taken.append(take(sequencer, source))
        slow.commit()
        taken.append(take(sequencer, source))

    assert numbered(sequencer[0], source, taken) == [
        ("quick", 1), ("quick", 2), ("quick", 3), ("slow", 1),
    ]  # fmt: skip
    assert take(sequencer, source) is None


def test_what_is_rolled_back_is_in_no_pass(source: str, sequencer: tuple[Session, int]) -> None:
    with connect() as session:
        session.execute(f"INSERT INTO {source} VALUES ('gone', 1)")
        session.rollback()

    assert take(sequencer, source) is None


def test_overlapping_writers_miss_nothing_double_nothing_swap_nothing(
    source: str, sequencer: tuple[Session, int]
) -> None:
    """Eight writers over a few common keys, and one transaction paused in their midst."""
    keys = [f"k{number}" for number in range(6)]
    with connect(autocommit=True) as session:
        session.execute(
            f"INSERT INTO {source}_key SELECT unnest(%s::text[]), 0", ([*keys, "paused"],)
        )
    done, resume = threading.Event(), threading.Event()
    before = max(drive(sequencer[0], passes_after(0, 10**9)), default=0)

    def writer(seed: int) -> None:
        chance = random.Random(seed)
        with connect() as session:
            for _ in range(120):
                for key in sorted(chance.sample(keys, chance.choice((1, 1, 2)))):
                    write(session, source, key)
                session.commit() if chance.random() < 0.9 else session.rollback()

    def paused() -> None:
        with connect() as session:
            write(session, source, "paused")
            resume.wait(30)

    def follower() -> None:
        with connect("SEQUENCER", autocommit=True) as session:
            while not done.is_set():
                take((session, sequencer[1]), source)

    writers = [threading.Thread(target=writer, args=(seed,)) for seed in range(8)]
    others = [threading.Thread(target=paused), threading.Thread(target=follower)]
    for thread in [*others, *writers]:
        thread.start()
    for thread in writers:
        thread.join()
    resume.set()
    others[0].join()
    done.set()
    others[1].join()
    take(sequencer, source)

    passes = drive(sequencer[0], passes_after(before, 10**9))
    found = numbered(sequencer[0], source, passes)
    with connect() as session:
        written = session.execute(f"SELECT key, version FROM {source}").fetchall()
        last = dict(session.execute(f"SELECT key, version FROM {source}_key").fetchall())
    assert len(passes) > 5
    assert sorted(found) == sorted(written)
    for key in [*keys, "paused"]:
        assert [version for name, version in found if name == key] == [*range(1, last[key] + 1)]


def test_the_pass_of_a_transaction_is_found(source: str, sequencer: tuple[Session, int]) -> None:
    with connect() as session:
        session.execute(f"INSERT INTO {source} VALUES ('a', 1)")
        session.commit()
        taken = [take(sequencer, source)]
        session.execute(f"INSERT INTO {source} VALUES ('b', 1)")
        find = f"SELECT stateward_pass_of(xid) FROM {source} ORDER BY seq"
        assert session.execute(find).fetchall() == [(taken[0],), (None,)]
        session.commit()
        taken.append(take(sequencer, source))
        assert session.execute(find).fetchall() == [(number,) for number in taken]


def test_what_is_committed_and_not_numbered_is_found(
    source: str, sequencer: tuple[Session, int]
) -> None:
    with connect(autocommit=True) as session:
        session.execute(f"INSERT INTO {source} VALUES ('a', 1)")
        number = take(sequencer, source)
        session.execute(f"INSERT INTO {source} VALUES ('b', 1)")

        rows = session.execute(unnumbered_rows(source, "key"), (number,)).fetchall()

    assert rows == [("b",)]


class TestLease:
    def test_only_one_has_it(self, sequencer: tuple[Session, int]) -> None:
        session, token = sequencer

        assert drive(session, acquire(LEASE, "other", 60)) is None
        drive(session, renew(LEASE, token, 60))

    def test_the_next_holder_has_a_larger_token(self, sequencer: tuple[Session, int]) -> None:
        session, token = sequencer
        drive(session, renew(LEASE, token, -1))

        taken = drive(session, acquire(LEASE, "other", 60))

        assert taken == token + 1
        with pytest.raises(LeaseLost):
            drive(session, renew(LEASE, token, 60))
        with pytest.raises(LeaseLost):
            drive(session, hold(LEASE, token))
        drive(session, release(LEASE, token + 1))

    def test_a_holder_that_lost_it_numbers_nothing(
        self, source: str, sequencer: tuple[Session, int]
    ) -> None:
        session, token = sequencer
        with connect() as writer:
            writer.execute(f"INSERT INTO {source} VALUES ('a', 1)")

        assert drive(session, take_pass(source, lease=LEASE, token=token - 1)) is None
        assert take(sequencer, source) is not None

    def test_nobody_takes_over_in_the_middle_of_a_transaction(
        self, sequencer: tuple[Session, int]
    ) -> None:
        session, token = sequencer
        drive(session, renew(LEASE, token, -1))
        with connect("SEQUENCER") as holder, connect("SEQUENCER", autocommit=True) as other:
            drive(holder, hold(LEASE, token))
            other.execute("SET lock_timeout = '50ms'")

            with pytest.raises(psycopg.errors.LockNotAvailable):
                drive(other, acquire(LEASE, "other", 60))
            holder.commit()
            assert drive(other, acquire(LEASE, "other", 0)) == token + 1

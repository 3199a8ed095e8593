"""A purge against writers, against the clock, and against being killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from governance.retention import sweep as sweeping
from stateward.operations.jobs.interruptions import LeaseLost
from stateward.operations.jobs.running import Run
from stateward.state.exceptions import ClockJumped
from stateward.state.services import clocks
from stateward.state.services.expiry import expire_due
from tests.factories.retention import Keeper
from tests.factories.state import audit_records
from tests.retention.sessions import in_thread, wait_until_blocked, wait_until_somebody_waits

ROOT = Path(__file__).resolve().parents[2]
Session = psycopg.Connection[Any]


@pytest.fixture
def aged(keeper: Keeper, superuser: str) -> Keeper:
    """Three keys that are due, and the rule they are due under."""
    for key in ("a", "b", "c"):
        keeper.world.put(key, {"secret": key})
    keeper.age(superuser, 31)
    keeper.rule("month", days=30)
    return keeper


@pytest.fixture
def other_session(aged: Keeper) -> Iterator[Session]:
    with psycopg.connect(os.environ["STATEWARD_SUPERUSER_DATABASE_URL"]) as session:
        yield session


def left(keeper: Keeper) -> tuple[int, int, int, int]:
    """Values, tombstones, proofs, audit records of purges."""
    values = sum(keeper.values_left(key) for key in ("a", "b", "c"))
    counts = [
        keeper.rows(f"SELECT count(*) FROM {table} WHERE tenant_id = %s", keeper.tenant_id)[0][0]
        for table in ("stateward_tombstone", "stateward_purge_batch")
    ]
    purges = [one for one in audit_records(keeper.tenant_id) if one[0] == "state.purge"]
    return (values, *counts, len(purges))


def test_a_key_that_somebody_is_writing_is_left_alone(aged: Keeper, other_session: Session) -> None:
    other_session.execute(
        "SELECT FROM stateward_entry WHERE tenant_id = %s AND key = 'a' FOR UPDATE",
        (aged.tenant_id,),
    )

    done = aged.sweep()

    assert (done["purged"], done["listed"]) == (2, 3)
    assert aged.values_left("a") == 2
    other_session.rollback()
    assert aged.sweep()["purged"] == 1


def test_a_write_that_waits_for_the_purge_begins_after_it(
    aged: Keeper, other_session: Session
) -> None:
    """Made anew while the purge holds the row: the new value stands, on the version after."""
    other_session.execute("LOCK TABLE stateward_purge_batch IN EXCLUSIVE MODE")
    purging, purged = in_thread(aged.sweep)
    wait_until_blocked(other_session, "INSERT INTO stateward_purge_batch")
    writing, written = in_thread(lambda: aged.world.put("a", "anew"))
    wait_until_somebody_waits("stateward_write")

    other_session.rollback()
    purging.join()
    writing.join()

    assert (purged, written) == ([None], [None])
    assert (aged.world.get("a").version, aged.world.get("a").value) == (3, "anew")
    assert aged.world.history("a") == [(3, "put"), (2, "purge"), (1, "put")]
    assert aged.values_left("a") == 2


def test_a_key_made_anew_between_list_and_lock_is_left_alone(
    aged: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deleted and made again after the list was frozen: it is not what was due."""
    lock = sweeping.lock_batch

    def meanwhile(*args: Any, **how: Any) -> Any:
        with psycopg.connect(os.environ["STATEWARD_SUPERUSER_DATABASE_URL"]) as session:
            session.execute(
                "UPDATE stateward_entry SET version = version + 2, created_at = now(),"
                " updated_at = now() WHERE tenant_id = %s AND key = 'b'", (aged.tenant_id,),
            )  # fmt: skip
        return lock(*args, **how)

    monkeypatch.setattr(sweeping, "lock_batch", meanwhile)

    assert aged.sweep()["purged"] == 2
    assert aged.values_left("b") == 2


def test_a_rule_that_ends_between_list_and_lock_purges_nothing(
    aged: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = sweeping.lock_batch

    def meanwhile(*args: Any, **how: Any) -> Any:
        with psycopg.connect(os.environ["STATEWARD_SUPERUSER_DATABASE_URL"]) as session:
            session.execute(
                "UPDATE stateward_retention_version SET days = 90 WHERE tenant_id = %s",
                (aged.tenant_id,),
            )
        return lock(*args, **how)

    monkeypatch.setattr(sweeping, "lock_batch", meanwhile)

    assert aged.sweep()["purged"] == 0
    assert left(aged)[1:] == (0, 0, 0)


def worker(tenant_id: UUID) -> subprocess.Popen[bytes]:
    path = os.pathsep.join((str(ROOT / "platform"), str(ROOT)))
    return subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("purge_worker.py")), str(tenant_id)],
        env=os.environ | {"PYTHONPATH": path},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


PLACES = [
    pytest.param(
        "SELECT FROM stateward_epoch WHERE tenant_id = %s FOR UPDATE", "FOR SHARE",
        id="before-holds-are-read",
    ),
    pytest.param(
        "SELECT FROM stateward_revision WHERE tenant_id = %s AND key = 'b' FOR UPDATE",
        "stateward_purge_history", id="while-history-is-emptied",
    ),
    pytest.param(
        "LOCK TABLE stateward_tombstone IN EXCLUSIVE MODE", "stateward_tombstone",
        id="before-tombstones",
    ),
    pytest.param(
        "LOCK TABLE stateward_purge_batch IN EXCLUSIVE MODE", "INSERT INTO stateward_purge_batch",
        id="before-the-proof",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("obstacle", "stuck_in"), PLACES)
def test_a_killed_purge_leaves_nothing_of_itself(
    aged: Keeper, other_session: Session, obstacle: str, stuck_in: str
) -> None:
    other_session.execute(obstacle, (aged.tenant_id,) if "%s" in obstacle else None)
    process = worker(aged.tenant_id)
    wait_until_blocked(other_session, stuck_in)

    process.send_signal(signal.SIGKILL)
    process.wait()
    other_session.rollback()

    for _ in range(2000):  # the server notices, and undoes what was under way
        if (stands := left(aged)) == (6, 0, 0, 0) and not still_open(aged):
            break
    assert stands == (6, 0, 0, 0)
    assert aged.sweep()["purged"] == 3
    assert left(aged) == (0, 3, 1, 4)


def still_open(keeper: Keeper) -> bool:
    with psycopg.connect(os.environ["STATEWARD_SUPERUSER_DATABASE_URL"], autocommit=True) as watch:
        row = watch.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND backend_type = 'client backend' AND query LIKE '%stateward_purge%'"
            " AND state <> 'idle' AND pid <> pg_backend_pid()"
        ).fetchone()
        watch.execute("SELECT pg_sleep(0.005)")
    return bool(row and row[0])


def test_a_worker_that_lost_its_run_purges_nothing(
    aged: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(self: Run, elsewhere: Any = None) -> None:
        raise LeaseLost

    monkeypatch.setattr(Run, "guard", lost)

    with pytest.raises(LeaseLost):
        aged.sweep()
    assert left(aged) == (6, 0, 0, 0)


@pytest.mark.parametrize("jump", [timedelta(days=400), timedelta(hours=-2)])
def test_nothing_is_purged_or_expired_while_clocks_disagree(
    aged: Keeper, monkeypatch: pytest.MonkeyPatch, jump: timedelta
) -> None:
    monkeypatch.setattr(clocks, "now", lambda: datetime.now(UTC) + jump)

    with pytest.raises(ClockJumped):
        aged.sweep()
    with pytest.raises(ClockJumped):
        expire_due(aged.tenant_id, 10)
    assert left(aged) == (6, 0, 0, 0)


def test_a_batch_ends_and_the_next_goes_on(aged: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "BATCH", 2)
    monkeypatch.setattr(sweeping, "PAGE", 1)

    done = aged.sweep()

    assert (done["purged"], done["batches"], done["looked_at"]) == (3, 3, 3)
    assert left(aged) == (0, 3, 3, 6)


def test_history_is_emptied_behind_purges_only(aged: Keeper) -> None:
    """The function with the owner's right does nothing for a key that is not purged."""
    world = aged.world
    item = f'[{{"ns": "{world.namespace.id}", "k": "a", "v": 1}}]'

    assert aged.rows("SELECT * FROM stateward_purge_history(%s, %s::json, NULL)",
                     aged.tenant_id, item) == [(0, 0, 0)]  # fmt: skip
    with (
        psycopg.connect(os.environ["STATEWARD_DATABASE_URL"]) as stranger,
        pytest.raises(psycopg.errors.CheckViolation),
    ):
        stranger.execute(
            "SELECT * FROM stateward_purge_history(%s, %s::json, NULL)", (aged.tenant_id, item)
        )
    assert left(aged)[0] == 6

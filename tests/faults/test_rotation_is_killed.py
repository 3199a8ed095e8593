"""F04 and F46: whoever seals old values anew is killed wherever it is, while others write."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
from pathlib import Path
from uuid import UUID

import pytest
from django.db import connection

from governance.keys.services import REENCRYPT, rotate_key
from governance.keys.stores import count_all
from stateward.operations.jobs.services import start
from stateward.state.configuration import forget_configurations
from stateward.tenancy.scope import tenant_scope
from tests.factories.retention import Keeper, make_keeper
from tests.factories.state import CALL
from tests.servers import ROOT

WORKER = str(Path(__file__).parent / "rotation_worker.py")
CANARY = "a value that must be nowhere in plain"
KEYS, POINTS, WRITERS, WRITES = 12, 10, 16, 12


@pytest.fixture
def keeper(database: None) -> Keeper:
    keeper = make_keeper()
    for number in range(KEYS):
        keeper.world.put(f"k-{number:02}", f"{CANARY} {number}")
    return keeper


def killed_and_ended(run_id: UUID, points: list[int]) -> list[str]:
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "platform"), str(ROOT)])}
    found = subprocess.run(
        [sys.executable, WORKER, str(run_id), *map(str, points)],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    return found.stdout.splitlines()


def asked(keeper: Keeper) -> UUID:
    rotate_key(keeper.owner, CALL, keeper.world.namespace.name)
    params = {"namespace_id": str(keeper.world.namespace.id), "rows_per_second": 100_000}
    return start(REENCRYPT, tenant_id=keeper.tenant_id, params=params)


def versions(keeper: Keeper) -> set[int]:
    with tenant_scope(keeper.tenant_id):
        found = count_all(keeper.tenant_id, keeper.world.namespace.id)
    return {one.version for one in found}


def test_killed_at_ten_points_it_resumes_and_every_value_opens(keeper: Keeper) -> None:
    """F04. The points are drawn anew each time; what failed is in the assertion."""
    points = [random.randrange(3, 40) for _ in range(POINTS)]  # not a secret

    told = killed_and_ended(asked(keeper), points)

    assert "-9" in told[0], told
    assert told[-1].endswith(" 0"), told
    assert versions(keeper) == {2}, points
    forget_configurations()
    for number in range(KEYS):
        assert keeper.world.get(f"k-{number:02}").value == f"{CANARY} {number}", points
    seen = "SELECT count(*) FROM stateward_revision WHERE position(%s::bytea IN value) > 0"
    assert keeper.rows(seen, CANARY.encode()) == [(0,)]
    states = keeper.rows("SELECT version, state FROM stateward_data_key WHERE namespace_id = %s",
                         keeper.world.namespace.id)  # fmt: skip
    assert dict(states) == {1: "retired", 2: "active"}


def test_parallel_writers_see_no_error_while_it_is_killed(keeper: Keeper) -> None:
    """F46, with as many writers as two cores bear in a test."""
    failures: list[BaseException] = []
    begun = threading.Barrier(WRITERS + 1)

    def write(writer: int) -> None:
        try:
            begun.wait()
            for number in range(WRITES):
                keeper.world.put(f"w-{writer}", number)
                keeper.world.get(f"k-{number % KEYS:02}")
        except BaseException as failure:
            failures.append(failure)
        finally:
            connection.close()

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(WRITERS)]
    for thread in threads:
        thread.start()
    begun.wait()
    points = [random.randrange(3, 60) for _ in range(3)]  # not a secret
    told = killed_and_ended(asked(keeper), points)
    for thread in threads:
        thread.join()

    assert failures == []
    assert told[-1].endswith(" 0"), told
    forget_configurations()
    for writer in range(WRITERS):
        assert keeper.world.get(f"w-{writer}").value == WRITES - 1
        assert keeper.world.get(f"w-{writer}").version == WRITES
    assert versions(keeper) == {2}

"""The cold tier: old revisions compressed, never lost, and what they prove unchanged."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from stateward.operations.jobs.services import run_here
from tests.factories.api import Api
from tests.factories.retention import Keeper
from tests.servers import ROOT

WORKER = str(Path(__file__).parent / "cooling_worker.py")
TEXT = "the same words again and again " * 40


def aged(keeper: Keeper, superuser: str, days: int) -> None:
    with psycopg.connect(superuser, autocommit=True) as session:
        session.execute(
            "UPDATE stateward_revision SET at = at - make_interval(days => %s)"
            " WHERE tenant_id = %s",
            (days, keeper.tenant_id),
        )


def bounded(keeper: Keeper, **bounds: int) -> dict[str, Any]:
    path = f"/namespaces/{keeper.world.namespace.name}/bounds"
    return dict(Api(keeper.member)("PUT", path, bounds).json())


def compress(keeper: Keeper) -> dict[str, Any]:
    return dict(run_here("compress_history", tenant_id=keeper.tenant_id).result)


def stored(keeper: Keeper) -> list[tuple[Any, ...]]:
    """(version, format, hash, sealed size) of each revision."""
    return keeper.rows(
        "SELECT version, get_byte(value, 0), value_hash, octet_length(value)"
        " FROM stateward_revision WHERE tenant_id = %s ORDER BY version",
        keeper.tenant_id,
    )


@pytest.fixture
def old(keeper: Keeper, superuser: str) -> Keeper:
    for number in range(6):
        keeper.world.put("a", f"{number} {TEXT}" if number != 3 else "short")
    aged(keeper, superuser, 20)
    return keeper


def test_old_revisions_take_less_and_read_as_before(old: Keeper) -> None:
    before = stored(old)
    bounded(old, compress_after_days=10)

    done = compress(old)

    after = stored(old)
    assert (done["looked"], done["compressed"]) == (6, 5)
    assert [row[1] for row in after] == [2, 2, 2, 1, 2, 2]
    assert [row[2] for row in after] == [row[2] for row in before]  # hashes
    saved = sum(row[3] for row in before) - sum(row[3] for row in after)
    assert done["saved_bytes"] == saved > 4000
    for version in (1, 4, 6):
        expected = "short" if version == 4 else f"{version - 1} {TEXT}"
        assert old.world.at("a", version=version).data == f'"{expected}"'.encode()
    told = bounded(old, compress_after_days=10)["done"]
    assert told["cold_revisions"] == 5
    assert told["cold_bytes_before"] - told["cold_bytes_after"] == saved


def test_each_revision_is_looked_at_once(old: Keeper) -> None:
    bounded(old, compress_after_days=10)
    compress(old)

    assert compress(old) == {"looked": 0, "compressed": 0, "saved_bytes": 0}


def test_young_revisions_and_other_namespaces_stay(old: Keeper) -> None:
    bounded(old, compress_after_days=21)

    assert compress(old)["looked"] == 0
    assert {row[1] for row in stored(old)} == {1}


def test_a_worker_killed_between_replacing_and_committing_loses_nothing(old: Keeper) -> None:
    bounded(old, compress_after_days=10)
    before = stored(old)
    worker = subprocess.Popen(
        [sys.executable, WORKER, str(old.tenant_id), str(old.world.namespace.id)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "platform"), str(ROOT)])},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert worker.stdout is not None
    assert worker.stdout.readline() == "replaced 5\n"
    worker.kill()
    worker.wait()
    worker.stdout.close()

    assert stored(old) == before
    assert compress(old)["compressed"] == 5
    assert old.world.at("a", version=1).data == f'"0 {TEXT}"'.encode()


def test_nothing_but_smaller_and_compressed_takes_a_values_place(old: Keeper) -> None:
    bounded(old, compress_after_days=10)
    call = """
        SELECT count(*) FROM stateward_revision r, LATERAL stateward_reseal(r.tenant_id,
            json_build_array(json_build_object('at', r.at, 'id', r.id,
                'h', encode(sha256(r.value), 'hex'), 'o', 0, 'l', %s)), %s) WHERE r.tenant_id = %s
    """

    assert old.rows(call, 2, b"\x01x", old.tenant_id) == [(0,)]  # not compressed
    assert old.rows(call, 4000, b"\x02" * 4000, old.tenant_id) == [(0,)]  # larger


def test_new_values_are_compressed_where_the_namespace_says_so(keeper: Keeper) -> None:
    bounded(keeper, compress_over_bytes=500)
    keeper.world.put("a", TEXT)
    keeper.world.put("a", "short")

    assert [row[1] for row in stored(keeper)] == [2, 1]
    assert keeper.world.at("a", version=1).data == f'"{TEXT}"'.encode()
    assert keeper.world.at("a", version=1).size_bytes == len(TEXT) + 2

"""What the first jobs do to the tables."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from stateward.kernel.ids import uuid7
from stateward.operations.jobs import sweeps
from stateward.operations.jobs.services import run_here
from stateward.tenancy.models import Tenant
from stateward.tenancy.scope import tenant_scope
from stateward.web.metrics import BUCKETS
from tests.factories.jobs import only
from tests.factories.sessions import Session
from tests.factories.state import World, audit_records, make_world
from tests.factories.tenants import make_tenant


def in_tenant(tenant: Tenant, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with tenant_scope(tenant.id), connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall()) if cursor.description else []


def keep_answers(tenant: Tenant, hours: float, count: int = 1) -> None:
    """Answers kept for repeats in both planes, so many hours old."""
    for _ in range(count):
        in_tenant(
            tenant,
            "INSERT INTO stateward_idempotency (tenant_id, actor_id, key, request_hash, status, at)"
            " VALUES (%s, %s, %s, '', 200, clock_timestamp() - %s::interval)",
            tenant.id,
            uuid7(),
            str(uuid7()),
            timedelta(hours=hours),
        )
    in_tenant(
        tenant,
        "INSERT INTO stateward_control_idempotency"
        " (id, tenant_id, principal_id, key, request_hash, content_type, headers, created_at)"
        " VALUES (%s, %s, %s, 'k', '', '', '{}', clock_timestamp() - %s::interval)",
        uuid7(),
        tenant.id,
        uuid7(),
        timedelta(hours=hours),
    )


def swept(name: str) -> Mapping[str, Any]:
    """What a sweep did, in this process."""
    return run_here(name, tenant_id=None).result


def answers(tenant: Tenant) -> tuple[int, int]:
    counts = "SELECT (SELECT count(*) FROM {}), (SELECT count(*) FROM {})"
    tables = ("stateward_idempotency", "stateward_control_idempotency")
    ((state, control),) = in_tenant(tenant, counts.format(*tables))
    return state, control


@pytest.fixture
def world(database: None) -> World:
    return make_world()


@pytest.fixture
def alone(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """The only tenant there is: what other tests left to be swept is not counted."""
    monkeypatch.setattr(sweeps, "_tenants", lambda: [world.tenant.id])
    return world


def test_expired_entries_lose_their_value_once(alone: World) -> None:
    alone.put("brief", 1, ttl_seconds=0.01)
    alone.put("long", 2, ttl_seconds=3600)
    alone.put("forever", 3)
    time.sleep(0.02)

    first, second = swept("expire_entries"), swept("expire_entries")

    assert (first, second) == ({"expired": 1}, {"expired": 0})
    assert [alone.history(key) for key in ("brief", "long", "forever")] == [
        [(2, "expire"), (1, "put")],
        [(1, "put")],
        [(1, "put")],
    ]
    recorded = [record for record in audit_records(alone.tenant.id) if record[0] == "state.expire"]
    assert recorded == [("state.expire", "allow", "brief")]


def test_every_tenants_entries_are_swept(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    other = make_world()
    only(monkeypatch, sweeps, world.tenant, other.tenant)
    for one in (world, other):
        one.put("brief", 1, ttl_seconds=0.01)
    time.sleep(0.02)

    swept("expire_entries")

    assert [one.history("brief")[0] for one in (world, other)] == [(2, "expire")] * 2


def test_a_sweep_goes_on_while_batches_are_full(
    alone: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeps, "EXPIRED", 2)
    for number in range(5):
        alone.put(f"brief-{number}", 1, ttl_seconds=0.01)
    time.sleep(0.02)

    assert swept("expire_entries") == {"expired": 5}


def test_a_tenant_with_very_much_to_do_leaves_the_rest_for_the_next_run(
    alone: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeps, "EXPIRED", 1)
    monkeypatch.setattr(sweeps, "BATCHES", 2)
    for number in range(3):
        alone.put(f"brief-{number}", 1, ttl_seconds=0.01)
    time.sleep(0.02)

    assert [swept("expire_entries"), swept("expire_entries")] == [{"expired": 2}, {"expired": 1}]


def test_answers_older_than_a_day_are_forgotten(alone: World) -> None:
    keep_answers(alone.tenant, hours=24.1)
    keep_answers(alone.tenant, hours=23.9)

    first, second = swept("clear_idempotency_keys"), swept("clear_idempotency_keys")

    assert (first, second) == ({"cleared": 2}, {"cleared": 0})
    assert answers(alone.tenant) == (1, 1)


def test_many_answers_are_forgotten_in_batches(
    database: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeps, "ANSWERS", 2)
    tenant = make_tenant()
    keep_answers(tenant, hours=25, count=5)

    swept("clear_idempotency_keys")

    assert answers(tenant) == (0, 0)


def test_every_tenants_minutes_are_rolled_up(database: None) -> None:
    tenants = [make_tenant(), make_tenant()]
    for tenant in tenants:
        in_tenant(
            tenant,
            "INSERT INTO stateward_metric_minute"
            " VALUES (%s, date_trunc('minute', now()), 'writes', '', 1, 0.1, %s)",
            tenant.id,
            [1] + [0] * (BUCKETS - 1),
        )

    result = swept("roll_up_metrics")

    assert result["hours"] >= 2
    for tenant in tenants:
        assert in_tenant(tenant, "SELECT series, count FROM stateward_metric_hour") == [
            ("writes", 1)
        ]


def test_months_to_come_have_their_partitions(database: None, superuser: Session) -> None:
    """Every table that is kept by month, and without the rights of an owner."""
    (drop,) = superuser.execute(
        "SELECT format('DROP TABLE %I', max(inhrelid::regclass::text))"
        " FROM pg_inherits WHERE inhparent = 'stateward_revision'::regclass"
    ).fetchone() or ("",)
    superuser.execute(drop)
    superuser.commit()

    first, second = swept("maintain_partitions"), swept("maintain_partitions")

    tables = {"stateward_revision", "stateward_change", "stateward_audit_record"}
    assert tables <= set(first)
    assert first["stateward_revision"] == 1
    assert set(second.values()) == {0}


def test_old_runs_are_forgotten_but_not_open_ones(database: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO stateward_job_run (name, state, queued_at)"
            " SELECT 'probe_old', state, now() - make_interval(days => days)"
            " FROM unnest(ARRAY['done', 'failed', 'queued', 'running']) AS state,"
            " unnest(ARRAY[2, 4, 31]) AS days RETURNING id"
        )
        ids = [row[0] for row in cursor.fetchall()]

        swept("clear_job_runs")

        cursor.execute(
            "SELECT state, count(*) FROM stateward_job_run WHERE id = ANY (%s) GROUP BY 1", (ids,)
        )
        assert dict(cursor.fetchall()) == {"done": 1, "failed": 2, "queued": 3, "running": 3}
        cursor.execute("DELETE FROM stateward_job_run WHERE id = ANY (%s)", (ids,))

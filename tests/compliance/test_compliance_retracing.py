"""The audit's tree walked again: whatever was done to the records shows, in the right place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from governance.compliance.retracing import Walk, retrace
from stateward.gate.audit.health import log_health
from stateward.tenancy.models import Tenant
from stateward.tenancy.scope import run_flow, tenant_scope
from tests.audit.audit_helpers import an_agent, connect, seal, write_records
from tests.compliance.cases_state import SEALS
from tests.factories.api import new_tenant

pytestmark = pytest.mark.usefixtures("database")


def walk(tenant: Tenant, before: dict[str, Any] | None = None, **limits: int) -> Walk:
    limits = {"most": 1_000_000, "most_again": 1_000_000} | limits
    with tenant_scope(tenant.id):
        newest = run_flow(log_health(tenant.id)).size
        return retrace(tenant.id, before, newest=newest, **limits)


def written(count: int, batches: int = 1) -> Tenant:
    tenant = new_tenant()
    for _ in range(batches):
        write_records(an_agent(tenant.id), count)
        seal(SEALS)
    return tenant


@contextmanager
def meddling(tenant: Tenant) -> Iterator[psycopg.Connection[Any]]:
    """The database as its owner has it, until the end of the block."""
    with connect() as superuser:
        superuser.execute("SET LOCAL session_replication_role = replica")
        yield superuser


ORDERED = (
    "SELECT id FROM stateward_audit_record WHERE tenant_id = %s ORDER BY seq OFFSET %s LIMIT 1"
)


def record_at(session: psycopg.Connection[Any], tenant: Tenant, number: int) -> Any:
    row = session.execute(ORDERED, (tenant.id, number)).fetchone()
    assert row is not None
    return row[0]


def test_a_log_that_nobody_touched_leads_to_its_signed_root() -> None:
    tenant = written(7, batches=3)

    found = walk(tenant)

    assert found.faults == []
    assert found.size == found.walked
    assert found.size >= 21
    assert found.checkpoint is not None


@pytest.mark.parametrize("act", ["changed", "removed", "inserted", "swapped"])
def test_what_was_done_to_a_record_shows_and_where(act: str) -> None:
    tenant = written(12)
    number = walk(tenant).size - 5
    with meddling(tenant) as superuser:
        target = record_at(superuser, tenant, number)
        other = record_at(superuser, tenant, number + 1)
        statements = {
            "changed": "UPDATE stateward_audit_record SET record = record || ' ' WHERE id = %s",
            "removed": "DELETE FROM stateward_audit_record WHERE id = %s",
            "inserted": "INSERT INTO stateward_audit_record (tenant_id, at, id, seq, xid, action,"
            " outcome, actor_type, actor_id, actor_name, resource_type, resource_id, request_id,"
            " record, payload) SELECT tenant_id, at, gen_random_uuid(), seq, xid, action, outcome,"
            " actor_type, actor_id, actor_name, resource_type, resource_id, request_id, 'x',"
            " payload FROM stateward_audit_record WHERE id = %s",
            "swapped": "UPDATE stateward_audit_record a SET record = b.record"
            " FROM stateward_audit_record b"
            " WHERE a.id IN (%s, %s) AND b.id IN (%s, %s) AND a.id <> b.id",
        }
        places = [target, other, target, other] if act == "swapped" else [target]
        superuser.execute(statements[act], places)

    found = walk(tenant)

    assert found.faults, act
    first = found.faults[0][0]
    assert first == number if act in {"changed", "removed"} else first <= number
    assert found.size == 0  # nothing is taken as verified


def test_a_replaced_leaf_and_a_forged_checkpoint_show() -> None:
    tenant = written(4)
    with meddling(tenant) as superuser:
        superuser.execute(
            "UPDATE stateward_audit_tile SET hashes = set_byte(hashes, 0,"
            " 255 - get_byte(hashes, 0)) WHERE tenant_id = %s AND level = 0 AND number = 0",
            (tenant.id,),
        )
    assert walk(tenant).faults

    forged = written(4)
    with meddling(forged) as superuser:
        superuser.execute(
            "UPDATE stateward_audit_checkpoint SET root = sha256('x') WHERE tenant_id = %s",
            (forged.id,),
        )
    faults = walk(forged).faults
    assert "not signed by this installation" in faults[0][1]


def test_a_missing_part_of_the_tree_shows() -> None:
    tenant = written(4)
    with meddling(tenant) as superuser:
        superuser.execute("DELETE FROM stateward_audit_tile WHERE tenant_id = %s", (tenant.id,))

    assert walk(tenant).faults


def test_the_next_scan_goes_on_where_the_last_one_stopped() -> None:
    tenant = written(300)
    first = walk(tenant)
    write_records(an_agent(tenant.id), 5)
    seal(SEALS)

    second = walk(tenant, first.position(), most_again=256)

    assert second.faults == []
    assert second.size == first.size + 5
    assert second.walked < first.size + 5 + 256
    assert second.again == 0  # the whole of the earlier part was in reach


def test_a_change_in_the_part_that_was_verified_shows_when_its_turn_comes() -> None:
    tenant = written(600)
    position = walk(tenant).position()
    with meddling(tenant) as superuser:
        target = record_at(superuser, tenant, 300)
        superuser.execute(
            "UPDATE stateward_audit_record SET record = record || ' ' WHERE id = %s", (target,)
        )

    turns = []
    for _ in range(2):
        found = walk(tenant, position, most_again=256)
        turns.append([index for index, _ in found.faults])
        position = found.position()

    assert turns[0] == [] or turns[0][0] == 300
    assert 300 in turns[0] + turns[1]


def test_a_tree_that_was_replaced_with_its_records_shows_by_what_was_signed() -> None:
    """Whoever changes a record and its leaf cannot change the signed root."""
    tenant = written(3)
    with meddling(tenant) as superuser:
        superuser.execute(
            "UPDATE stateward_audit_record SET record = record || ' ' WHERE id = %s",
            (record_at(superuser, tenant, 0),),
        )
        superuser.execute(
            "UPDATE stateward_audit_tile SET hashes = overlay(hashes PLACING (SELECT"
            " sha256('\\x00'::bytea || record) FROM stateward_audit_record WHERE id = %s)"
            " FROM 1 FOR 32) WHERE tenant_id = %s AND level = 0 AND number = 0",
            (record_at(superuser, tenant, 0), tenant.id),
        )

    faults = walk(tenant).faults

    assert len(faults) == 1
    assert "do not lead to the root" in faults[0][1]


def test_no_more_new_records_are_walked_than_asked_for() -> None:
    tenant = written(6, batches=3)

    first = walk(tenant, most=8)
    position, sizes = first.position(), [first.size]
    while sizes[-1] < walk(tenant).size:
        found = walk(tenant, position, most=8, most_again=0)
        assert found.faults == []
        position = found.position()
        sizes.append(found.size)

    assert len(sizes) > 1
    assert sizes == sorted(set(sizes))

"""Reads that are not recorded one by one: each counted once, by what decided them."""

import json
import threading
from typing import Any
from uuid import UUID

import pytest
from audit_helpers import a_call, an_agent
from django.db import OperationalError, connection

from stateward.gate.audit.reads import ReadCounts, count_read, flush_reads
from stateward.kernel.flow import Executable, Rows, run
from stateward.tenancy.actors import Actor
from stateward.tenancy.scope import run_flow, tenant_scope

pytestmark = pytest.mark.usefixtures("database")

FACTS = {"outcome": "allow", "policy_set": "p", "principal_snapshot": "s", "context": {"mfa": True}}


def read(actor: Actor, counts: ReadCounts, number: int = 1, **facts: Any) -> None:
    for draw in range(number):
        decision = {"id": f"d-{draw}", **FACTS, **facts}
        count_read(actor, a_call(), "state.read_value", None, "internal", decision, counts=counts)


def stored(tenant_id: UUID) -> list[tuple[int, Any]]:
    with tenant_scope(tenant_id), connection.cursor() as cursor:
        cursor.execute(
            "SELECT count, decision::text FROM stateward_audit_read_count WHERE tenant_id = %s"
            " ORDER BY count",
            (tenant_id,),
        )
        return [(row[0], json.loads(row[1])) for row in cursor.fetchall()]


def test_reads_of_one_class_are_one_row() -> None:
    counts, ours, theirs = ReadCounts(), an_agent(), an_agent()
    read(ours, counts, 5)
    read(ours, counts, 2, context={"mfa": False})
    read(theirs, counts, 1)

    assert run_flow(flush_reads(counts)) >= 3
    read(ours, counts, 3)
    run_flow(flush_reads(counts))

    assert sum(count for count, _ in stored(ours.tenant_id)) == 10
    assert {json.dumps(facts["context"]) for _, facts in stored(ours.tenant_id)} == {
        '{"mfa": true}', '{"mfa": false}',
    }  # fmt: skip
    assert stored(theirs.tenant_id) == [(1, FACTS)]
    assert run_flow(flush_reads(counts)) == 0


def test_without_a_database_the_counts_wait() -> None:
    counts, actor = ReadCounts(), an_agent()
    read(actor, counts, 4)

    def failing(statement: Executable) -> Rows:
        raise OperationalError(statement.sql)

    with pytest.raises(OperationalError):
        run(flush_reads(counts), failing)
    read(actor, counts, 1)
    run_flow(flush_reads(counts))

    assert sum(count for count, _ in stored(actor.tenant_id)) == 5


def test_threads_lose_no_count() -> None:
    counts, actor = ReadCounts(), an_agent()
    threads = [threading.Thread(target=read, args=(actor, counts, 500)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(5):
        run_flow(flush_reads(counts))
    for thread in threads:
        thread.join()
    run_flow(flush_reads(counts))

    assert sum(count for count, _ in stored(actor.tenant_id)) == 2000

"""Audit records become counts: each once, whatever overlaps, and never another tenant's."""

from __future__ import annotations

import os
import random
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.db import connection, transaction

from stateward.gate.audit.filters import RecordFilter
from stateward.gate.audit.record import append, compose
from stateward.kernel.flow import Statement, run
from stateward.operations.metrics import tallies
from stateward.operations.metrics.tallies import (
    KEEP,
    counted_at,
    forget_old_tallies,
    tally,
)
from stateward.tenancy.actors import Actor
from stateward.tenancy.models import Tenant
from stateward.tenancy.scope import run_flow, tenant_scope
from tests.audit.audit_helpers import a_call, an_agent, connect, write_records
from tests.factories.tenants import make_tenant

DENIED = {"outcome": "deny_forbid", "decision": {"id": str(UUID(int=5)), "determining": ["p-1"]}}


@pytest.fixture
def tenant(database: None) -> Tenant:
    return make_tenant()


def tallied(tenant: Tenant) -> int:
    with tenant_scope(tenant.id):
        return run_flow(tally(tenant.id)).records


def counts(tenant: Tenant, dimension: str = "all", step: str = "minute") -> dict[Any, int]:
    """(value, action, outcome, classification) -> count, over all time."""
    with tenant_scope(tenant.id), connection.cursor() as cursor:
        cursor.execute(
            f"SELECT value, action, outcome, classification, sum(count)::bigint "
            f"FROM stateward_tally_{step} WHERE dimension = %s GROUP BY 1, 2, 3, 4",
            (dimension,),
        )
        return {row[:4]: row[4] for row in cursor.fetchall()}


def another() -> psycopg.Connection[Any]:
    """A further session of the application."""
    return psycopg.connect(os.environ["STATEWARD_DATABASE_URL"])


def append_in(session: psycopg.Connection[Any], actor: Actor) -> None:
    """One record in a transaction of another session, which stays open."""
    draft = compose(
        actor=actor, call=a_call(), action="state.write", resource_type="entry", resource_id="n"
    )

    def execute(statement: Any) -> list[Any]:
        return session.execute(statement.sql, statement.parameters).fetchall()

    run(append(draft), execute)


def test_records_are_counted_along_each_dimension(tenant: Tenant) -> None:
    booker, other = an_agent(tenant.id), an_agent(tenant.id, "rebooker")
    place = UUID(int=7)
    write_records(booker, 3, namespace_id=place, classification="internal")
    write_records(other, 2, **DENIED)

    assert tallied(tenant) == 5

    allowed, denied = ("state.write", "allow"), ("state.write", "deny_forbid")
    assert counts(tenant) == {("", *allowed, "internal"): 3, ("", *denied, ""): 2}
    assert counts(tenant, "actor") == {
        (str(booker.id), "", "allow", ""): 3,
        (str(other.id), "", "deny_forbid", ""): 2,
    }
    assert counts(tenant, "namespace") == {(str(place), *allowed, ""): 3}
    assert counts(tenant, "policy") == {("p-1", "", "deny_forbid", ""): 2}
    assert counts(tenant, step="hour") == counts(tenant, step="day") == counts(tenant)


def test_a_record_is_counted_once(tenant: Tenant) -> None:
    write_records(an_agent(tenant.id), 3)

    assert [tallied(tenant), tallied(tenant)] == [3, 0]

    write_records(an_agent(tenant.id), 2)
    assert tallied(tenant) == 2
    assert sum(counts(tenant).values()) == 5


def test_a_transaction_that_lasts_is_counted_when_it_commits(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its record is older than what was counted meanwhile."""
    actor = an_agent(tenant.id)
    monkeypatch.setattr(tallies, "SLACK", timedelta(0))
    with another() as slow:
        append_in(slow, actor)
        write_records(actor, 2)
        assert tallied(tenant) == 2
        write_records(actor, 1)
        assert tallied(tenant) == 1
        slow.commit()

    assert tallied(tenant) == 1
    assert tallied(tenant) == 0
    assert sum(counts(tenant, step="day").values()) == 4


def test_what_was_undone_is_counted_by_the_next(tenant: Tenant) -> None:
    """As after a kill in the middle: the counts go with the snapshot."""
    write_records(an_agent(tenant.id), 3)

    with suppress(ZeroDivisionError), tenant_scope(tenant.id):
        run_flow(tally(tenant.id))
        raise ZeroDivisionError

    assert counts(tenant) == {}
    assert tallied(tenant) == 3


def test_a_record_rolled_back_is_never_counted(tenant: Tenant) -> None:
    with suppress(ZeroDivisionError), transaction.atomic():
        write_records(an_agent(tenant.id), 1)
        raise ZeroDivisionError

    assert tallied(tenant) == 0


def test_however_transactions_overlap_each_record_is_counted_once(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tallies, "SLACK", timedelta(0))
    dice = random.Random(4)
    actor = an_agent(tenant.id)
    written = found = 0
    sessions = [another() for _ in range(4)]
    for _ in range(60):
        session = dice.choice(sessions)
        act = dice.choice(["write", "write", "commit", "undo", "tally"])
        if act == "write":
            append_in(session, actor)
        elif act == "tally":
            found += tallied(tenant)
        else:
            (session.commit if act == "commit" else session.rollback)()
    for session in sessions:
        session.commit()
        session.close()
    with tenant_scope(tenant.id):
        written = run_flow(_count(tenant.id))

    found += tallied(tenant)

    assert found == written > 5
    assert sum(counts(tenant).values()) == written


def _count(tenant_id: UUID) -> Any:
    where, parameters = RecordFilter(tenant_id).where()
    rows = yield Statement(
        f"SELECT count(*) FROM stateward_audit_record r WHERE {where}", parameters
    )
    return rows[0][0]


def test_another_tenants_records_are_not_counted(tenant: Tenant) -> None:
    other = make_tenant()
    write_records(an_agent(other.id), 3)

    assert tallied(tenant) == 0
    assert counts(tenant) == {}
    assert tallied(other) == 3


def test_a_record_that_is_no_json_any_more_does_not_stop_the_count(tenant: Tenant) -> None:
    (broken,) = write_records(an_agent(tenant.id), 1, **DENIED)
    with connect() as root:
        root.execute(
            "UPDATE stateward_audit_record SET record = 'broken' WHERE tenant_id = %s AND id = %s",
            (tenant.id, broken),
        )

    assert tallied(tenant) == 1
    assert counts(tenant, "policy") == {}


def test_up_to_when_is_known(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        assert run_flow(counted_at(tenant.id)) is None
        run_flow(tally(tenant.id))
        found = run_flow(counted_at(tenant.id))

    assert isinstance(found, datetime)


def test_old_minutes_go_and_their_days_stay(tenant: Tenant) -> None:
    ago = KEEP["minute"] + timedelta(days=1)
    with tenant_scope(tenant.id), connection.cursor() as cursor:
        for step in KEEP:
            cursor.execute(
                f"INSERT INTO stateward_tally_{step} VALUES (%s, 'all', "
                "date_trunc('day', clock_timestamp() - %s, 'UTC'), '', 'a', 'allow', '', '', 1)",
                (tenant.id, ago),
            )

        run_flow(forget_old_tallies(tenant.id))

    assert counts(tenant, step="minute") == {}
    assert sum(counts(tenant, step="hour").values()) == 1
    assert sum(counts(tenant, step="day").values()) == 1

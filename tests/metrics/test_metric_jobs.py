"""The jobs that count and measure: what they do for each tenant, and to nobody else's."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from governance.people.receivers import record_failure
from stateward.kernel.clock import now
from stateward.operations.metrics import tasks
from stateward.operations.metrics.queries import metric_series
from stateward.operations.metrics.sign_ins import count_failed_sign_ins
from stateward.operations.metrics.tasks import count_records, measure_storage
from stateward.tenancy.models import Tenant
from stateward.tenancy.scope import run_flow, tenant_scope
from tests.audit.audit_helpers import an_agent, write_records
from tests.factories.jobs import carry, only, queued, run_row
from tests.factories.tenants import make_member, make_person, make_tenant


@pytest.fixture
def tenant(database: None) -> Tenant:
    return make_tenant()


def rows(tenant: Tenant, sql: str) -> list[tuple[Any, ...]]:
    with tenant_scope(tenant.id), connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


def failures(tenant: Tenant) -> int:
    sql = "SELECT coalesce(sum(count), 0) FROM stateward_tally_{} WHERE dimension = 'sign_in'"
    found = {rows(tenant, sql.format(step))[0][0] for step in ("minute", "hour", "day")}
    assert len(found) == 1
    return int(found.pop())


@pytest.fixture
def few(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, tasks, tenant)


@pytest.mark.usefixtures("few")
def test_every_tenant_is_counted_and_looked_at(tenant: Tenant) -> None:
    write_records(an_agent(tenant.id), 3)

    run_id = queued()
    assert carry(run_id, count_records)

    assert run_row(run_id, "state")[0] == "done"
    assert rows(
        tenant, "SELECT sum(count)::int FROM stateward_tally_day WHERE dimension = 'all'"
    ) == [(3,)]
    with tenant_scope(tenant.id):
        moment = now()
        since, until = moment - timedelta(minutes=5), moment + timedelta(minutes=1)
        found = run_flow(metric_series(tenant.id, since, until, now=moment, series=["sealing_lag"]))
    assert found["sealing_lag"].total == 1


@pytest.mark.usefixtures("few")
def test_every_tenant_is_measured(tenant: Tenant) -> None:
    assert carry(queued(), measure_storage)

    assert rows(tenant, "SELECT dimension, entries FROM stateward_storage_day") == [("tenant", 0)]


def test_failed_sign_ins_are_counted_where_the_person_is_a_member(tenant: Tenant) -> None:
    person, elsewhere = make_person(), make_tenant()
    make_member(tenant, person=person)
    count_failed_sign_ins()
    record_failure({"email": person.email.upper()}, None)
    record_failure({"email": person.email}, None)
    record_failure({"email": "nobody@example.org"}, None)

    assert count_failed_sign_ins() >= 3
    assert count_failed_sign_ins() == 0

    assert failures(tenant) == 2
    assert failures(elsewhere) == 0

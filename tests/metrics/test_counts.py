"""Counts over time: the same numbers as the audit's own filter finds, at any range."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from stateward.gate.audit.filters import RecordFilter
from stateward.gate.audit.queries import survey_records
from stateward.kernel.clock import now
from stateward.operations.metrics.counts import BARS, Which, counts_over, ranked, steps_of
from stateward.operations.metrics.tallies import tally
from stateward.tenancy.models import Tenant
from stateward.tenancy.scope import run_flow, tenant_scope
from tests.audit.audit_helpers import an_agent, write_records
from tests.factories.tenants import make_tenant
from tests.patience import in_time

NOW = datetime(2026, 11, 21, 9, 42, 17, tzinfo=UTC)
DENIAL = {"id": "00000000-0000-0000-0000-000000000007", "determining": ["p-1", "p-2"]}


@pytest.fixture
def tenant(database: None) -> Tenant:
    tenant = make_tenant()
    booker, other = an_agent(tenant.id), an_agent(tenant.id, "rebooker")
    write_records(booker, 4, classification="internal")
    write_records(booker, 3, outcome="deny_forbid", decision=DENIAL)
    write_records(other, 2, outcome="deny_no_match")
    write_records(other, 2, action="policy.activate")
    write_records(other, 1, action="policy.draft")
    write_records(other, 5, action="state.read_value", classification="restricted")
    with tenant_scope(tenant.id):
        run_flow(tally(tenant.id))
    return tenant


def counted(tenant: Tenant, which: Which, by: Any = "outcome") -> dict[str, int]:
    moment = now()
    steps = steps_of(moment - timedelta(hours=1), moment + timedelta(minutes=1), now=moment)
    with tenant_scope(tenant.id):
        return {one.name: one.total for one in run_flow(counts_over(tenant.id, steps, which, by))}


@pytest.mark.parametrize(
    ("which", "asked"),
    [
        (Which(), {}),
        (Which(outcome="deny"), {"outcome": "deny"}),
        (Which(outcome="deny_forbid"), {"outcome": "deny_forbid"}),
        (Which(actions=("policy.*",)), {"action": "policy.*"}),
        (
            Which(actions=("policy.draft", "state.*"), outcome="allow"),
            {"action": "policy.draft,state.*", "outcome": "allow"},
        ),
        (
            Which(classifications=("restricted", "confidential")),
            {"classification": "restricted,confidential"},
        ),
        (Which("policy", values=("p-2",)), {"policy": "p-2"}),
    ],
    ids=["all", "denied", "forbidden", "group", "several", "classified", "policy"],
)
def test_a_count_and_the_audit_filter_agree(
    tenant: Tenant, which: Which, asked: dict[str, str]
) -> None:
    found = sum(counted(tenant, which).values())

    with tenant_scope(tenant.id):
        survey = run_flow(survey_records(RecordFilter(tenant.id, **asked)))  # type: ignore[arg-type]
    assert found == survey.count > 0


def test_families_values_and_ranks(tenant: Tenant) -> None:
    assert counted(tenant, Which(), "family") == {"state": 14, "policy": 3}
    moment = now()
    steps = steps_of(moment - timedelta(hours=1), moment + timedelta(minutes=1), now=moment)

    with tenant_scope(tenant.id):
        found = run_flow(ranked(tenant.id, steps, Which("actor", outcome="deny")))

    assert [(one.label, one.count) for one in found] == [("booker", 3), ("rebooker", 2)]


def test_another_tenant_counts_nothing(tenant: Tenant) -> None:
    assert counted(make_tenant(), Which()) == {}


@given(st.integers(1, 400 * 24 * 60), st.integers(0, 500 * 24 * 60))
def test_there_are_never_too_many_bars_and_every_moment_is_in_one(length: int, ago: int) -> None:
    until = NOW - timedelta(minutes=ago)
    since = until - timedelta(minutes=length)

    steps = steps_of(since, until, now=NOW)

    moments = steps.moments
    assert 1 <= len(moments) <= BARS
    assert moments[0] <= since
    assert moments[-1] < until <= moments[-1] + steps.step


def test_a_year_of_minutes_is_drawn_from_days(tenant: Tenant) -> None:
    moment = now()
    with tenant_scope(tenant.id), connection.cursor() as cursor:
        cursor.execute("DELETE FROM stateward_tally_day")
        for step in ("minute", "hour", "day"):
            cursor.execute(
                f"INSERT INTO stateward_tally_{step} SELECT %s, 'all',"
                f" date_trunc('{step}', %s - n * interval '1 {step}', 'UTC'), '', 'state.write',"
                f" 'allow', 'internal', '', extract(epoch FROM interval '1 {step}') / 60"
                f" FROM generate_series(1, 364 * 86400"
                f" / extract(epoch FROM interval '1 {step}')::integer) n",
                (tenant.id, moment),
            )
        steps = steps_of(moment - timedelta(days=365), moment, now=moment)
        cursor.execute("SELECT clock_timestamp()")
        begun = cursor.fetchone()[0]
        (found,) = run_flow(counts_over(tenant.id, steps, Which(), "outcome"))
        cursor.execute("SELECT clock_timestamp()")
        took = cursor.fetchone()[0] - begun

    assert steps.table == "day"
    assert found.total == 364 * 24 * 60
    assert in_time(took.total_seconds(), 0.5)

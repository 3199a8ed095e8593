"""What a monitor reads of jobs."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import connection
from prometheus_client.parser import text_string_to_metric_families

from stateward.kernel.clock import now
from stateward.operations.jobs.gauges import job_gauges
from stateward.operations.jobs.heartbeats import FORGET, SEEN
from stateward.operations.jobs.timetable import Slot, take_due
from stateward.tenancy.scope import run_flow
from tests.factories.jobs import carry, queued
from tests.factories.tenants import make_tenant

pytestmark = pytest.mark.usefixtures("database")


def gauges() -> dict[tuple[str, str], float]:
    """Each sample by its name and its first label's value."""
    text = run_flow(job_gauges()).decode()
    return {
        (sample.name, next(reversed(sample.labels.values()), "")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_the_queue_is_measured_and_nothing_names_a_tenant() -> None:
    tenant = make_tenant()
    before = gauges()["stateward_jobs_queued", ""]
    queued(tenant.id)

    after = gauges()

    assert after["stateward_jobs_queued", ""] == before + 1
    assert after["stateward_jobs_oldest_queued_seconds", ""] > 0
    assert str(tenant.id) not in run_flow(job_gauges()).decode()


def test_each_job_says_when_it_last_went_well(slot: Slot) -> None:
    (due,) = run_flow(take_due([slot]))
    unknown = ("stateward_jobs_last_success_timestamp_seconds", slot.name)
    before = gauges()
    carry(due.run_id)

    at = gauges()[unknown]

    assert unknown not in before
    assert abs(at - now().timestamp()) < timedelta(minutes=1).total_seconds()


def test_workers_are_known_by_their_heartbeat() -> None:
    with connection.cursor() as cursor:
        cursor.execute(SEEN, ("worker-9:1", "worker"))
        found = gauges()
        cursor.execute(FORGET, ("worker-9:1",))

    assert 0 <= found["stateward_jobs_heartbeat_age_seconds", "worker-9:1"] < 60
    assert not re.search(r"worker-9", run_flow(job_gauges()).decode())

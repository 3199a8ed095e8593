"""Capacity as services, command, job and REST give it."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from governance.capacity.outlook import outlook
from governance.capacity.tasks import report
from stateward.kernel.clock import now
from stateward.operations.metrics.disk import measure_database
from stateward.tenancy.models import PLATFORM, Tenant
from stateward.tenancy.scope import run_flow, tenant_scope
from tests.factories.api import Api, audit_events, new_tenant
from tests.factories.jobs import carry, queued, run_row
from tests.factories.tenants import make_agent, make_member, make_tenant

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def tenant() -> Tenant:
    return new_tenant()


@pytest.fixture
def owner(tenant: Tenant) -> Api:
    return Api(make_member(tenant, "owner"))


def history(tenant_id: Any, days: int, *, per_day: int, last: int = 1_000_000) -> None:
    """Measured days that grew by so many bytes each, the last one today."""
    with tenant_scope(tenant_id), connection.cursor() as cursor:
        for dimension, subject, share in (
            ("tenant", tenant_id, 1.0),
            ("namespace", uuid4(), 0.75),
            ("namespace", uuid4(), 0.25),
            ("agent", uuid4(), 1.0),
        ):
            cursor.execute(
                "INSERT INTO stateward_storage_day SELECT %s, (clock_timestamp() AT TIME ZONE"
                " 'UTC')::date - n, %s, %s, %s, 100 - n, (%s - n * %s) * %s, 200, 0,"
                " clock_timestamp(), 3600 FROM generate_series(0, %s) n",
                (
                    tenant_id,
                    dimension,
                    subject,
                    f"{dimension} {share:g}",
                    last,
                    per_day,
                    share,
                    days - 1,
                ),
            )


def command(tenant: Tenant) -> tuple[dict[str, Any], int]:
    out = StringIO()
    try:
        call_command("capacity", "report", tenant=tenant.slug, stdout=out)
    except SystemExit as ended:
        return json.loads(out.getvalue().splitlines()[-1]), int(ended.code or 0)
    return json.loads(out.getvalue().splitlines()[-1]), 0


def test_steady_growth_meets_its_quota_when_it_should(tenant: Tenant, owner: Api) -> None:
    history(tenant.id, 30, per_day=1_000)
    owner("PUT", "/capacity/quota", {"entries": None, "bytes": 1_060_000})

    found = owner("GET", "/capacity").json()

    today = now().date()
    assert (found["bytes"], found["growth_per_day"]) == (1_000_000, 1_000)
    assert found["exhausted_on"] == (today + timedelta(days=60)).isoformat()
    assert found["exhausted_between"] == [found["exhausted_on"]] * 2
    assert found["runs_out"] == "bytes"
    assert found["forecast"] == {
        "in_days": 30,
        "missing_days": 0,
        "on": (today + timedelta(days=30)).isoformat(),
        "low": 1_030_000,
        "expected": 1_030_000,
        "high": 1_030_000,
    }
    assert [(one["name"], one["more"]) for one in found["namespaces"]] == [
        ("namespace 0.75", 21_750),
        ("namespace 0.25", 7_250),
    ]
    assert found["agents"][0]["more"] == 29_000


def test_entries_may_run_out_first(tenant: Tenant, owner: Api) -> None:
    history(tenant.id, 30, per_day=1_000)
    owner("PUT", "/capacity/quota", {"entries": 110, "bytes": 2_000_000})

    found = owner("GET", "/capacity").json()

    assert (found["runs_out"], found["entries_per_day"]) == ("entries", 1)
    assert found["exhausted_on"] == (now().date() + timedelta(days=10)).isoformat()


def test_with_little_history_nothing_is_foretold(tenant: Tenant, owner: Api) -> None:
    history(tenant.id, 5, per_day=1_000)
    owner("PUT", "/capacity/quota", {"entries": None, "bytes": 1_000_001})

    found = owner("GET", "/capacity").json()

    assert found["measured_days"] == 5
    assert found["growth_per_day"] is found["exhausted_on"] is found["forecast"]["expected"] is None
    assert found["forecast"]["missing_days"] == 9


def test_the_disk_runs_out_for_all(tenant: Tenant, settings: Any) -> None:
    with tenant_scope(PLATFORM):
        run_flow(measure_database())
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO stateward_storage_day SELECT tenant_id, day - n, dimension, subject,"
                " '', 0, bytes - n * 1000000, 0, 0, measured_at, 0 FROM stateward_storage_day,"
                " generate_series(1, 20) n WHERE tenant_id = %s AND day = (SELECT max(day) FROM"
                " stateward_storage_day) ON CONFLICT DO NOTHING",
                (PLATFORM,),
            )
            cursor.execute("SELECT max(bytes) FROM stateward_storage_day")
            size = cursor.fetchone()[0]
    settings.DATABASE_VOLUME_BYTES = size + 5_000_000

    with tenant_scope(tenant.id):
        found = outlook(tenant.id)
        settings.DATABASE_VOLUME_BYTES = 0
        unknown = outlook(tenant.id)

    assert found.volume
    assert 0.5 < found.volume.share < 1
    assert found.end[0] == "disk"
    assert (found.volume.end.expected - found.day).days == 5  # type: ignore[operator]  # it has an end
    assert unknown.volume is None


def test_embedded_servers_ask_their_own_disk(tenant: Tenant, settings: Any) -> None:
    settings.EMBEDDED = True
    with tenant_scope(PLATFORM):
        run_flow(measure_database())

    with tenant_scope(tenant.id):
        found = outlook(tenant.id)

    assert found.volume
    assert 0 < found.volume.share < 1


# --- the command, and the job


def test_the_command_says_what_a_script_needs(tenant: Tenant, owner: Api) -> None:
    history(tenant.id, 30, per_day=1_000)

    said, code = command(tenant)

    assert code == 0
    assert {"tenant", "entries", "bytes", "growth_per_day", "forecast", "exhausted_on"} <= set(said)
    assert (said["tenant"], said["bytes"]) == (tenant.slug, 1_000_000)
    kept = owner("GET", f"/capacity/reports/{said['report']}").json()
    assert kept["report"]["bytes"] == 1_000_000


def test_what_runs_out_soon_is_a_finding(tenant: Tenant, owner: Api) -> None:
    history(tenant.id, 30, per_day=1_000)
    owner("PUT", "/capacity/quota", {"entries": None, "bytes": 1_010_000})

    said, code = command(tenant)

    assert code == 2
    assert said["exhausted_on"] == (now().date() + timedelta(days=10)).isoformat()


def test_a_fresh_tenant_is_measured_by_the_command(tenant: Tenant) -> None:
    said, code = command(tenant)

    assert (said["entries"], said["bytes"], said["measured_days"], code) == (0, 0, 1, 0)


def test_an_unknown_tenant_is_an_error() -> None:
    with pytest.raises(CommandError, match="no tenant nowhere") as error:
        call_command("capacity", "report", tenant="nowhere")

    assert error.value.returncode == 1


def test_the_job_keeps_one_report_a_run(tenant: Tenant, owner: Api) -> None:
    run_id = queued(tenant.id)

    assert carry(run_id, report)

    state, result = run_row(run_id, "state, result ->> 'report'", tenant.id)
    assert state == "done"
    (kept,) = owner("GET", "/capacity/reports").json()["items"]
    assert kept["id"] == result


# --- REST


def test_reports_come_in_pages_newest_first(tenant: Tenant, owner: Api) -> None:
    for _ in range(3):
        carry(queued(tenant.id), report)

    first = owner("GET", "/capacity/reports?limit=2").json()
    rest = owner("GET", f"/capacity/reports?limit=2&cursor={first['next_cursor']}").json()

    ids = [one["id"] for one in first["items"] + rest["items"]]
    assert len(ids) == 3
    assert ids == sorted(ids, reverse=True)
    assert rest["next_cursor"] is None


def test_a_quota_is_kept_and_on_record(tenant: Tenant, owner: Api) -> None:
    answer = owner("PUT", "/capacity/quota", {"entries": 5, "bytes": None})

    assert answer.status_code == 200
    assert answer.json() == owner("GET", "/capacity/quota").json()
    assert answer.json() == {
        "entries": 5,
        "bytes": None,
        "writes_per_day": None,
        "refuses": False,
        "used": {"entries": 0, "bytes": 0, "writes_today": 0},
    }
    assert ("tenant.manage", "capacity.quota_set", "allow") in audit_events(tenant.id)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"entries": 5},
        {"entries": 0, "bytes": None},
        {"entries": "many", "bytes": None},
        {"entries": None, "bytes": 2**63},
        {"entries": None, "bytes": None, "tenant_id": str(uuid4())},
        {"entries": True, "bytes": None},
    ],
    ids=["empty", "half", "nothing", "text", "too much", "another member", "boolean"],
)
def test_a_quota_that_is_none_is_refused(tenant: Tenant, owner: Api, body: Any) -> None:
    answer = owner("PUT", "/capacity/quota", body)

    assert answer.status_code in {400, 422}
    assert answer["Content-Type"].startswith("application/problem+json")
    found = owner("GET", "/capacity/quota").json()
    assert (found["entries"], found["bytes"], found["refuses"]) == (None, None, False)


@pytest.mark.parametrize(
    ("role", "method", "path", "status"),
    [
        ("viewer", "GET", "/capacity", 200),
        ("viewer", "PUT", "/capacity/quota", 403),
        ("admin", "PUT", "/capacity/quota", 403),
        ("viewer", "GET", "/metrics/series", 200),
        ("viewer", "GET", "/metrics/storage", 200),
        ("viewer", "GET", "/metrics/records", 403),
        ("auditor", "GET", "/metrics/records", 200),
    ],
)
def test_each_role_may_what_it_may(
    tenant: Tenant, role: str, method: str, path: str, status: int
) -> None:
    body = {"entries": 1, "bytes": 1} if method == "PUT" else None

    assert Api(make_member(tenant, role))(method, path, body).status_code == status


def test_an_agent_without_rights_sees_nothing(tenant: Tenant) -> None:
    writer = Api(make_agent(tenant, "writer"))

    for path in ("/capacity", "/capacity/reports", "/metrics/series", "/metrics/records"):
        assert writer("GET", path).status_code == 403


def test_another_tenant_sees_none_of_it(tenant: Tenant, owner: Api) -> None:
    history(tenant.id, 30, per_day=1_000)
    carry(queued(tenant.id), report)
    (kept,) = owner("GET", "/capacity/reports").json()["items"]
    owner("PUT", "/capacity/quota", {"entries": 5, "bytes": 5})

    other = Api(make_member(new_tenant(), "owner"))

    assert other("GET", "/capacity").json()["bytes"] == 0
    assert other("GET", "/capacity").json()["quota"] == {"entries": None, "bytes": None}
    assert other("GET", "/capacity/reports").json()["items"] == []
    assert other("GET", f"/capacity/reports/{kept['id']}").status_code == 404
    assert other("GET", "/metrics/storage?by=namespace").json() == []


@pytest.mark.parametrize(
    "path",
    [
        "/capacity?x=1",
        "/capacity/reports?cursor=zzz",
        "/capacity/reports?cursor=WyJ4Il0",
        "/metrics/series?series=secrets",
        "/metrics/series?from=yesterday",
        "/metrics/series?from=2026-11-21T00:00:00Z&to=2026-11-20T00:00:00Z",
        "/metrics/records?by=payload",
        "/metrics/records?of=everything",
        "/metrics/storage?by=key",
        "/metrics/storage?from=1990-01-01T00:00:00Z",
    ],
)
def test_what_is_malformed_is_refused(owner: Api, path: str) -> None:
    answer = owner("GET", path)

    assert answer.status_code == 400
    assert answer["Content-Type"].startswith("application/problem+json")


def test_measurements_come_step_by_step(tenant: Tenant, owner: Api) -> None:
    (series,) = owner("GET", "/metrics/series?series=writes").json()
    counts = owner("GET", "/metrics/records?by=outcome&action=tenant.*").json()
    history(tenant.id, 3, per_day=10)
    stored = owner("GET", "/metrics/storage?by=namespace&from=2020-01-01T00:00:00Z")

    assert len(series["points"]) * series["step_seconds"] >= 24 * 3600
    assert series["points"][0]["p95"] is None
    assert (counts["counts"], counts["counted_at"]) == ([], None)
    assert stored.status_code == 400  # more than five years
    found = owner("GET", "/metrics/storage?by=namespace&from=2026-01-01T00:00:00Z").json()
    assert len(found) == 6
    assert {one["name"] for one in found} == {"namespace 0.75", "namespace 0.25"}


def test_nothing_is_kept_of_a_tenant_without_rows() -> None:
    empty = make_tenant()
    with tenant_scope(empty.id):
        found = outlook(empty.id)

    assert (found.total, found.entries, found.latest, found.missing_days) == (0, 0, None, 14)

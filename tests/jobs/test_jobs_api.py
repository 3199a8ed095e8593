"""Runs of jobs over REST."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from stateward.kernel.ids import uuid7
from stateward.operations.jobs import registry
from stateward.operations.jobs.inserting import scope_of
from stateward.operations.jobs.lease import Lease
from stateward.operations.jobs.running import Job, Outcome, Run
from stateward.operations.jobs.services import start
from stateward.tenancy.models import Tenant
from tests.factories.api import Api, audit_events, new_tenant
from tests.factories.jobs import carry, queued
from tests.factories.tenants import make_agent, make_member

pytestmark = pytest.mark.usefixtures("database", "broker")


@pytest.fixture
def name() -> Iterator[str]:
    """A job of this test's own."""
    name = f"probe_{uuid7().hex}"
    registry._jobs[name] = Job(name, "Probe the probes", work)
    yield name
    del registry._jobs[name]


def work(run: Run) -> Outcome:
    run.note("looked at 3 things")
    run.progress(3, 3, "looking")
    if run.params.get("fails"):
        raise ArithmeticError
    return Outcome({"things": 3}, has_findings=True)


@pytest.fixture
def tenant() -> Tenant:
    return new_tenant()


@pytest.fixture
def admin(tenant: Tenant) -> Api:
    return Api(make_member(tenant, "admin"))


@pytest.fixture
def viewer(tenant: Tenant) -> Api:
    return Api(make_member(tenant, "viewer"))


def started(tenant: Tenant, name: str, **params: Any) -> UUID:
    return start(name, tenant_id=tenant.id, params=params)


def test_a_run_is_shown_while_it_waits_and_when_it_is_over(
    viewer: Api, tenant: Tenant, name: str
) -> None:
    run_id = started(tenant, name, depth=2)
    waiting = viewer("GET", f"/jobs/{run_id}").json()
    carry(run_id, work)

    done = viewer("GET", f"/jobs/{run_id}").json()

    assert (waiting["state"], waiting["started_at"], waiting["lines"]) == ("queued", None, [])
    assert waiting["progress"] == {"done": 0, "total": None, "stage": ""}
    assert (done["job"], done["title"], done["scope"]) == (name, "Probe the probes", "tenant")
    assert (done["state"], done["has_findings"], done["result"]) == ("done", True, {"things": 3})
    assert done["progress"] == {"done": 3, "total": 3, "stage": "looking"}
    assert [line["text"] for line in done["lines"]] == ["looked at 3 things"]
    assert done["params"] == {"depth": 2}
    assert done["asked_by"] == {"type": "system", "id": None}


def test_runs_are_listed_newest_first_by_pages(viewer: Api, tenant: Tenant, name: str) -> None:
    ids = [str(started(tenant, name)) for _ in range(3)]

    first = viewer("GET", "/jobs?limit=2").json()
    rest = viewer("GET", f"/jobs?limit=2&cursor={first['next_cursor']}").json()

    assert [one["id"] for one in first["items"] + rest["items"]] == ids[::-1]
    assert rest["next_cursor"] is None


def test_runs_are_found_by_job_and_state(viewer: Api, tenant: Tenant, name: str) -> None:
    run_id = started(tenant, name, fails=True)
    carry(run_id, work)
    started(tenant, name)
    queued(tenant.id)

    by_both = viewer("GET", f"/jobs?job={name}&state=failed").json()["items"]
    by_job = viewer("GET", f"/jobs?job={name}").json()["items"]

    assert [one["id"] for one in by_both] == [str(run_id)]
    assert by_both[0]["error"].startswith("ArithmeticError in ")
    assert len(by_job) == 2


@pytest.mark.parametrize("query", ["state=odd", "cursor=odd", "cursor=WzFd", "limit=0", "odd=1"])
def test_an_odd_question_is_refused(viewer: Api, query: str) -> None:
    assert viewer("GET", f"/jobs?{query}").status_code == 400


def test_a_queued_run_is_cancelled_and_that_is_on_record(
    admin: Api, tenant: Tenant, name: str
) -> None:
    run_id = started(tenant, name)

    answer = admin("POST", f"/jobs/{run_id}/cancel")

    assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    assert ("job.manage", "job.cancelled", "allow") in audit_events(tenant.id)
    again = admin("POST", f"/jobs/{run_id}/cancel")
    assert (again.status_code, again.json()["code"]) == (409, "run_is_over")


def test_a_running_run_is_asked_to_end(admin: Api, tenant: Tenant, name: str) -> None:
    run_id = started(tenant, name)
    with Lease() as lease:
        lease.take(run_id)

        body = admin("POST", f"/jobs/{run_id}/cancel").json()

    assert (body["state"], body["is_being_cancelled"]) == ("running", True)
    assert body["heartbeat_at"] is not None
    carry(run_id, work)
    assert admin("GET", f"/jobs/{run_id}").json()["state"] == "cancelled"


def test_a_failed_run_is_tried_again(admin: Api, tenant: Tenant, name: str) -> None:
    run_id = started(tenant, name, fails=True)
    carry(run_id, work)

    answer = admin("POST", f"/jobs/{run_id}/retry")

    body = answer.json()
    assert (answer.status_code, body["retry_of"], body["state"]) == (201, str(run_id), "queued")
    assert answer["Location"] == f"/api/v1/jobs/{body['id']}"
    assert body["asked_by"] == {"type": "member", "id": str(admin.holder.id)}
    assert ("job.manage", "job.retried", "allow") in audit_events(tenant.id)
    refused = admin("POST", f"/jobs/{body['id']}/retry")
    assert (refused.status_code, refused.json()["code"]) == (409, "run_not_failed")


@pytest.mark.parametrize("act", ["cancel", "retry"])
def test_who_may_only_read_manages_nothing(
    viewer: Api, tenant: Tenant, name: str, act: str
) -> None:
    run_id = started(tenant, name, fails=True)
    if act == "retry":
        carry(run_id, work)

    assert viewer("POST", f"/jobs/{run_id}/{act}").status_code == 403
    assert [one for one in audit_events(tenant.id) if one[0] == "job.manage"][-1][2].startswith(
        "deny"
    )


def test_agents_that_may_read_nothing_find_no_run(tenant: Tenant, name: str) -> None:
    agent = Api(make_agent(tenant, "writer"))
    run_id = started(tenant, name)

    assert agent("GET", "/jobs").status_code == 403
    for method, path in (("GET", ""), ("POST", "/cancel"), ("POST", "/retry")):
        assert agent(method, f"/jobs/{run_id}{path}").status_code == 404


def test_another_tenants_run_is_not_there(admin: Api, name: str) -> None:
    run_id = started(new_tenant(), name)

    for method, path in (("GET", ""), ("POST", "/cancel"), ("POST", "/retry")):
        answer = admin(method, f"/jobs/{run_id}{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert admin("GET", "/jobs").json()["items"] == []
    assert admin("GET", f"/jobs?job={name}").json()["items"] == []


def test_the_platforms_runs_are_seen_and_left_alone(admin: Api, name: str) -> None:
    run_id = start(name, tenant_id=None)
    carry(run_id, work)

    listed = admin("GET", f"/jobs?job={name}").json()["items"]
    shown = admin("GET", f"/jobs/{run_id}").json()

    assert [one["id"] for one in listed] == [str(run_id)]
    assert (shown["scope"], shown["result"], shown["lines"]) == ("platform", None, [])
    for act in ("cancel", "retry"):
        refused = admin("POST", f"/jobs/{run_id}/{act}")
        assert (refused.status_code, refused.json()["code"]) == (409, "run_of_the_platform")


@pytest.mark.parametrize("act", ["cancel", "retry"])
def test_a_body_is_not_taken(admin: Api, tenant: Tenant, name: str, act: str) -> None:
    run_id = started(tenant, name)

    assert admin("POST", f"/jobs/{run_id}/{act}", {"state": "done"}).status_code == 400
    with scope_of(tenant.id):
        assert admin("GET", f"/jobs/{run_id}").json()["state"] == "queued"

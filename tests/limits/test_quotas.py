"""Quotas of tenants and namespaces: what they refuse, what they never do, and by how much they may
be overshot.
"""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from stateward.kernel.flow import Flow
from stateward.operations.metrics.storage import measure
from stateward.state.exceptions import DailyQuotaExceeded, QuotaExceeded
from stateward.state.services.entries import Repeat
from stateward.state.usage import USAGE, Sum, Usage, add_usage, merge_usage, sums_of
from stateward.tenancy.models import Tenant
from stateward.tenancy.scope import run_flow, tenant_scope
from tests.factories.api import Api, audit_events
from tests.factories.jobs import runs_of
from tests.factories.state import World, make_world
from tests.factories.tenants import make_member

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def world(database: None) -> World:
    USAGE.forget()
    return make_world("builder")


@pytest.fixture
def admin(world: World) -> Api:
    return Api(make_member(world.tenant, "owner"))


def place(world: World) -> str:
    return f"/namespaces/{world.namespace.name}/quota"


def held(world: World, usage: Usage = USAGE, *, max_age: float = 0) -> Sum:
    def flow() -> Flow[dict[Any, Sum]]:
        return (yield from sums_of(world.tenant.id, max_age=max_age, usage=usage))

    with tenant_scope(world.tenant.id):
        return run_flow(flow()).get(world.namespace.id, Sum())


def counted(world: World) -> Sum:
    """From the rows themselves."""
    with tenant_scope(world.tenant.id), connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FILTER (WHERE is_alive), coalesce(sum(size_bytes), 0)"
            " + (SELECT coalesce(sum(size_bytes), 0) FROM stateward_revision r"
            " WHERE r.tenant_id = e.tenant_id) FROM stateward_entry e WHERE tenant_id = %s"
            " GROUP BY tenant_id",
            (world.tenant.id,),
        )
        return Sum(*(int(number) for number in cursor.fetchone()), 0)


def remeasure(tenant: Tenant) -> None:
    with tenant_scope(tenant.id), connection.cursor() as cursor:
        cursor.execute("DELETE FROM stateward_storage_day WHERE tenant_id = %s", (tenant.id,))
        assert run_flow(measure(tenant.id))


def test_a_full_namespace_refuses_what_is_new_and_nothing_else(world: World, admin: Api) -> None:
    admin("PUT", place(world), {"entries": 2})
    world.put("a", 1)
    world.put("b", 1)

    with pytest.raises(QuotaExceeded) as refused:
        world.put("c", 1)
    world.put("a", 2)
    world.delete("b")
    world.put("c", 1)

    assert refused.value.members == {"quota": "entries", "of": "namespace", "limit": 2}
    assert refused.value.status == 507


def test_bytes_are_values_and_history(world: World, admin: Api) -> None:
    admin("PUT", place(world), {"bytes": 400})
    world.put("a", "x" * 98)  # 100 bytes, stored as value and as revision
    world.put("a", "y" * 98)

    with pytest.raises(QuotaExceeded) as refused:
        world.put("a", "z" * 120)
    world.delete("a")

    assert (refused.value.members["quota"], refused.value.members["used"]) == ("bytes", 300)


def test_the_days_writes_end_at_midnight(world: World, admin: Api) -> None:
    admin("PUT", place(world), {"writes_per_day": 2})
    world.put("a", 1)
    world.put("a", 2)

    with pytest.raises(DailyQuotaExceeded) as refused:
        world.put("a", 3)
    world.delete("a")

    assert refused.value.status == 429
    assert 1 <= int(refused.value.headers["Retry-After"]) <= 86_401


def test_a_repeat_of_what_was_written_is_answered_in_a_full_namespace(
    world: World, admin: Api
) -> None:
    admin("PUT", place(world), {"entries": 1})
    repeat = Repeat("once", b"put")
    first = world.put("a", 1, repeat=repeat)
    world.delete("a")
    world.put("b", 1)

    again = world.put("a", 1, repeat=repeat)

    assert (again.is_replay, again.status) == (True, first.status)


def test_the_tenants_quota_is_a_plan_until_it_refuses(world: World, admin: Api) -> None:
    plan: dict[str, Any] = {"entries": 1, "bytes": None}
    admin("PUT", "/capacity/quota", plan)
    world.put("a", 1)
    world.put("b", 1)

    answer = admin("PUT", "/capacity/quota", plan | {"refuses": True})

    assert answer.json() == plan | {
        "refuses": True,
        "writes_per_day": None,
        "used": {"entries": 2, "bytes": 4, "writes_today": 2},
    }
    with pytest.raises(QuotaExceeded) as refused:
        world.put("c", 1)
    assert refused.value.members["of"] == "tenant"
    admin("PUT", "/capacity/quota", plan)
    world.put("c", 1)


def test_quotas_are_recorded_and_hidden_from_who_may_not(world: World, admin: Api) -> None:
    stranger = Api(make_member(make_world().tenant, "owner"))
    viewer = Api(make_member(world.tenant, "viewer"))
    admin("PUT", place(world), {"entries": 5})

    assert admin("GET", place(world)).json() == {
        "entries": 5,
        "bytes": None,
        "writes_per_day": None,
        "used": {"entries": 0, "bytes": 0, "writes_today": 0},
    }
    assert stranger("GET", place(world)).json()["entries"] is None  # of its own namespace
    assert stranger("GET", "/namespaces/nowhere/quota").status_code == 404
    assert viewer("PUT", place(world), {"entries": 9}).status_code == 403
    assert admin("PUT", place(world), {"entries": 0}).status_code == 422
    assert admin("PUT", "/capacity/quota", {"entries": None, "bytes": None, "refuses": True}
                 ).status_code == 422  # fmt: skip
    assert admin("DELETE", place(world)).status_code == 204
    assert [one for one in audit_events(world.tenant.id) if one[1] == "namespace.quota_set"] == [
        ("namespace.update", "namespace.quota_set", "allow")
    ] * 2


def test_what_another_process_wrote_is_known_once_it_is_put_down(world: World) -> None:
    other = Usage()
    other.note(world.tenant.id, world.namespace.id, entries=3, size=300, writes=3)
    before = held(world)

    run_flow(add_usage(other))  # every two seconds

    assert before == Sum()
    assert held(world, max_age=60) == Sum()  # looked a moment ago
    assert held(world) == Sum(3, 300, 3)
    assert held(world, other) == Sum(3, 300, 3)


def test_what_cannot_be_put_down_is_kept(world: World) -> None:
    other = Usage()
    other.note(world.tenant.id, world.namespace.id, entries=1)
    flow = add_usage(other)
    next(flow)
    with pytest.raises(ConnectionError):
        flow.throw(ConnectionError())

    assert other.waiting(world.tenant.id)[world.namespace.id].entries == 1


def test_a_measurement_takes_the_place_of_what_was_added_up(world: World) -> None:
    world.put("a", "x" * 10)
    world.put("a", "x" * 500)  # in place: counted once until it is measured
    world.put("b", 1)
    world.delete("b")
    lost = Usage()
    lost.note(world.tenant.id, world.namespace.id, entries=7, size=7000)
    run_flow(add_usage(lost))
    assert held(world) != counted(world)._replace(writes=4)

    remeasure(world.tenant)

    assert held(world) == counted(world)._replace(writes=4)


def test_merging_changes_no_sum(world: World) -> None:
    for number in range(20):
        world.put(f"k{number % 7}", number)
        held(world)
    before = held(world)
    with tenant_scope(world.tenant.id), connection.cursor() as cursor:
        run_flow(merge_usage(world.tenant.id))
        cursor.execute(
            "SELECT count(*) FROM stateward_usage WHERE tenant_id = %s", (world.tenant.id,)
        )
        rows = cursor.fetchone()[0]

    assert rows == 1
    assert held(world) == before


def test_a_new_wall_has_what_is_there_measured(world: World, admin: Api) -> None:
    before = len(runs_of("measure_storage", "id"))

    admin("PUT", "/capacity/quota", {"entries": 9, "bytes": None, "refuses": True})

    assert len(runs_of("measure_storage", "id")) == before + 1


def test_no_quota_costs_no_question(world: World) -> None:
    world.put("a", 1)

    assert USAGE.known(world.tenant.id) is None

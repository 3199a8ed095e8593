"""The risk of agents: counted by the hour, explained term by term, falling by itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.detection.models import Alert
from governance.risk.counting import count_hours
from governance.risk.scoring import MOST, Hour, course, score_of
from stateward.kernel.clock import now
from stateward.kernel.ids import uuid7
from stateward.tenancy.models import Member
from stateward.tenancy.scope import run_flow, tenant_scope
from tests.console.console_world import World, make_world
from tests.detection.scenes import write
from tests.factories.api import Api, new_tenant
from tests.factories.tenants import make_member

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)

hours = st.builds(
    Hour,
    st.integers(0, 200).map(lambda back: NOW - timedelta(hours=back)),
    st.integers(0, 1_000),
    st.integers(0, 50),
    *[st.integers(0, 3)] * 4,
)


@given(st.lists(hours, max_size=20))
def test_a_score_is_what_its_terms_come_to_and_ends_at_a_hundred(counted: list[Hour]) -> None:
    found = score_of(counted, NOW)

    total = sum(term.points for term in found.terms)
    assert 0 <= found.score <= MOST
    assert found.score == MOST or abs(found.score - total) <= 0.5 + 0.05 * len(found.terms)


@given(st.lists(hours, max_size=20), hours)
def test_more_that_happens_never_lowers_it_and_time_never_raises_it(
    counted: list[Hour], more: Hour
) -> None:
    score = score_of(counted, NOW).score

    assert score_of([*counted, more], NOW).score >= score
    assert score_of(counted, NOW + timedelta(hours=5)).score <= score


def test_a_high_alert_is_high_at_once_and_half_a_day_later() -> None:
    counted = [Hour(NOW, high=2)]

    assert (score_of(counted, NOW).score, score_of(counted, NOW).level) == (80, "high")
    assert score_of(counted, NOW + timedelta(hours=24)).score == 40
    assert score_of(counted, NOW + timedelta(days=8)).score == 0
    assert course([Hour(NOW - timedelta(hours=1), high=1)], NOW, steps=3)[0] == 0


@pytest.fixture
def world(database: None) -> World:
    made = make_world()
    for name in ("booker", "calm"):
        made.agent(name)
    return made


def api_of(world: World) -> Api:
    with tenant_scope(world.tenant.id):
        return Api(Member.objects.get(id=world.owner.id))


def alarm(world: World, name: str, **fields: Any) -> None:
    moment = now()
    with tenant_scope(world.tenant.id):
        Alert.objects.create(
            tenant_id=world.tenant.id, rule="many_refusals", severity="high", count=1, said="x",
            subject_type="agent", subject_id=str(world.agents[name].id), subject_name=name,
            first_at=moment, last_at=moment, **fields,
        )  # fmt: skip


def count(world: World) -> None:
    with tenant_scope(world.tenant.id):
        run_flow(count_hours(world.tenant.id, now()))


def test_refusals_and_alerts_are_counted_once_however_often_one_counts(world: World) -> None:
    for _ in range(4):
        write(
            world.agents["booker"], "state.write", outcome="deny_no_match",
            about=("entry", str(uuid7())), details={"count": 5},
        )  # fmt: skip
    alarm(world, "booker")
    count(world)
    count(world)

    api = api_of(world)
    (found,) = api("GET", "/agent-risks").json()["items"]
    detail = api("GET", f"/agents/{world.agents['booker'].id}/risk").json()

    assert (found["name"], found["level"]) == ("booker", "medium")
    assert 45 <= found["score"] <= 50
    assert {one["name"]: one["count"] for one in found["terms"]} == {
        "high_alerts": 1,
        "denials": 20,
    }
    assert sum(one["denials"] for one in detail["hours"]) == 20
    assert sum(one["alerts"] for one in detail["hours"]) == 1
    calm = api("GET", f"/agents/{world.agents['calm'].id}/risk").json()
    assert (calm["score"], calm["level"], calm["hours"]) == (0, "none", [])


def test_the_worst_comes_first(world: World) -> None:
    alarm(world, "booker")
    write(world.agents["calm"], "state.write", outcome="deny_no_match")
    write(world.agents["calm"], "state.write", outcome="deny_no_match")
    count(world)

    items = api_of(world)("GET", "/agent-risks").json()["items"]

    assert [one["name"] for one in items] == ["booker", "calm"]


def test_another_tenant_and_who_reads_no_alerts_see_none_of_it(world: World) -> None:
    alarm(world, "booker")
    count(world)
    other = new_tenant()
    with tenant_scope(other.id):
        stranger = Api(make_member(other, "owner"))
    with tenant_scope(world.tenant.id):
        viewer = Api(make_member(world.tenant, "viewer"))

    assert stranger("GET", "/agent-risks").json()["items"] == []
    path = f"/agents/{world.agents['booker'].id}/risk"
    assert stranger("GET", path).status_code == 404
    assert viewer("GET", path).status_code == 403
    assert viewer("GET", "/agent-risks").status_code == 403

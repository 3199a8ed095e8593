"""A look: once, whoever looks; caught up after silence; a rule that fails stops no other."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import replace
from datetime import timedelta
from threading import Barrier, Thread
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection, connections, transaction

from governance.detection import looking, tasks
from governance.detection.heartbeat import heartbeats
from governance.detection.looking import look_at
from governance.detection.rules import RULES, rules_of
from governance.detection.sightings import Span, look
from governance.detection.tasks import evaluate_detection
from stateward.gate.audit.record import append, compose
from stateward.kernel.clock import now
from stateward.kernel.ids import uuid7
from stateward.operations.doctor.examine import EXAMINATIONS, examine
from stateward.operations.jobs.registry import jobs
from stateward.schedule import TIMETABLE
from stateward.tenancy.actors import Call
from stateward.tenancy.models import PLATFORM, Agent, Tenant
from stateward.tenancy.scope import run_flow, tenant_scope
from tests.detection.scenes import acting, again, alerts, minutes_ago, silence, write
from tests.factories.api import audit_events, new_tenant
from tests.factories.jobs import only
from tests.factories.sessions import run_on
from tests.factories.tenants import make_agent

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def tenant() -> Tenant:
    return new_tenant()


@pytest.fixture
def agent(tenant: Tenant) -> Agent:
    return make_agent(tenant, "writer", name="booker")


def refuse(agent: Agent, count: int = 20, ago: timedelta = timedelta(0)) -> None:
    for _ in range(count):
        write(
            acting(agent),
            "state.write",
            outcome="deny_no_match",
            about=("entry", str(uuid7())),
            ago=ago,
        )


def count_of(tenant: Tenant) -> list[int]:
    return [one.count for one in alerts(tenant.id, "many_refusals")]


def test_what_was_looked_at_is_not_counted_again(tenant: Tenant, agent: Agent) -> None:
    refuse(agent)

    first = look_at(tenant.id)
    again(tenant.id)
    second = look_at(tenant.id)

    assert (first.opened, second.opened, second.grew) == (1, 0, 0)
    assert count_of(tenant) == [20]


def test_more_of_the_same_is_added_to_the_alert_that_stands(tenant: Tenant, agent: Agent) -> None:
    refuse(agent)
    look_at(tenant.id)
    refuse(agent, 3)
    again(tenant.id)

    looked = look_at(tenant.id)

    assert (looked.opened, looked.grew) == (0, 1)
    assert count_of(tenant) == [23]
    assert alerts(tenant.id)[0].said == ("booker was refused 23 times, on many different things.")


def test_two_workers_at_once_tell_of_it_once(tenant: Tenant, agent: Agent) -> None:
    refuse(agent)
    together = Barrier(2)
    looked = []

    def work() -> None:
        together.wait()
        looked.append(look_at(tenant.id))
        connections.close_all()

    workers = [Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert sorted(one.opened for one in looked) == [0, 1]
    assert count_of(tenant) == [20]


def test_a_look_that_is_undone_leaves_all_to_the_next(tenant: Tenant, agent: Agent) -> None:
    refuse(agent)

    class Killed(Exception):
        pass

    def die() -> None:
        raise Killed

    with pytest.raises(Killed):
        look_at(tenant.id, guard=die)

    def look_and_die() -> None:
        with transaction.atomic():
            look_at(tenant.id)
            die()

    with pytest.raises(Killed):
        look_and_die()
    assert alerts(tenant.id) == []
    assert look_at(tenant.id).opened == 1


def test_a_record_that_commits_late_is_seen_then(tenant: Tenant, agent: Agent) -> None:
    refuse(agent, 19)
    late = psycopg.connect(os.environ["STATEWARD_DATABASE_URL"])
    draft = compose(
        actor=acting(agent),
        call=Call(request_id="late"),
        action="state.write",
        resource_type="entry",
        resource_id="late",
        outcome="deny_no_match",
    )
    run_on(late, append(draft))
    assert look_at(tenant.id).opened == 0
    again(tenant.id)
    late.commit()
    late.close()

    assert look_at(tenant.id).opened == 1
    assert count_of(tenant) == [20]


def test_a_day_of_silence_is_caught_up_in_one_look(tenant: Tenant, agent: Agent) -> None:
    look_at(tenant.id)
    silence(tenant, timedelta(hours=24))
    refuse(agent, 20, ago=timedelta(hours=9))
    refuse(agent, 5, ago=timedelta(hours=8))

    look_at(tenant.id)

    assert count_of(tenant) == [20]
    told = alerts(tenant.id, "heartbeat")
    assert [(one.subject_id, one.severity) for one in told] == [("all", "low")]
    assert "No rule was evaluated for 1,4" in told[0].said


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    def fail(*_: Any) -> Any:
        raise ZeroDivisionError("with a value in its text")

    wrong = replace(RULES["many_refusals"], find=fail)
    rules = [wrong if one.name == wrong.name else one for one in rules_of("tenant")]
    monkeypatch.setattr(looking, "rules_of", lambda kind: rules)
    yield wrong.name
    monkeypatch.undo()


def test_a_rule_that_fails_stops_no_other_and_misses_nothing(
    tenant: Tenant, agent: Agent, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(agent)
    write(acting(make_agent(tenant)), "state.write", outcome="deny_error")

    looked = look_at(tenant.id)

    assert (looked.failed, [one.rule for one in alerts(tenant.id)]) == (
        1, ["policy_errors", "heartbeat"],
    )  # fmt: skip
    assert "(ZeroDivisionError)" in alerts(tenant.id, "heartbeat")[0].said
    again(tenant.id)
    monkeypatch.undo()
    look_at(tenant.id)
    assert count_of(tenant) == [20]


def test_the_heart_beats_with_each_look_and_is_late_after_two_intervals(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        assert all(one.is_late for one in heartbeats(tenant.id))  # never looked
    look_at(tenant.id)
    with tenant_scope(tenant.id):
        assert not any(one.is_late for one in heartbeats(tenant.id))
    silence(tenant, timedelta(seconds=121), "policy_errors")

    with tenant_scope(tenant.id):
        late = [one.rule.rule.name for one in heartbeats(tenant.id) if one.is_late]

    assert late == ["policy_errors"]


def test_an_alert_is_put_on_record_as_it_opens(tenant: Tenant, agent: Agent) -> None:
    refuse(agent)

    look_at(tenant.id)

    assert ("alert.opened", "alert.opened", "allow") in audit_events(tenant.id)


def test_another_tenant_is_told_nothing(tenant: Tenant, agent: Agent) -> None:
    other = new_tenant()
    refuse(agent)

    look_at(tenant.id)
    look_at(other.id)

    assert alerts(tenant.id)
    assert alerts(other.id) == []


def test_the_job_looks_at_the_platform_and_at_each_tenant(
    tenant: Tenant, agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(agent)
    other = make_agent(new_tenant(), "writer", name="other")
    refuse(other)
    only(monkeypatch, tasks, tenant, other.tenant)

    class Run:
        stages: list[int] = []

        def guard(self) -> None:
            assert connection.in_atomic_block

        def progress(self, done: int, *_: Any) -> None:
            self.stages.append(done)

    outcome = evaluate_detection(Run())  # type: ignore[arg-type]  # all of a run that it uses

    assert outcome.has_findings
    assert outcome.result["tenants"] == 2
    assert count_of(tenant) == count_of(other.tenant) == [20]
    assert "evaluate_detection" in jobs()
    slot = next(one for one in TIMETABLE if one.name == "evaluate_detection")
    assert slot.every == timedelta(minutes=1)


def test_the_command_prints_one_line_and_exits_2_with_findings(
    tenant: Tenant, agent: Agent
) -> None:
    refuse(agent)
    told = io.StringIO()

    with redirect_stdout(told), pytest.raises(SystemExit) as ended:
        call_command("detect", tenant=tenant.slug)

    assert ended.value.code == 2
    answer = json.loads(told.getvalue().splitlines()[-1])
    assert (answer["tenants"], answer["opened"] >= 1, answer["failed"]) == (1, True, 0)


def test_a_look_reads_by_index_among_many_records(tenant: Tenant, agent: Agent) -> None:
    """Writes that were allowed, however many, are not what a look reads."""
    refuse(agent, 2)
    before = now() - minutes_ago(1)
    span = Span(tenant.id, "1:1:", snapshot(), before, now())

    with tenant_scope(tenant.id), connection.cursor() as cursor:
        statement = next(look(span, timedelta(minutes=5)))
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {statement.sql}", statement.parameters)
        plan = "\n".join(row[0] for row in cursor.fetchall())
        seen = run_flow(look(span, timedelta(minutes=5)))

    assert "Seq Scan" not in plan
    assert "outcome <>" not in plan, "the index of refusals holds no others: nothing to filter"
    assert "_2027_03" not in plan, "months to come are not looked into"
    assert len(seen) == 2


def snapshot() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_snapshot()::text")
        return str(cursor.fetchone()[0])


def test_the_platform_keeps_its_own_progress() -> None:
    look_at(PLATFORM)

    with tenant_scope(PLATFORM):
        beats = heartbeats(PLATFORM)

    assert {one.rule.rule.name for one in beats} == {
        "sign_in_failures", "password_spraying", "sealing_late", "log_altered",
    }  # fmt: skip
    assert not any(one.evaluated_at is None for one in beats)


def doctor_says(check: str) -> dict[str, str]:
    return {one.says: one.level for one in examine({check: EXAMINATIONS[check]})}


def test_the_doctor_tells_of_rules_that_nobody_evaluates(tenant: Tenant) -> None:
    look_at(PLATFORM)
    look_at(tenant.id)
    Tenant.objects.filter(id=tenant.id).update(created_at=now() - timedelta(hours=1))
    before = doctor_says("detection")
    silence(tenant, timedelta(hours=1))

    says = doctor_says("detection")

    assert says != before
    assert any("are not evaluated in time" in one for one in says)
    assert not any(level == "ok" for level in says.values())

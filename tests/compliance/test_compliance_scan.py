"""A scan as a whole: what it keeps, what it records, and that it goes on where it was killed."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from governance.compliance import scanning
from governance.compliance.acts import scanner
from governance.compliance.models import AcceptedRisk, CheckResult, Finding, Scan
from governance.compliance.queries import Wanted, findings_of
from governance.compliance.registry import Ground, all_checks, find_check
from governance.compliance.report import results_sha256
from governance.compliance.results import Answer, Item
from governance.compliance.scanning import carry_out, new_scan
from governance.compliance.services import Acceptance, accept_risk
from stateward.kernel.clock import now
from stateward.kernel.ids import uuid7
from stateward.operations.jobs.services import run_here
from stateward.tenancy.models import Tenant
from stateward.tenancy.scope import tenant_scope
from tests.audit.audit_helpers import connect
from tests.compliance.cases_people import member_actor
from tests.factories.api import Api, new_tenant
from tests.factories.jobs import carry
from tests.factories.tenants import make_agent, make_member

pytestmark = pytest.mark.usefixtures("database")


class Still:
    """A run that nobody takes over; ``fatal``: it is killed after so many checks."""

    def __init__(self, fatal: int | None = None) -> None:
        self.fatal = fatal

    def guard(self) -> None:
        """Held."""

    def progress(self, done: int, total: int | None = None, stage: str = "") -> None:
        if done == self.fatal:
            raise KeyboardInterrupt


def scan(tenant: Tenant, check_id: str = "", fatal: int | None = None) -> Scan:
    with tenant_scope(tenant.id):
        asked = new_scan(
            tenant, by=scanner(tenant.id, tenant.slug), trigger="command", check_id=check_id
        )
    return carry_out(tenant, asked.id, Still(fatal)).scan


def finding(tenant: Tenant, check_id: str) -> Finding:
    with tenant_scope(tenant.id):
        return Finding.objects.get(tenant_id=tenant.id, check_id=check_id)


def history(found: Finding) -> list[str]:
    with tenant_scope(found.tenant_id):
        return list(found.events.order_by("id").values_list("event", flat=True))


def records(tenant: Tenant) -> list[dict[str, Any]]:
    """The details of what compliance put on record, oldest first."""
    with tenant_scope(tenant.id), connection.cursor() as cursor:
        cursor.execute(
            "SELECT convert_from(record, 'UTF8') FROM stateward_audit_record"
            " WHERE tenant_id = %s AND action = 'compliance.manage' ORDER BY seq",
            (tenant.id,),
        )
        return [json.loads(row[0])["details"] for row in cursor.fetchall()]


def test_a_scan_keeps_an_answer_of_every_check_and_is_on_record() -> None:
    tenant = new_tenant()
    make_agent(tenant)

    done = scan(tenant)

    with tenant_scope(tenant.id):
        results = list(done.results.order_by("check_id"))
    assert [result.check_id for result in results] == [check.id for check in all_checks()]
    counts = (done.passed, done.failed, done.not_applicable, done.insufficient, done.errors)
    assert sum(counts) == len(results)
    assert done.errors == 0
    last = records(tenant)[-1]
    assert last["event"] == "compliance.scanned"
    assert last["results_sha256"] == results_sha256(done, results)
    assert last["rules_sha256"] == done.rules_sha256
    assert (last["failed"], last["passed"]) == (done.failed, done.passed)


def test_what_is_changed_in_a_result_no_longer_fits_the_record() -> None:
    tenant = new_tenant()
    make_agent(tenant)
    done = scan(tenant, "C25")

    with connect(autocommit=True) as superuser:
        superuser.execute(
            "UPDATE stateward_compliance_result SET outcome = 'pass' WHERE tenant_id = %s",
            (tenant.id,),
        )

    with tenant_scope(tenant.id):
        now_said = results_sha256(done, list(done.results.all()))
    assert now_said != records(tenant)[-1]["results_sha256"]


def test_the_application_changes_no_result_and_no_history() -> None:
    for table in ("result", "event"):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT has_table_privilege(%s, 'UPDATE'), has_table_privilege(%s, 'DELETE')",
                [f"stateward_compliance_{table}"] * 2,
            )
            assert cursor.fetchone() == (False, False)


def test_a_finding_is_opened_resolved_and_comes_back() -> None:
    tenant = new_tenant()
    agent = make_agent(tenant)
    owner = make_member(tenant, "owner")
    scan(tenant, "C25")
    first = finding(tenant, "C25")
    scan(tenant, "C25")
    with tenant_scope(tenant.id):
        agent.purpose, agent.owner = "Books flights", owner
        agent.save()
    scan(tenant, "C25")
    resolved = finding(tenant, "C25")
    with tenant_scope(tenant.id):
        agent.purpose = ""
        agent.save()
    scan(tenant, "C25")
    back = finding(tenant, "C25")

    assert first.id == resolved.id == back.id
    assert (first.status, resolved.status, back.status) == ("open", "resolved", "open")
    assert history(back) == ["opened", "resolved", "regressed"]
    assert (back.regressions, back.first_seen_at) == (1, first.first_seen_at)
    assert back.detail == "It has no purpose."
    told = [detail for detail in records(tenant) if detail["event"].endswith("findings_changed")]
    assert [next(iter(set(one) & {"opened", "resolved", "regressed"})) for one in told] == [
        "opened", "resolved", "regressed",
    ]  # fmt: skip
    assert told[0]["opened"] == {"count": 1, "findings": [str(back.id)]}


def test_an_accepted_risk_counts_as_accepted_until_its_day_and_fails_again_after_it() -> None:
    tenant = new_tenant()
    owner = member_actor(make_member(tenant, "owner"))
    scan(tenant, "C09")
    found = finding(tenant, "C09")
    acceptance = Acceptance("A second owner joins soon.", now() + timedelta(days=30))
    risk = accept_risk(owner, scanning_call(), found.id, acceptance)

    accepted = scan(tenant, "C09")
    with connect(autocommit=True) as superuser:
        for table, column in (("finding", "accepted_until"), ("exception", "expires_at")):
            superuser.execute(
                f"UPDATE stateward_compliance_{table} SET {column} = now() - interval '1 minute'"
                " WHERE tenant_id = %s",
                (tenant.id,),
            )
    with tenant_scope(tenant.id):
        standing = findings_of(tenant.id, Wanted(status="open")).get().standing
    expired = scan(tenant, "C09")

    assert (accepted.failed, accepted.accepted) == (1, 1)
    assert standing == "open"  # before any scan has said so
    assert (expired.failed, expired.accepted) == (1, 0)
    assert finding(tenant, "C09").status == "open"
    assert history(found)[-1] == "exception_expired"
    with tenant_scope(tenant.id):
        assert AcceptedRisk.objects.get(id=risk.id).ended_as == "expired"


def scanning_call() -> Any:
    return scanning.own_call()


@pytest.mark.parametrize("outcome", ["error", "insufficient_evidence"])
def test_a_check_that_could_not_look_resolves_nothing(
    outcome: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = new_tenant()
    make_agent(tenant)
    scan(tenant, "C25")
    blind = replace_body("C25", raises if outcome == "error" else is_blind)
    monkeypatch.setattr(scanning, "find_check", lambda _: blind)

    done = scan(tenant, "C25")

    assert (done.errors, done.insufficient) == ((1, 0) if outcome == "error" else (0, 1))
    assert finding(tenant, "C25").status == "open"
    with tenant_scope(tenant.id):
        said = done.results.get().said
    assert "secret" not in said


def raises(ground: Ground) -> Answer:
    raise LookupError("a secret")


def is_blind(ground: Ground) -> Answer:
    return Answer("insufficient_evidence", "There is nothing to look at.")


def replace_body(check_id: str, body: Any) -> Any:
    found = find_check(check_id)
    assert found is not None
    return replace(found, body=body)


def test_a_fault_in_one_check_leaves_the_database_usable_for_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def breaks(ground: Ground) -> Answer:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")
        return Answer("pass", "x")

    checks = [replace_body("C01", breaks), *all_checks()[1:3]]
    monkeypatch.setattr(scanning, "all_checks", lambda: checks)

    done = scan(new_tenant())

    assert (done.errors, done.finished_at is not None) == (1, True)
    assert done.passed + done.not_applicable == 2


def test_a_scan_that_was_killed_goes_on_with_what_is_not_answered_yet() -> None:
    tenant = new_tenant()
    with tenant_scope(tenant.id):
        asked = new_scan(tenant, by=scanner(tenant.id, tenant.slug), trigger="schedule")
    with pytest.raises(KeyboardInterrupt):
        carry_out(tenant, asked.id, Still(fatal=5))
    with tenant_scope(tenant.id):
        before = {result.check_id: result.id for result in asked.results.all()}

    done = carry_out(tenant, asked.id, Still())
    again = carry_out(tenant, asked.id, Still())

    assert len(before) == 5
    with tenant_scope(tenant.id):
        after = {result.check_id: result.id for result in asked.results.all()}
        assert Scan.objects.filter(tenant_id=tenant.id).count() == 1
    assert before.items() <= after.items()
    assert len(after) == len(all_checks())
    assert done.scan.record_id == again.scan.record_id
    scans = [one for one in records(tenant) if one["event"] == "compliance.scanned"]
    assert len(scans) == 1


def test_many_failing_items_become_findings_up_to_the_most_and_none_is_resolved(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tenant = new_tenant()
    many = [Item("thing", f"{number:04}", "x") for number in range(1_000)]
    full = replace_body("C25", lambda _: Answer("fail", "x", 2_000, 1_000, tuple(many)))
    rest = replace_body("C25", lambda _: Answer("fail", "x", 2_000, 1_500, tuple(many[:999])))
    monkeypatch.setattr(scanning, "find_check", lambda _: full)
    scan(tenant, "C25")
    monkeypatch.setattr(scanning, "find_check", lambda _: rest)
    scan(tenant, "C25")

    with tenant_scope(tenant.id):
        assert Finding.objects.filter(tenant_id=tenant.id, status="open").count() == 1_000
    told = records(tenant)[0]["opened"]
    assert (told["count"], len(told["findings"])) == (1_000, 50)


def test_the_job_scans_once_for_each_run_and_says_what_it_found() -> None:
    tenant = new_tenant()
    make_agent(tenant)

    outcome = run_here("compliance.scan", tenant_id=tenant.id)

    assert outcome.has_findings
    assert outcome.result["checks"] == len(all_checks())
    with tenant_scope(tenant.id):
        made = Scan.objects.get(tenant_id=tenant.id)
    assert (made.trigger, made.run_id is not None) == ("schedule", True)
    assert str(made.id) == outcome.result["scan"]


def test_a_scan_that_was_asked_for_is_carried_out_by_its_run() -> None:
    tenant = new_tenant()
    owner = Api(make_member(tenant, "owner"))
    asked = owner("POST", "/compliance/scans", {"check": "C09"}).json()

    assert carry(uuid_of(asked["run"]), find_work())

    done = owner("GET", f"/compliance/scans/{asked['id']}").json()
    assert done["counts"]["failed"] == 1
    assert [one["check"] for one in done["results"]] == ["C09"]
    assert done["asked_by"]["id"] == str(owner.holder.id)


def uuid_of(text: str) -> Any:
    return type(uuid7())(text)


def find_work() -> Any:
    from stateward.operations.jobs.registry import jobs  # noqa: PLC0415

    return jobs()["compliance.scan"].work


class TestCommand:
    def run(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        out = StringIO()
        code = 0
        try:
            call_command("compliance", "scan", *arguments, stdout=out)
        except SystemExit as ended:
            code = int(ended.code or 0)
        return code, json.loads(out.getvalue().splitlines()[-1])

    def test_it_prints_counts_and_findings_and_says_by_its_code_that_there_are_some(self) -> None:
        tenant = new_tenant()
        make_agent(tenant)

        code, said = self.run("--tenant", tenant.slug)

        names = ("passed", "failed", "not_applicable", "insufficient", "errors")
        assert (code, said["tenant"]) == (2, tenant.slug)
        assert said["checks"] == sum(said[name] for name in names) == len(all_checks())
        assert {one["check"] for one in said["findings"]} >= {"C09", "C25"}
        assert all(one["status"] == "open" for one in said["findings"])

    def test_without_findings_its_code_is_none(self) -> None:
        tenant = new_tenant()

        code, said = self.run("--tenant", tenant.slug, "--check", "C31")

        assert (code, said["checks"], said["findings"]) == (0, 1, [])

    @pytest.mark.parametrize("arguments", [["--tenant", "nobody"], ["--check", "C99"]])
    def test_what_there_is_not_is_said(self, arguments: list[str]) -> None:
        given = (
            arguments if "--tenant" in arguments else ["--tenant", new_tenant().slug, *arguments]
        )

        with pytest.raises(CommandError, match="There is no") as refused:
            call_command("compliance", "scan", *given)

        assert refused.value.returncode == 1


def test_two_scans_at_once_make_one_finding_of_one_fault() -> None:
    tenant = new_tenant()
    make_agent(tenant)
    faults: list[BaseException] = []
    together = threading.Barrier(2)

    def run() -> None:
        try:
            together.wait(10)
            scan(tenant, "C25")
        except BaseException as fault:
            faults.append(fault)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert faults == []
    assert history(finding(tenant, "C25")) == ["opened"]


def test_a_scan_sees_nothing_of_another_tenant() -> None:
    theirs, ours = new_tenant(), new_tenant()
    make_agent(theirs, name="their-agent")
    scan(theirs)

    scan(ours)

    with tenant_scope(ours.id):
        mine = CheckResult.objects.all()
        assert {result.tenant_id for result in mine} == {ours.id}
        assert "their-agent" not in json.dumps([result.items for result in mine])

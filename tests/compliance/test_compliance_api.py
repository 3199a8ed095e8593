"""Compliance over REST: who may, what each route answers and refuses, what goes on record."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from stateward.kernel.clock import now, rfc3339
from stateward.operations.jobs.services import run_here
from stateward.tenancy.models import Tenant
from tests.factories.api import Api, audit_events, new_tenant
from tests.factories.tenants import make_agent, make_member

pytestmark = pytest.mark.usefixtures("database")

REASON = "We are one owner until March."


@pytest.fixture
def tenant() -> Tenant:
    """Scanned: one owner is too few, an agent has no owner and no purpose."""
    tenant = new_tenant()
    make_agent(tenant, name="booker")
    for check_id in ("C09", "C25"):
        run_here("compliance.scan", tenant_id=tenant.id, params={"check": check_id})
    return tenant


@pytest.fixture
def admin(tenant: Tenant) -> Api:
    return Api(make_member(tenant, "admin"))


def items(answer: Any) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.content
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


def finding_id(admin: Api, check_id: str = "C09") -> str:
    return str(items(admin("GET", f"/compliance/findings?check={check_id}"))[0]["id"])


def in_days(days: float) -> str:
    return rfc3339(now() + timedelta(days=days))


def accepted(admin: Api, **change: Any) -> Any:
    body = {"finding": finding_id(admin), "reason": REASON, "expires_at": in_days(30)}
    return admin("POST", "/compliance/exceptions", body | change)


READS = (
    "/compliance/checks", "/compliance/checks/C01", "/compliance/findings", "/compliance/scans",
    "/compliance/exceptions", "/compliance/frameworks", "/compliance/frameworks/gdpr",
)  # fmt: skip


class TestRights:
    @pytest.mark.parametrize("path", READS)
    def test_an_auditor_reads_and_a_viewer_does_not(self, tenant: Tenant, path: str) -> None:
        assert Api(make_member(tenant, "auditor"))("GET", path).status_code == 200
        answer = Api(make_member(tenant, "viewer"))("GET", path)

        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
        assert audit_events(tenant.id)[-1][0] == "compliance.read"

    def test_an_auditor_changes_nothing(self, tenant: Tenant, admin: Api) -> None:
        auditor = Api(make_member(tenant, "auditor"))
        one = finding_id(admin)
        body = {"finding": one, "reason": REASON, "expires_at": in_days(3)}
        tries = (
            ("POST", "/compliance/scans", None),
            ("PATCH", f"/compliance/findings/{one}", {"status": "in_progress"}),
            ("POST", "/compliance/exceptions", body),
        )

        for method, path, sent in tries:
            assert auditor(method, path, sent).status_code == 403, path

    def test_another_tenant_sees_none_of_it(self, tenant: Tenant, admin: Api) -> None:
        risk, one = accepted(admin).json(), finding_id(admin)
        scan = items(admin("GET", "/compliance/scans"))[0]
        stranger = Api(make_member(new_tenant(), "owner"))

        for path in ("findings", "scans", "exceptions"):
            assert items(stranger("GET", f"/compliance/{path}")) == []
        for path in (f"findings/{one}", f"scans/{scan['id']}", f"exceptions/{risk['id']}"):
            theirs = stranger("GET", f"/compliance/{path}")
            kind = path.split("/")[0]
            nothing = stranger("GET", f"/compliance/{kind}/{uuid4()}")
            assert theirs.status_code == nothing.status_code == 404
            assert theirs.json()["detail"] == nothing.json()["detail"]
        assert stranger("DELETE", f"/compliance/exceptions/{risk['id']}").status_code == 404
        body = {"finding": one, "reason": REASON, "expires_at": in_days(3)}
        assert stranger("POST", "/compliance/exceptions", body).status_code == 404
        answers = items(stranger("GET", "/compliance/checks"))
        assert {one["last"] for one in answers} == {None}


class TestReading:
    def test_checks_say_what_they_prove_and_what_they_last_answered(self, admin: Api) -> None:
        found = {one["id"]: one for one in items(admin("GET", "/compliance/checks"))}

        assert len(found) >= 20
        assert found["C01"]["last"] is None
        last = found["C25"]["last"]
        assert (last["outcome"], last["failing"], last["population"]) == ("fail", 1, 1)
        assert last["items"][0]["label"] == "booker"
        assert found["C25"] == admin("GET", "/compliance/checks/C25").json()
        assert admin("GET", "/compliance/checks/C99").status_code == 404

    @pytest.mark.parametrize(
        ("query", "checks"),
        [
            ("", {"C09", "C25"}), ("check=C25", {"C25"}), ("severity=medium", {"C09", "C25"}),
            ("severity=critical", set()), ("status=open", {"C09", "C25"}),
            ("status=unresolved", {"C09", "C25"}), ("status=resolved", set()),
            ("owner=01990000-0000-7000-8000-000000000001", set()),
        ],
    )  # fmt: skip
    def test_every_filter_filters(self, admin: Api, query: str, checks: set[str]) -> None:
        found = items(admin("GET", f"/compliance/findings?{query}"))

        assert {one["check"] for one in found} == checks

    @pytest.mark.parametrize(
        "query", ["status=gone", "severity=x", "owner=me", "what=x", "limit=0", "cursor=x"]
    )
    def test_what_is_malformed_is_refused(self, admin: Api, query: str) -> None:
        answer = admin("GET", f"/compliance/findings?{query}")

        assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")

    def test_findings_come_in_pages_that_leave_nothing_out(self, admin: Api) -> None:
        first = admin("GET", "/compliance/findings?limit=1").json()
        second = admin("GET", f"/compliance/findings?limit=1&cursor={first['next_cursor']}").json()

        both = {one["check"] for one in first["items"] + second["items"]}
        assert (both, second["next_cursor"]) == ({"C09", "C25"}, None)

    def test_a_scan_is_shown_with_its_results_and_their_hash(self, admin: Api) -> None:
        newest = items(admin("GET", "/compliance/scans"))[0]
        scan = admin("GET", f"/compliance/scans/{newest['id']}").json()

        assert newest == {name: scan[name] for name in newest}
        assert [one["check"] for one in scan["results"]] == ["C25"]
        assert len(scan["results_sha256"]) == 64
        record = admin("GET", f"/audit/records/{scan['audit_record']}").json()["record"]
        assert record["details"]["results_sha256"] == scan["results_sha256"]

    def test_frameworks_tell_what_is_proven_and_that_nobody_verified_them(self, admin: Api) -> None:
        found = admin("GET", "/compliance/frameworks/soc2").json()
        controls = {one["id"]: one for one in found["controls"]}

        assert found["verified_by"] is None
        assert controls["CC1.3"]["coverage"] == "failing"
        assert controls["CC6.5"]["checks"] == {"C42": "never"}
        assert controls["CC5.3"]["checks"]["C41"] == "no_check_yet"
        assert sum(found["coverage"].values()) == len(controls)
        assert admin("GET", "/compliance/frameworks/none").status_code == 404


class TestScans:
    def test_one_is_started_as_a_job_and_on_record(self, tenant: Tenant, admin: Api) -> None:
        answer = admin("POST", "/compliance/scans", {"check": "C01"})

        scan = answer.json()
        assert answer.status_code == 202
        assert answer["Location"].endswith(scan["id"])
        assert (scan["check"], scan["finished_at"], bool(scan["run"])) == ("C01", None, True)
        assert audit_events(tenant.id)[-1][1] == "compliance.scan_asked"
        assert admin("POST", "/compliance/scans").status_code == 202

    def test_a_check_that_there_is_not_cannot_be_scanned(self, admin: Api) -> None:
        answer = admin("POST", "/compliance/scans", {"check": "C99"})

        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/check")


class TestFindings:
    def test_one_is_assigned_and_worked_on(self, tenant: Tenant, admin: Api) -> None:
        one = f"/compliance/findings/{finding_id(admin)}"
        owner, due = make_member(tenant, "editor"), (now() + timedelta(days=9)).date().isoformat()
        change = {"status": "in_progress", "owner": str(owner.id), "due_on": due}

        answer = admin("PATCH", one, change)
        again = admin("PATCH", one, change)
        cleared = admin("PATCH", one, {"owner": None, "due_on": None})

        found = answer.json()
        assert (found["status"], found["owner"]["id"], found["due_on"]) == (
            "in_progress", str(owner.id), due,
        )  # fmt: skip
        assert again.json() == found
        assert (cleared.json()["owner"], cleared.json()["due_on"]) == (None, None)
        history = admin("GET", one).json()["history"]
        assert [step["event"] for step in history] == ["opened", "changed", "changed"]
        assert history[1]["details"]["changes"]["status"] == ["open", "in_progress"]
        assert audit_events(tenant.id)[-1][1] == "compliance.changed"
        record = admin("GET", f"/audit/records/{history[1]['audit_record']}")
        assert record.json()["record"]["details"]["finding"] == found["id"]

    @pytest.mark.parametrize(
        ("change", "pointer"),
        [
            ({"owner": str(uuid4())}, "/owner"),
            ({"due_on": "2020-01-01"}, "/due_on"),
            ({"status": "resolved"}, "/status"),
            ({"status": "accepted"}, "/status"),
            ({"due_on": "soon"}, "/due_on"),
        ],
    )
    def test_what_does_not_fit_is_refused(
        self, admin: Api, change: dict[str, Any], pointer: str
    ) -> None:
        answer = admin("PATCH", f"/compliance/findings/{finding_id(admin)}", change)

        assert answer.status_code in {400, 422}, answer.content
        assert answer.json()["errors"][0]["pointer"] == pointer

    def test_members_that_are_not_named_are_refused(self, admin: Api) -> None:
        one = f"/compliance/findings/{finding_id(admin)}"

        for name in ("severity", "check", "tenant_id", "resolved_at"):
            assert admin("PATCH", one, {name: "x"}).status_code == 400

    def test_a_resolved_one_is_not_worked_on(self, tenant: Tenant, admin: Api) -> None:
        one = finding_id(admin)
        make_member(tenant, "owner")
        run_here("compliance.scan", tenant_id=tenant.id, params={"check": "C09"})

        answer = admin("PATCH", f"/compliance/findings/{one}", {"status": "in_progress"})
        risk = accepted(admin, finding=one)

        assert (answer.status_code, answer.json()["code"]) == (409, "finding_resolved")
        assert risk.status_code == 409


class TestExceptions:
    def test_a_risk_is_accepted_with_reason_owner_and_end(self, tenant: Tenant, admin: Api) -> None:
        answer = accepted(admin)

        risk = answer.json()
        assert answer.status_code == 201
        assert answer["Location"].endswith(risk["id"])
        assert (risk["reason"], risk["in_force"]) == (REASON, True)
        assert risk["owner"]["id"] == str(admin.holder.id)
        found = admin("GET", f"/compliance/findings/{risk['finding']}").json()
        assert (found["status"], found["exceptions"]) == ("accepted", [risk])
        assert audit_events(tenant.id)[-1][1] == "compliance.risk_accepted"
        record = admin("GET", f"/audit/records/{found['history'][-1]['audit_record']}").json()
        assert REASON not in str(record["record"])
        assert record["payload"]["reason"] == REASON

    def test_it_is_withdrawn_once_and_the_finding_is_open_again(
        self, tenant: Tenant, admin: Api
    ) -> None:
        risk = accepted(admin).json()
        one = f"/compliance/exceptions/{risk['id']}"

        assert admin("DELETE", one).status_code == 204
        again = admin("DELETE", one)

        assert (again.status_code, again.json()["code"]) == (409, "exception_over")
        assert admin("GET", one).json()["ended_as"] == "withdrawn"
        found = admin("GET", f"/compliance/findings/{risk['finding']}").json()
        assert (found["status"], found["accepted_until"]) == ("open", None)
        assert audit_events(tenant.id)[-1][1] == "compliance.exception_withdrawn"

    def test_a_new_one_takes_the_place_of_the_old(self, admin: Api) -> None:
        old, new = accepted(admin).json(), accepted(admin, expires_at=in_days(90)).json()

        listed = {one["id"]: one for one in items(admin("GET", "/compliance/exceptions"))}
        assert listed[old["id"]]["ended_as"] == "replaced"
        assert listed[new["id"]]["in_force"]

    def test_work_goes_on_only_after_it_was_withdrawn(self, admin: Api) -> None:
        risk = accepted(admin).json()
        one = f"/compliance/findings/{risk['finding']}"

        answer = admin("PATCH", one, {"status": "in_progress"})

        assert (answer.status_code, answer.json()["code"]) == (409, "risk_accepted")
        assert admin("PATCH", one, {"due_on": None}).status_code == 200

    @pytest.mark.parametrize(
        ("change", "pointer"),
        [
            ({"reason": "because"}, "/reason"),
            ({"reason": " " * 40}, "/reason"),
            ({"expires_at": in_days(-1)}, "/expires_at"),
            ({"expires_at": in_days(366)}, "/expires_at"),
            ({"expires_at": "soon"}, "/expires_at"),
            ({"owner": str(uuid4())}, "/owner"),
            ({"tenant": "x"}, "/tenant"),
        ],
        ids=["short", "blank", "past", "too-long", "no-time", "nobody", "smuggled"],
    )
    def test_what_does_not_fit_is_refused(
        self, admin: Api, change: dict[str, Any], pointer: str
    ) -> None:
        answer = accepted(admin, **change)

        assert answer.status_code in {400, 422}, answer.content
        assert answer.json()["errors"][0]["pointer"] == pointer

    def test_a_program_accepts_a_risk_only_where_a_member_answers_for_it(
        self, tenant: Tenant, admin: Api
    ) -> None:
        text = 'permit (principal is Agent, action in Action::"compliance.*", resource);'
        owner = Api(make_member(tenant, "owner"))
        made = owner("POST", "/policies", {"name": "helper", "text": text}).json()
        owner("PUT", f"/policies/{made['id']}/activation", {"version": 1})
        agent = Api(make_agent(tenant, "reader"))
        body = {"finding": finding_id(admin), "reason": REASON, "expires_at": in_days(3)}

        assert agent("POST", "/compliance/exceptions", body).status_code == 422
        named = agent("POST", "/compliance/exceptions", body | {"owner": str(owner.holder.id)})
        assert named.status_code == 201

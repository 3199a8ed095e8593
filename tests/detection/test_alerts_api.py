"""Alerts, rules and suppressions over REST: who may, what is refused, and what is put on record."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from governance.detection.rules import rules_of
from stateward.kernel.clock import now, rfc3339
from stateward.kernel.ids import uuid7
from stateward.tenancy.models import Agent, Tenant
from tests.detection.scenes import acting, again, alerts, look_at, write
from tests.factories.api import Api, audit_events, new_tenant
from tests.factories.tenants import make_agent, make_member

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def tenant() -> Tenant:
    return new_tenant()


@pytest.fixture
def agent(tenant: Tenant) -> Agent:
    return make_agent(tenant, "writer", name="booker")


@pytest.fixture
def admin(tenant: Tenant) -> Api:
    return Api(make_member(tenant, "admin"))


def erred(agent: Agent, rule: str = "night-shift") -> None:
    write(
        acting(agent),
        "state.write",
        outcome="deny_error",
        decision={"id": str(uuid7()), "determining": [rule]},
    )


def found(agent: Agent) -> str:
    """The id of an alert that a rule opened."""
    erred(agent)
    again(agent.tenant_id)
    look_at(agent.tenant_id)
    return str(alerts(agent.tenant_id, "policy_errors")[-1].id)


def test_an_alert_says_all_that_is_known_of_it(admin: Api, agent: Agent) -> None:
    alert_id = found(agent)

    said = admin("GET", f"/alerts/{alert_id}").json()

    assert {name: said[name] for name in ("rule", "severity", "state", "count", "owner")} == {
        "rule": "policy_errors", "severity": "medium", "state": "open", "count": 1, "owner": None,
    }  # fmt: skip
    assert said["subject"] == {"type": "policy", "id": "night-shift", "name": "night-shift"}
    assert said["tags"] == ["API8:2023"]
    assert len(said["records"]) == 1
    shown = admin("GET", f"/audit/records/{said['records'][0]}")
    assert shown.json()["outcome"] == "deny_error"


def test_the_filter_of_an_alert_finds_its_records(admin: Api, tenant: Tenant, agent: Agent) -> None:
    for _ in range(20):
        write(acting(agent), "state.write", outcome="deny_no_match", about=("entry", str(uuid7())))
    look_at(tenant.id)
    alert = admin("GET", "/alerts?rule=many_refusals").json()["items"][0]

    query = "&".join(f"{name}={value}" for name, value in alert["audit"].items())
    records = admin("GET", f"/audit/records?{query}").json()["items"]

    assert len(records) == alert["count"] == 20


def test_an_alert_is_taken_up_handed_on_closed_and_opened_again(
    admin: Api, tenant: Tenant, agent: Agent
) -> None:
    alert = f"/alerts/{found(agent)}"
    other = make_member(tenant, "admin")

    taken = admin("PUT", f"{alert}/acknowledgement", {"note": "I look."}).json()
    handed = admin("PUT", f"{alert}/owner", {"owner": str(other.id)}).json()
    closed = admin("PUT", f"{alert}/resolution", {"note": "A typo."}).json()
    again_open = admin("DELETE", f"{alert}/resolution").json()

    assert [one["state"] for one in (taken, handed, closed, again_open)] == [
        "acknowledged", "acknowledged", "resolved", "open",
    ]  # fmt: skip
    assert (taken["owner"], handed["owner"]) == (str(admin.holder.id), str(other.id))
    events = [event for _, event, _ in audit_events(tenant.id)]
    assert events[-4:] == [
        "alert.acknowledged", "alert.assigned", "alert.resolved", "alert.reopened",
    ]  # fmt: skip


def test_more_of_the_same_is_told_once_after_it_was_taken_up(
    admin: Api, tenant: Tenant, agent: Agent
) -> None:
    alert = f"/alerts/{found(agent)}"
    admin("PUT", f"{alert}/acknowledgement")
    for _ in range(2):
        erred(agent)
        again(tenant.id)
        look_at(tenant.id)

    history = [one["event"] for one in admin("GET", f"{alert}/history").json()["items"]]

    assert history == ["grew", "acknowledged", "opened"]
    assert admin("GET", alert).json()["count"] == 3
    assert admin("GET", alert).json()["state"] == "acknowledged"


def test_what_comes_after_the_end_is_a_new_alert(admin: Api, tenant: Tenant, agent: Agent) -> None:
    first = found(agent)
    admin("PUT", f"/alerts/{first}/resolution", {"note": "Mended."})
    second = found(agent)

    refused = admin("DELETE", f"/alerts/{first}/resolution")

    assert first != second
    assert (refused.status_code, refused.json()["code"]) == (409, "alert_stands")
    late = admin("PUT", f"/alerts/{first}/acknowledgement")
    assert (late.status_code, late.json()["code"]) == (409, "alert_resolved")


def test_an_end_needs_words(admin: Api, agent: Agent) -> None:
    alert = f"/alerts/{found(agent)}"

    for body in ({}, {"note": ""}, {"note": "  "}):
        answer = admin("PUT", f"{alert}/resolution", body)
        assert answer.status_code == 422, body
        assert answer.json()["errors"][0]["pointer"] == "/note"


def test_pages_and_filters(admin: Api, tenant: Tenant, agent: Agent) -> None:
    for rule in ("one", "two", "three"):
        erred(agent, rule)
    look_at(tenant.id)
    admin("PUT", f"/alerts/{alerts(tenant.id)[0].id}/resolution", {"note": "x"})

    page = admin("GET", "/alerts?limit=2").json()
    rest = admin("GET", f"/alerts?limit=2&cursor={page['next_cursor']}").json()

    assert (len(page["items"]), len(rest["items"]), rest["next_cursor"]) == (2, 1, None)
    counts = {
        query: len(admin("GET", f"/alerts?{query}").json()["items"])
        for query in ("state=standing", "state=resolved", "severity=high", "rule=policy_errors",
                      "subject=two")
    }  # fmt: skip
    assert counts == {
        "state=standing": 2, "state=resolved": 1, "severity=high": 0, "rule=policy_errors": 3,
        "subject=two": 1,
    }  # fmt: skip
    for query in ("state=late", "severity=huge", "what=1", "cursor=x"):
        assert admin("GET", f"/alerts?{query}").status_code == 400, query


def test_thresholds_are_the_tenants_own(admin: Api, tenant: Tenant, agent: Agent) -> None:
    rule = "/detection/rules/policy_errors"
    changes = {"thresholds": {"errors": 3}, "severity": "low", "owner": str(admin.holder.id)}

    answer = admin("PATCH", rule, changes)
    for _ in range(2):
        erred(agent)
    look_at(tenant.id)
    assert alerts(tenant.id) == []
    erred(agent)
    again(tenant.id)
    look_at(tenant.id)

    said = answer.json()
    assert (said["severity"], said["thresholds"][0]["value"]) == ("low", 3)
    alert = alerts(tenant.id)[0]
    assert (alert.count, alert.severity, alert.owner_id) == (3, "low", admin.holder.id)
    assert admin("DELETE", rule).status_code == 204
    assert admin("GET", rule).json()["thresholds"][0]["value"] == 1


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        ({"thresholds": {"errors": 0}}, 422, "/thresholds/errors"),
        ({"thresholds": {"floor": 10}}, 422, "/thresholds/floor"),
        ({"thresholds": {"errors": "many"}}, 422, "/thresholds/errors"),
        ({"severity": "huge"}, 422, "/severity"),
        ({"owner": str(uuid7())}, 422, "/owner"),
        ({"rule": "other"}, 400, "/rule"),
        ({"tenant_id": str(uuid7())}, 400, "/tenant_id"),
    ],
    ids=["below", "unknown", "no number", "severity", "owner", "rule", "tenant"],
)
def test_what_does_not_fit_is_refused(admin: Api, body: Any, status: int, pointer: str) -> None:
    answer = admin("PATCH", "/detection/rules/policy_errors", body)

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (status, pointer)


def test_a_rule_that_is_off_finds_nothing_and_is_not_late(
    admin: Api, tenant: Tenant, agent: Agent
) -> None:
    admin("PATCH", "/detection/rules/policy_errors", {"enabled": False})
    erred(agent)

    look_at(tenant.id)

    assert alerts(tenant.id) == []
    assert admin("GET", "/detection/rules/policy_errors").json()["is_late"] is False


def test_every_rule_is_listed_with_its_heartbeat(admin: Api, tenant: Tenant) -> None:
    assert all(one["is_late"] for one in admin("GET", "/detection/rules").json()["items"])
    look_at(tenant.id)

    items = admin("GET", "/detection/rules").json()["items"]

    assert [one["name"] for one in items] == [one.name for one in rules_of("tenant")]
    assert not any(one["is_late"] or one["error"] for one in items)
    assert all(one["evaluated_at"] for one in items)


def held(rule: str = "policy_errors", **fields: Any) -> dict[str, Any]:
    ends = rfc3339(now() + timedelta(days=1))
    return {"rule": rule, "reason": "It is being mended.", "ends_at": ends, **fields}


def test_what_is_held_back_is_counted_and_not_told(
    admin: Api, tenant: Tenant, agent: Agent
) -> None:
    about = {"subject_type": "policy", "subject_id": "night-shift"}
    made = admin("POST", "/detection/suppressions", held(**about))
    erred(agent)
    erred(agent, "another")

    look_at(tenant.id)

    assert made.status_code == 201
    assert [one.subject_id for one in alerts(tenant.id)] == ["another"]
    listed = admin("GET", "/detection/suppressions").json()["items"]
    assert [(one["id"], one["suppressed"]) for one in listed] == [(made.json()["id"], 1)]
    assert ("alert.manage", "detection.suppressed", "allow") in audit_events(tenant.id)


def test_a_suppression_ends_by_itself_and_by_hand(admin: Api, tenant: Tenant, agent: Agent) -> None:
    made = admin("POST", "/detection/suppressions", held()).json()

    assert admin("DELETE", f"/detection/suppressions/{made['id']}").status_code == 204
    twice = admin("DELETE", f"/detection/suppressions/{made['id']}")
    assert (twice.status_code, twice.json()["code"]) == (409, "suppression_over")
    erred(agent)
    look_at(tenant.id)
    assert len(alerts(tenant.id)) == 1


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"ends_at": "2020-01-01T00:00:00Z"}, "/ends_at"),
        ({"ends_at": "2099-01-01T00:00:00Z"}, "/ends_at"),
        ({"rule": "no_such_rule"}, "/rule"),
        ({"subject_type": "agent"}, "/subject_id"),
        ({"reason": "  "}, "/reason"),
    ],
    ids=["past", "too far", "rule", "half a subject", "no reason"],
)
def test_a_suppression_that_does_not_fit_is_refused(
    admin: Api, fields: dict[str, Any], pointer: str
) -> None:
    answer = admin("POST", "/detection/suppressions", held() | fields)

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)


@pytest.mark.parametrize("role", ["auditor", "viewer"])
def test_who_may_not_manage_alerts_changes_nothing(tenant: Tenant, agent: Agent, role: str) -> None:
    api = Api(make_member(tenant, role))
    alert = f"/alerts/{found(agent)}"
    may_read = role == "auditor"

    for path in ("/alerts", alert, f"{alert}/history", "/detection/rules",
                 "/detection/rules/policy_errors", "/detection/suppressions"):  # fmt: skip
        assert api("GET", path).status_code == (200 if may_read else 403), path
    for method, path, body in (
        ("PUT", f"{alert}/acknowledgement", {"note": "x"}),
        ("PUT", f"{alert}/resolution", {"note": "x"}),
        ("DELETE", f"{alert}/resolution", None),
        ("PUT", f"{alert}/owner", {"owner": None}),
        ("PATCH", "/detection/rules/policy_errors", {"enabled": False}),
        ("DELETE", "/detection/rules/policy_errors", None),
        ("POST", "/detection/suppressions", held()),
    ):
        assert api(method, path, body).status_code == 403, (method, path)
    assert alerts(tenant.id)[0].state == "open"


def test_another_tenants_alerts_are_not_there(agent: Agent) -> None:
    stranger = Api(make_member(new_tenant(), "owner"))
    alert_id = found(agent)

    for method, path, body in (
        ("GET", "", None),
        ("GET", "/history", None),
        ("PUT", "/acknowledgement", {"note": "x"}),
        ("PUT", "/resolution", {"note": "x"}),
        ("PUT", "/owner", {"owner": None}),
    ):
        theirs = stranger(method, f"/alerts/{alert_id}{path}", body)
        nobody = stranger(method, f"/alerts/{uuid7()}{path}", body)
        assert theirs.status_code == nobody.status_code == 404
        assert theirs.json() | {"instance": ""} == nobody.json() | {"instance": ""}
    assert stranger("GET", "/alerts").json()["items"] == []
    assert stranger("GET", f"/alerts?subject={agent.id}").json()["items"] == []


def test_no_rule_of_that_name(admin: Api) -> None:
    for method, body in (("GET", None), ("PATCH", {"enabled": False}), ("DELETE", None)):
        assert admin(method, "/detection/rules/no_such_rule", body).status_code == 404

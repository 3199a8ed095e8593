"""From draft to roll-back: agreement, dry runs, tests beside a policy, overrides, history."""

from __future__ import annotations

from typing import Any

import pytest

from governance.people.acts import system_call
from governance.policies.cases import results_of, set_cases
from governance.policies.exceptions import DryRunNeeded, NotSoft, PolicyTestsFailed
from governance.policies.overrides import Wanted, ask_for_override
from governance.policies.queries import in_force_at
from governance.policies.readiness import ask_for_dry_runs
from governance.policies.services import (
    activate,
    add_version,
    ask_to_activate,
    create_policy,
    deactivate,
    roll_back,
)
from stateward.gate.approvals.exceptions import ApprovalNeeded, MayNotVote
from stateward.gate.approvals.models import ApprovalRequest
from stateward.gate.policy.decide import decide
from stateward.gate.policy.load import current_policies
from stateward.gate.policy.models import Policy, PolicyActivation, PolicyOverride
from stateward.gate.policy.requests import Decision, Resource
from stateward.kernel.errors import NotFound, Unprocessable
from stateward.tenancy.models import Agent
from stateward.tenancy.scope import run_flow, tenant_scope
from tests.factories.api import Api, Browser, audit_events
from tests.factories.approvals import Circle, make_circle
from tests.factories.state import actor_of
from tests.factories.tenants import epoch_of, make_agent

pytestmark = pytest.mark.usefixtures("database")

CALL = system_call()
FORBID = 'forbid (principal is Agent, action == Action::"state.write", resource);'
PERMIT = 'permit (principal is Agent, action == Action::"state.purge", resource);'
NOTE = Resource("entry", "desk/plan", {"name": "desk", "classification": "internal"})
CASE: dict[str, Any] = {
    "name": "desk may not write",
    "principal": {"type": "agent", "roles": ["writer"]},
    "action": "state.write",
    "resource": {"type": "entry", "id": "desk/plan", "attributes": {"classification": "internal"}},
    "expected": "deny",
}


@pytest.fixture
def circle() -> Circle:
    return make_circle()


@pytest.fixture
def writer(circle: Circle) -> Agent:
    return make_agent(circle.tenant, "writer")


def make(circle: Circle, text: str = FORBID, name: str = "no-writes") -> Policy:
    return create_policy(circle.actor(0), CALL, name=name, text=text)


def asked_of(circle: Circle, agent: Agent, action: str = "state.write") -> Decision:
    with tenant_scope(circle.tenant.id):
        book = run_flow(current_policies(circle.tenant.id))
    return decide(book, actor_of(agent, circle.tenant), action, NOTE)


def test_where_two_must_agree_an_activation_waits_for_the_second(
    circle: Circle, writer: Agent
) -> None:
    circle.number("policy.activate", 1)
    policy, owner = make(circle), circle.actor(0)
    with pytest.raises(ApprovalNeeded):
        activate(owner, CALL, policy.id, version=1)

    request = ask_to_activate(owner, CALL, policy.id, version=1, reason="Ledger week.")
    circle.vote(1, request)

    assert asked_of(circle, writer).allowed
    with pytest.raises(ApprovalNeeded):  # F62: another level is another content
        activate(owner, CALL, policy.id, version=1, level="soft")
    activate(owner, CALL, policy.id, version=1)
    assert not asked_of(circle, writer).allowed
    with pytest.raises(ApprovalNeeded):
        deactivate(owner, CALL, policy.id)


def test_the_author_of_a_text_does_not_agree_to_it(circle: Circle) -> None:
    circle.number("policy.activate", 1)
    policy = make(circle)

    request = ask_to_activate(circle.actor(1), CALL, policy.id, version=1)

    with pytest.raises(MayNotVote):
        circle.vote(0, request)
    assert circle.vote(2, request).status == "approved"


def test_a_new_version_voids_what_was_agreed(circle: Circle) -> None:
    """F62: approved, edited, activated: refused."""
    circle.number("policy.activate", 1)
    policy, owner = make(circle), circle.actor(0)
    request = ask_to_activate(owner, CALL, policy.id, version=1)
    circle.vote(1, request)

    add_version(owner, CALL, policy.id, text=FORBID.replace("write", "purge"))

    for version in (1, 2):
        with pytest.raises(ApprovalNeeded):
            activate(owner, CALL, policy.id, version=version)
    with tenant_scope(circle.tenant.id):
        assert ApprovalRequest.objects.get(id=request.id).status == "void"


def test_an_emergency_rolls_back_at_once_and_is_looked_at_afterwards(
    circle: Circle, writer: Agent
) -> None:
    policy, owner = make(circle), circle.actor(0)
    activate(owner, CALL, policy.id, version=1)
    circle.number("policy.activate", 1)
    with pytest.raises(ApprovalNeeded):
        roll_back(owner, CALL, policy.id)
    with pytest.raises(Unprocessable):
        roll_back(owner, CALL, policy.id, is_emergency=True)

    roll_back(owner, CALL, policy.id, is_emergency=True, reason="Nobody can book.")

    assert asked_of(circle, writer).allowed
    with tenant_scope(circle.tenant.id):
        assert PolicyActivation.objects.filter(policy=policy, is_emergency=True).count() == 1
        review = ApprovalRequest.objects.get(kind="policy.review")
    assert circle.vote(1, review).status == "used"


@pytest.mark.parametrize("level", ["advisory", "soft"])
def test_a_permit_neither_warns_nor_has_exceptions(circle: Circle, level: Any) -> None:
    policy = make(circle, PERMIT)

    with pytest.raises(Unprocessable, match="shadow or hard"):
        activate(circle.actor(0), CALL, policy.id, version=1, level=level)
    with pytest.raises(Unprocessable, match="shadow or hard"):
        ask_to_activate(circle.actor(0), CALL, policy.id, version=1, level=level)


def test_a_change_of_level_alone_is_a_change(circle: Circle, writer: Agent) -> None:
    policy, owner = make(circle), circle.actor(0)
    activate(owner, CALL, policy.id, version=1, level="shadow")
    assert asked_of(circle, writer).verdict.shadow == ("policy:no-writes@1",)
    before = epoch_of(circle.tenant)

    activate(owner, CALL, policy.id, version=1, level="advisory")

    assert epoch_of(circle.tenant) > before
    assert asked_of(circle, writer).advised == ("policy:no-writes@1",)
    rolled_back = roll_back(owner, CALL, policy.id)
    assert (rolled_back.active_version, rolled_back.level) == (1, "shadow")


def wanted(agent: Agent, **other: Any) -> Wanted:
    fields = {
        "principal_type": "agent",
        "principal_id": str(agent.id),
        "action": "state.write",
        "resource_type": "namespace",
        "resource_id": "desk",
        "hours": 2,
        **other,
    }
    return Wanted(**fields)


def test_a_soft_policy_is_overridden_by_two_people_for_a_time(
    circle: Circle, writer: Agent
) -> None:
    policy, owner = make(circle), circle.actor(0)
    activate(owner, CALL, policy.id, version=1, level="soft")
    assert not asked_of(circle, writer).allowed

    request = ask_for_override(owner, CALL, policy.id, wanted(writer), reason="Month's end.")

    assert not asked_of(circle, writer).allowed
    circle.vote(1, request)
    allowed = asked_of(circle, writer)
    with tenant_scope(circle.tenant.id):
        [made] = PolicyOverride.objects.all()
    assert allowed.allowed
    assert allowed.ends_at == made.ends_at
    assert f"override:{made.id}" in allowed.determining
    assert not asked_of(circle, make_agent(circle.tenant, "writer")).allowed
    events = [event for _, event, _ in audit_events(circle.tenant.id)]
    assert "policy.overridden" in events
    stranger = make_circle(2)
    with tenant_scope(stranger.tenant.id):
        assert not PolicyOverride.objects.exists()


@pytest.mark.parametrize("level", ["hard", "advisory", "shadow"])
def test_only_a_soft_policy_is_overridden(circle: Circle, writer: Agent, level: Any) -> None:
    policy = make(circle)
    activate(circle.actor(0), CALL, policy.id, version=1, level=level)

    with pytest.raises(NotSoft):
        ask_for_override(circle.actor(0), CALL, policy.id, wanted(writer), reason="x")


def test_an_agent_asks_for_itself_and_for_nobody_else(circle: Circle, writer: Agent) -> None:
    policy = make(circle)
    activate(circle.actor(0), CALL, policy.id, version=1, level="soft")
    other = make_agent(circle.tenant, "writer")

    with pytest.raises(NotFound):  # it may not even read policies
        ask_for_override(
            actor_of(writer, circle.tenant), CALL, policy.id, wanted(other), reason="x"
        )


def test_a_tenant_may_ask_for_a_dry_run_first(circle: Circle) -> None:
    policy, owner = make(circle), circle.actor(0)
    ask_for_dry_runs(owner, CALL, hours=24)

    with pytest.raises(DryRunNeeded):
        activate(owner, CALL, policy.id, version=1)

    activate(owner, CALL, policy.id, version=1, level="shadow")  # it decides nothing


def test_tests_beside_a_policy_hold_before_it_decides(circle: Circle) -> None:
    policy, owner = make(circle), circle.actor(0)
    set_cases(owner, CALL, policy.id, [CASE, CASE | {"name": "and may", "expected": "allow"}])

    with pytest.raises(PolicyTestsFailed, match="1 of its tests fail: and may"):
        activate(owner, CALL, policy.id, version=1)

    with tenant_scope(circle.tenant.id):
        results = results_of(policy, FORBID, 1)
    assert [(one.passed, one.outcome) for one in results] == [
        (True, "deny_forbid"),
        (False, "deny_forbid"),
    ]
    set_cases(owner, CALL, policy.id, [CASE])
    assert activate(owner, CALL, policy.id, version=1).active_version == 1


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"principal": {"type": "agent", "roles": ["owner"]}}, "/items/0/principal/roles"),
        ({"action": "state.fly"}, "/items/0/action"),
        ({"resource": {"type": "moon"}}, "/items/0/resource/type"),
        ({"expected": "maybe"}, "/items/0/expected"),
        ({"name": ""}, "/items/0/name"),
    ],
)
def test_a_test_that_is_not_understood_is_refused_with_its_place(
    circle: Circle, change: dict[str, Any], pointer: str
) -> None:
    policy = make(circle)

    with pytest.raises(Unprocessable) as refused:
        set_cases(circle.actor(0), CALL, policy.id, [CASE | change])

    assert refused.value.errors[0].pointer == pointer


def test_what_was_in_force_at_a_time_is_told_by_history(circle: Circle) -> None:
    policy, owner = make(circle), circle.actor(0)
    with tenant_scope(circle.tenant.id):
        made_at = Policy.objects.get(id=policy.id).created_at
    activate(owner, CALL, policy.id, version=1, level="soft")
    add_version(owner, CALL, policy.id, text=FORBID.replace("write", "purge"))
    activate(owner, CALL, policy.id, version=2)
    deactivate(owner, CALL, policy.id)

    with tenant_scope(circle.tenant.id):
        moments = [one.at for one in PolicyActivation.objects.order_by("id")]
        told = [in_force_at(owner, CALL, at) for at in (made_at, *moments)]

    found = [[(one.version.number, one.level) for one in each] for each in told]
    assert found == [[], [(1, "soft")], [(2, "hard")], []]


def test_over_rest_from_draft_to_override(circle: Circle, writer: Agent) -> None:
    owner, second = Api(circle.members[0]), Browser(circle.members[1])
    policy = owner("POST", "/policies", {"name": "no-writes", "text": FORBID}).json()
    path = f"/policies/{policy['id']}"
    circle.number("policy.activate", 1)
    said = {"version": 1, "level": "soft"}
    assert owner("PUT", f"{path}/activation", said).json()["code"] == "approval_needed"
    asked = owner("POST", f"{path}/activation/approval", {**said, "reason": "Ledger."}).json()
    vote = {"verdict": "approve", "sha256": asked["sha256"]}
    assert second("POST", f"/approvals/{asked['id']}/votes", vote).status_code == 201
    activated = owner("PUT", f"{path}/activation", said)
    assert (activated.status_code, activated.json()["level"]) == (200, "soft")

    over = owner(
        "POST", f"{path}/overrides",
        {"principal": {"type": "agent", "id": str(writer.id)}, "action": "state.write",
         "resource": {"type": "namespace", "id": "desk"}, "hours": 1, "reason": "Month's end."},
    )  # fmt: skip
    assert over.status_code == 201, over.content
    vote = {"verdict": "approve", "sha256": over.json()["sha256"]}
    assert second("POST", f"/approvals/{over.json()['id']}/votes", vote).status_code == 201
    [given] = owner("GET", f"{path}/overrides").json()["items"]
    assert given["principal"]["id"] == str(writer.id)

    assert owner("PUT", f"{path}/tests", {"items": [CASE]}).status_code == 200
    assert owner("GET", f"{path}/tests").json()["items"][0]["name"] == CASE["name"]
    assert owner("POST", f"{path}/tests/runs", {"version": 1}).json()["passed"] is True
    tried = owner("POST", f"{path}/tests/runs", {"text": FORBID.replace("write", "purge")})
    assert tried.json()["passed"] is False
    [now] = owner("GET", "/policies/in-force").json()["items"]
    assert (now["name"], now["level"]) == ("no-writes", "soft")
    before = owner("GET", "/policies/in-force?at=2020-01-01T00:00:00Z").json()
    assert before["items"] == []
    assert owner("PUT", "/policies/settings", {"dry_run_hours": 24}).status_code == 200
    assert owner("GET", "/policies/settings").json() == {"dry_run_hours": 24}
    stranger = Api(make_circle(1).members[0])
    for rest in ("/overrides", "/tests"):
        assert stranger("GET", path + rest).status_code == 404
    assert stranger("GET", "/policies/in-force").json()["items"] == []


def test_over_rest_findings_and_differences_are_told(circle: Circle) -> None:
    owner = Api(circle.members[0])
    policy = owner("POST", "/policies", {"name": "no-writes", "text": FORBID}).json()
    path = f"/policies/{policy['id']}"
    owner("PUT", f"{path}/activation", {"version": 1})
    narrower = FORBID.replace("resource)", 'resource in Namespace::"nowhere")')
    owner("POST", f"{path}/versions", {"text": narrower})

    told = owner("POST", "/policies/validation", {"text": narrower}).json()
    changes = owner("GET", f"{path}/difference").json()["changes"]

    assert {one["code"] for one in told["findings"]} == {"unknown_name", "adds_nothing"}
    assert [one["other"] for one in told["findings"] if one["other"]] == ["policy:no-writes@1"]
    assert [(one["kind"], one["reach"]) for one in changes] == [("changed", "narrower")]
    assert owner("GET", f"{path}/difference?from=2&to=2").json()["changes"] == []
    assert owner("GET", f"{path}/difference?from=x").status_code == 400
    assert owner("GET", f"{path}/difference?to=9").status_code == 422

"""Policies, explanations and AuthZEN over HTTP."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client

from stateward.gate.keys.services import ensure_tenant_keys
from stateward.kernel.ids import uuid7
from stateward.state.services.namespaces import create_namespace
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.models import Agent, Member, Tenant
from stateward.tenancy.scope import run_flow, tenant_scope
from tests.factories.tenants import make_agent, make_key, make_member, make_tenant

pytestmark = pytest.mark.usefixtures("database")

POLICIES = "/api/v1/policies"
FORBID = """// Customer data stays with the desk.
forbid (principal is Agent, action in Action::"state.*", resource)
when { resource.classification == "restricted" && principal.team != "desk" };
"""
PERMIT = """permit (principal is Agent, action == Action::"state.write", resource is Namespace)
when { principal.team == "desk" && resource.hasTag("region") && resource.getTag("region") == "eu" }
unless { context has purpose && context.purpose == "training" };
"""


class Caller:
    """Somebody with a key."""

    def __init__(self, holder: Agent | Member, **fields: Any) -> None:
        self.holder = holder
        self.headers = {"Authorization": f"Bearer {make_key(holder, **fields).text}"}

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        headers = {**self.headers, **headers}
        kind = headers.pop("content_type", "application/json")
        data = (
            b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        )
        return Client().generic(method, path, data, content_type=kind, headers=headers)

    @property
    def id(self) -> str:
        return str(self.holder.id)


@pytest.fixture
def tenant(database: None) -> Tenant:
    tenant = make_tenant()
    with tenant_scope(tenant.id):
        run_flow(ensure_tenant_keys(tenant.id))
    return tenant


@pytest.fixture
def owner(tenant: Tenant) -> Caller:
    return Caller(make_member(tenant, "owner"))


@pytest.fixture
def builder(tenant: Tenant) -> Caller:
    return Caller(make_agent(tenant, "builder", team="ops"))


def namespace(owner: Caller, name: str, **fields: Any) -> None:
    member = owner.holder
    with tenant_scope(member.tenant_id):
        actor = Actor("member", member.id, "Ann", member.tenant_id, member.tenant.slug, ("owner",))
        create_namespace(actor, Call(request_id="r"), name, fields)


def make(owner: Caller, text: str = FORBID, name: str = "customers") -> dict[str, Any]:
    answer = owner("POST", POLICIES, {"name": name, "text": text, "description": "why"})
    assert answer.status_code == 201, answer.json()
    return answer.json()


def activate(owner: Caller, policy: dict[str, Any], version: int = 1) -> None:
    path = f"{POLICIES}/{policy['id']}/activation"
    assert owner("PUT", path, {"version": version}).status_code == 200


def test_a_policy_is_made_read_and_listed(owner: Caller) -> None:
    policy = make(owner)
    path = f"{POLICIES}/{policy['id']}"

    assert (policy["name"], policy["description"]) == ("customers", "why")
    assert (policy["active_version"], policy["latest_version"]) == (None, 1)
    assert owner("GET", path).json() == policy
    assert policy["text"] == FORBID
    [listed] = owner("GET", POLICIES).json()["items"]
    assert listed == {name: value for name, value in policy.items() if name != "text"}


def test_versions_and_activations_are_listed_newest_first(owner: Caller) -> None:
    policy = make(owner)
    path = f"{POLICIES}/{policy['id']}"
    added = owner("POST", f"{path}/versions", {"text": PERMIT, "note": "other way round"})
    activate(owner, policy, 2)
    activate(owner, policy, 1)

    assert added.status_code == 201
    assert (added.json()["version"], added.json()["note"]) == (2, "other way round")
    versions = owner("GET", f"{path}/versions").json()["items"]
    assert [version["version"] for version in versions] == [2, 1]
    assert versions[0]["created_by"]["id"] == owner.id
    steps = owner("GET", f"{path}/activations").json()["items"]
    assert [(s["from_version"], s["to_version"]) for s in steps] == [(2, 1), (None, 2)]


def test_an_activation_is_put_deleted_and_rolled_back(owner: Caller) -> None:
    policy = make(owner)
    path = f"{POLICIES}/{policy['id']}"

    assert owner("POST", f"{path}/rollback").json()["code"] == "nothing_to_roll_back_to"
    activate(owner, policy)
    assert owner("GET", path).json()["active_version"] == 1
    assert owner("DELETE", f"{path}/activation").status_code == 204
    assert owner("GET", path).json()["active_version"] is None
    assert owner("POST", f"{path}/rollback").json()["active_version"] == 1


def test_lists_go_on_where_the_cursor_points(owner: Caller) -> None:
    for number in range(3):
        make(owner, name=f"p{number}")

    first = owner("GET", f"{POLICIES}?limit=2").json()
    second = owner("GET", f"{POLICIES}?limit=2&cursor={first['next_cursor']}").json()

    assert [p["name"] for p in first["items"] + second["items"]] == ["p0", "p1", "p2"]
    assert second["next_cursor"] is None
    for bad in ("x", "WzFd", "WyJ4Il0"):
        assert owner("GET", f"{POLICIES}?cursor={bad}").status_code == 400


def test_validation_names_line_and_column(owner: Caller) -> None:
    text = "permit (principal, action, resource)\nwhen { resource.colour == 1 };"
    answer = owner("POST", f"{POLICIES}/validation", {"text": text})

    [fault] = answer.json()["errors"]
    assert answer.json()["valid"] is False
    assert (fault["pointer"], fault["line"], fault["column"]) == ("/text", 2, 17)
    assert "'colour'" in fault["message"]
    valid = owner("POST", f"{POLICIES}/validation", {"text": FORBID})
    assert valid.json() == {"valid": True, "errors": [], "findings": []}


@pytest.mark.parametrize(
    "text", ["(" * 800 + ")" * 800, "permit (principal, action, resource) when {" + "!" * 800]
)
def test_a_text_that_would_end_the_parser_is_422(owner: Caller, text: str) -> None:
    """F85: over REST, and the process lives."""
    answer = owner("POST", POLICIES, {"name": "deep", "text": text})

    assert answer.status_code == 422
    assert answer.json()["code"] == "invalid_policy"
    assert answer.json()["errors"][0].keys() == {"pointer", "message", "line", "column"}
    assert owner("GET", POLICIES).status_code == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"name": "x"}, 422),
        ({"name": "x", "text": FORBID, "active_version": 1}, 400),
        ({"name": "x", "text": FORBID, "tenant": str(uuid4())}, 400),
        ({"name": "x", "text": 7}, 422),
        ({"name": "", "text": FORBID}, 422),
        ([], 422),
        (b"{", 400),
    ],
)
def test_bad_bodies_are_refused(owner: Caller, body: Any, status: int) -> None:
    assert owner("POST", POLICIES, body).status_code == status


def test_another_tenants_policies_are_not_there(owner: Caller) -> None:
    policy = make(owner)
    stranger = Caller(make_member(make_tenant(), "owner"))
    path = f"{POLICIES}/{policy['id']}"
    random = stranger("GET", f"{POLICIES}/{uuid4()}").json()

    for method, place, body in (
        ("GET", path, None),
        ("GET", f"{path}/versions", None),
        ("GET", f"{path}/activations", None),
        ("POST", f"{path}/versions", {"text": PERMIT}),
        ("PUT", f"{path}/activation", {"version": 1}),
        ("DELETE", f"{path}/activation", None),
        ("POST", f"{path}/rollback", None),
    ):
        answer = stranger(method, place, body)
        assert answer.status_code == 404
        assert answer.json() | {"instance": ""} == random | {"instance": ""}
    assert stranger("GET", POLICIES).json()["items"] == []


def test_a_key_that_is_capped_to_reading_writes_nothing(tenant: Tenant, owner: Caller) -> None:
    """F65: a scope takes away, whoever holds the key."""
    policy = make(owner)
    capped = Caller(make_member(tenant, "owner"), scopes=["policy.read"])

    assert capped("GET", POLICIES).status_code == 200
    refused = capped("PUT", f"{POLICIES}/{policy['id']}/activation", {"version": 1})
    assert refused.status_code == 403
    assert refused.json()["reason"] == "credential_scope"
    assert capped("POST", POLICIES, {"name": "x", "text": FORBID}).status_code == 403


def test_a_denial_names_its_decision_and_is_recorded(tenant: Tenant, builder: Caller) -> None:
    answer = builder("POST", POLICIES, {"name": "x", "text": FORBID})

    assert answer.status_code == 403
    assert answer.json()["detail"] == "No role, grant or policy allows policy.draft here."
    with tenant_scope(tenant.id), connection.cursor() as cursor:
        cursor.execute("SELECT action, decision_id::text FROM stateward_audit_record")
        assert cursor.fetchall() == [("policy.draft", answer.json()["decision_id"])]


# Explanations


def ask(caller: Caller, principal: Caller, action: str, resource: tuple[str, str], **context: Any):  # type: ignore[no-untyped-def]
    kind = "agent" if isinstance(principal.holder, Agent) else "member"
    body = {
        "principal": {"type": kind, "id": principal.id},
        "action": action,
        "resource": {"type": resource[0], "id": resource[1]},
        "context": context,
    }
    return caller("POST", "/api/v1/decisions/explanation", body)


def test_an_explanation_names_the_policy_that_forbids(owner: Caller, builder: Caller) -> None:
    namespace(owner, "airline.customers", classification="restricted")
    policy = make(owner)
    activate(owner, policy)

    told = ask(owner, builder, "state.read_value", ("entry", "airline.customers/c1")).json()

    assert (told["outcome"], told["allowed"]) == ("deny_forbid", False)
    assert told["reason"] == "Forbidden by the policy 'customers' (version 1)."
    [rule] = told["determining"]
    assert (rule["policy_id"], rule["version"], rule["line"]) == (policy["id"], 1, 2)
    assert rule["label"] == "policy:customers@1"
    assert len(told["policy_set"]) == 64
    assert told["microseconds"] > 0


def test_an_explanation_names_the_clause_that_failed(owner: Caller, tenant: Tenant) -> None:
    namespace(owner, "airline", labels={"region": "us"})
    activate(owner, make(owner, PERMIT, "desk-writes"))
    desk = Caller(make_agent(tenant, "reader", team="desk"))

    told = ask(owner, desk, "state.write", ("namespace", "airline")).json()

    assert told["outcome"] == "deny_no_match"
    [miss] = told["near_misses"]
    assert miss["rule"]["label"] == "policy:desk-writes@1"
    assert miss["clause"] == 'resource.getTag("region") == "eu"'
    assert (miss["line"], miss["column"], miss["held_before"]) == (2, 65, 2)
    assert miss["values"] == {"resource label region": "us"}


def test_an_explanation_tells_what_an_unless_held_against(owner: Caller, tenant: Tenant) -> None:
    namespace(owner, "airline", labels={"region": "eu"})
    activate(owner, make(owner, PERMIT, "desk-writes"))
    desk = Caller(make_agent(tenant, "reader", team="desk"))
    asked = (owner, desk, "state.write", ("namespace", "airline"))

    assert ask(*asked, purpose="support").json()["allowed"]
    [miss] = ask(*asked, purpose="training").json()["near_misses"]
    assert miss["negated"] is True
    assert miss["values"] == {"context.purpose": "training"}


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"action": "state.fly"}, "/action"),
        ({"principal": {"type": "role", "id": "x"}}, "/principal/type"),
        ({"resource": {"type": "system", "id": "x"}}, "/resource/type"),
        ({"context": {"purpose": 1}}, "/context/purpose"),
        ({"context": {"time": 1}}, "/context/time"),
        ({"context": {"source_address": "here"}}, "/context/source_address"),
        ({"context": {"source_address": 1}}, "/context/source_address"),
    ],
)
def test_a_question_in_unknown_words_is_422(
    owner: Caller, change: dict[str, Any], pointer: str
) -> None:
    question = {
        "principal": {"type": "member", "id": owner.id},
        "action": "tenant.read",
        "resource": {"type": "tenant", "id": owner.holder.tenant.slug},
    }
    answer = owner("POST", "/api/v1/decisions/explanation", question | change)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer


def test_time_and_address_are_taken(owner: Caller) -> None:
    asked = ask(
        owner, owner, "tenant.read", ("tenant", str(owner.holder.tenant_id)),
        time="2026-11-21T09:00:00Z", source_address="2001:db8::1", other="ignored",
    )  # fmt: skip

    assert asked.json()["allowed"]
    assert ask(owner, owner, "job.read", ("job", "x"), time="noon").status_code == 400


def test_what_is_not_there_cannot_be_asked_about(owner: Caller, builder: Caller) -> None:
    """And what the asker may not know of is not there."""
    namespace(owner, "airline")

    for resource in (
        ("namespace", "nothing"), ("entry", "airline"), ("entry", "nothing/x"), ("tenant", "t"),
        ("policy", str(uuid7())), ("policy", "x"), ("agent", "x"), ("member", str(uuid7())),
        ("credential", str(uuid7())),
    ):  # fmt: skip
        assert ask(owner, builder, "job.read", resource).status_code == 404, resource
    assert ask(owner, builder, "namespace.read", ("namespace", "airline")).status_code == 200
    assert ask(builder, builder, "namespace.read", ("namespace", "airline")).status_code == 404
    stranger = Caller(make_agent(make_tenant()))
    assert ask(owner, stranger, "state.write", ("namespace", "airline")).status_code == 404


def test_every_kind_of_resource_can_be_asked_about(owner: Caller, builder: Caller) -> None:
    policy = make(owner)
    key = make_key(builder.holder)

    for action, resource in (
        ("policy.read", ("policy", policy["id"])),
        ("agent.read", ("agent", builder.id)),
        ("member.read", ("member", owner.id)),
        ("credential.manage", ("credential", str(key.id))),
        ("audit.read", ("audit_log", "tenant")),
        ("job.read", ("job", "seal")),
    ):
        assert ask(owner, owner, action, resource).json()["allowed"], resource


def test_asking_takes_the_right_to(owner: Caller, tenant: Tenant) -> None:
    viewer = Caller(make_member(tenant, "viewer"))

    assert ask(viewer, viewer, "tenant.read", ("tenant", tenant.slug)).status_code == 403


# AuthZEN

ONE, MANY = "/access/v1/evaluation", "/access/v1/evaluations"


def evaluation(caller: Caller, resource: str, action: str = "state.write") -> dict[str, Any]:
    return {
        "subject": {"type": "agent", "id": caller.id},
        "action": {"name": action},
        "resource": {"type": "namespace", "id": resource},
    }


@pytest.fixture
def mine(builder: Caller) -> str:
    agent = builder.holder
    with tenant_scope(agent.tenant_id):
        actor = Actor(
            "agent", agent.id, agent.name, agent.tenant_id, agent.tenant.slug, ("builder",)
        )
        create_namespace(actor, Call(request_id="r"), "mine", {})
    return "mine"


def test_an_evaluation_is_answered(builder: Caller, mine: str) -> None:
    allowed = builder("POST", ONE, evaluation(builder, mine))
    denied = builder("POST", ONE, evaluation(builder, mine, "state.purge"))

    assert allowed.json()["decision"] is True
    assert denied.json()["decision"] is False
    assert denied.json()["context"]["outcome"] == "deny_no_match"


def test_unknown_members_are_ignored_and_the_request_id_comes_back(
    builder: Caller, mine: str
) -> None:
    body = evaluation(builder, mine) | {"more": 1, "context": {"other": True}}
    body["subject"]["properties"] = {"department": "sales"}
    answer = builder("POST", ONE, body, **{"X-Request-ID": "pep-17"})

    assert answer.json()["decision"] is True
    assert answer.headers["X-Request-ID"] == "pep-17"


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "text/json"])
def test_another_content_type_is_400(builder: Caller, mine: str, kind: str) -> None:
    for path in (ONE, MANY):
        answer = builder("POST", path, evaluation(builder, mine), content_type=kind)
        assert answer.status_code == 400


@pytest.mark.parametrize(
    "change",
    [
        {"subject": None},
        {"subject": {"type": "agent"}},
        {"subject": {"type": "agent", "id": ""}},
        {"action": "state.write"},
        {"action": {"name": 4}},
        {"resource": {"id": "mine"}},
        {"context": []},
    ],
)
def test_a_malformed_question_is_400(builder: Caller, mine: str, change: dict[str, Any]) -> None:
    body = evaluation(builder, mine) | change

    assert builder("POST", ONE, body).status_code == 400
    assert builder("POST", ONE, b"[]").status_code == 400
    assert builder("POST", ONE, b"").status_code == 400


@pytest.mark.parametrize(
    "change",
    [
        {"action": {"name": "can_fly"}},
        {"subject": {"type": "user", "id": "alice"}},
        {"subject": {"type": "agent", "id": "alice"}},
        {"resource": {"type": "record", "id": "1"}},
        {"resource": {"type": "namespace", "id": "NOT A NAME"}},
        {"resource": {"type": "entry", "id": "mine"}},
    ],
)
def test_what_we_do_not_know_is_denied(builder: Caller, mine: str, change: dict[str, Any]) -> None:
    answer = builder("POST", ONE, evaluation(builder, mine) | change)

    assert (answer.status_code, answer.json()["decision"]) == (200, False)


def test_a_batch_takes_defaults_and_a_bad_item_is_false_in_its_place(
    builder: Caller, mine: str
) -> None:
    body = evaluation(builder, mine) | {
        "evaluations": [
            {},
            {"action": {"name": "state.purge"}},
            {"resource": None},
            "nonsense",
            {"resource": {"type": "entry", "id": "mine/k"}},
        ]
    }
    answers = builder("POST", MANY, body).json()["evaluations"]

    assert [answer["decision"] for answer in answers] == [True, False, False, False, True]
    assert answers[2]["context"]["error"]["status"] == 400


@pytest.mark.parametrize(
    ("semantic", "decisions"),
    [
        ("execute_all", [True, False, True]),
        ("deny_on_first_deny", [True, False]),
        ("permit_on_first_permit", [True]),
    ],
)
def test_a_batch_may_stop_early(
    builder: Caller, mine: str, semantic: str, decisions: list[bool]
) -> None:
    body = evaluation(builder, mine) | {
        "evaluations": [{}, {"action": {"name": "state.purge"}}, {}],
        "options": {"evaluations_semantic": semantic},
    }

    answers = builder("POST", MANY, body).json()["evaluations"]
    assert [answer["decision"] for answer in answers] == decisions


def test_a_batch_without_items_is_one_question(builder: Caller, mine: str) -> None:
    assert builder("POST", MANY, evaluation(builder, mine)).json()["decision"] is True
    assert builder("POST", MANY, evaluation(builder, mine) | {"evaluations": []}).json()["decision"]


@pytest.mark.parametrize(
    "change",
    [
        {"evaluations": "x"},
        {"evaluations": [{}] * 1001},
        {"evaluations": [{}], "options": {"evaluations_semantic": "guess"}},
    ],
)
def test_a_malformed_batch_is_400(builder: Caller, mine: str, change: dict[str, Any]) -> None:
    assert builder("POST", MANY, evaluation(builder, mine) | change).status_code == 400


def test_evaluating_takes_the_right_to_ask(tenant: Tenant, mine: str) -> None:
    reader = Caller(make_agent(tenant, "reader"))

    assert reader("POST", ONE, evaluation(reader, mine)).status_code == 403
    assert Client().post(ONE, b"{}", content_type="application/json").status_code == 401


def test_the_metadata_document_needs_no_credential() -> None:
    answer = Client().get("/.well-known/authzen-configuration")

    assert answer.status_code == 200
    assert answer.json()["access_evaluation_endpoint"].endswith(ONE)
    assert answer.json()["access_evaluations_endpoint"].endswith(MANY)

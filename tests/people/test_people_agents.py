"""Agents and their keys over REST."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from stateward.kernel.clock import now, rfc3339
from stateward.tenancy.authenticate import authenticate
from stateward.tenancy.models import Tenant
from stateward.tenancy.scope import run_flow, tenant_scope
from tests.factories.api import Api, audit_events, new_tenant
from tests.factories.tenants import epoch_of, make_agent, make_member

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def tenant() -> Tenant:
    return new_tenant()


@pytest.fixture
def admin(tenant: Tenant) -> Api:
    return Api(make_member(tenant, "admin"))


def test_an_agent_is_registered_described_and_listed(admin: Api, tenant: Tenant) -> None:
    answer = admin("POST", "/agents", {"name": "booker", "roles": ["writer"], "team": "ops"})

    assert answer.status_code == 201, answer.content
    agent = answer.json()
    assert answer["Location"] == f"/api/v1/agents/{agent['id']}"
    assert (agent["status"], agent["team"], agent["risk_class"]) == ("active", "ops", "limited")
    changed = admin("PATCH", f"/agents/{agent['id']}", {"purpose": "books flights"})
    assert changed.json() == agent | {"purpose": "books flights"}
    assert admin("GET", f"/agents/{agent['id']}").json() == changed.json()
    assert [one["name"] for one in admin("GET", "/agents").json()["items"]] == ["booker"]
    events = [event for _, event, _ in audit_events(tenant.id)]
    assert events[-2:] == ["agent.created", "agent.changed"]


def test_a_name_is_taken_once(admin: Api) -> None:
    body = {"name": "booker", "roles": ["reader"]}
    admin("POST", "/agents", body)

    again = admin("POST", "/agents", body)

    assert (again.status_code, again.json()["code"]) == (409, "name_taken")


def test_a_paused_agent_is_refused_from_its_next_call_on(admin: Api, tenant: Tenant) -> None:
    agent = Api(make_agent(tenant, "builder"))
    assert agent("GET", "/namespaces").status_code == 200

    paused = admin("PUT", f"/agents/{agent.holder.id}/pause", {"reason": "odd writes"})

    assert paused.json()["status"] == "paused"
    assert agent("GET", "/namespaces").status_code == 403
    assert admin("DELETE", f"/agents/{agent.holder.id}/pause").json()["status"] == "active"
    assert agent("GET", "/namespaces").status_code == 200


def test_a_retired_agent_does_not_come_back(admin: Api, tenant: Tenant) -> None:
    agent = Api(make_agent(tenant, "reader"))

    assert admin("DELETE", f"/agents/{agent.holder.id}").status_code == 204

    assert agent("GET", "/namespaces").status_code == 401
    again = admin("DELETE", f"/agents/{agent.holder.id}/pause")
    assert (again.status_code, again.json()["code"]) == (409, "agent_retired")


def test_a_key_is_shown_once_and_works(admin: Api, tenant: Tenant) -> None:
    agent = make_agent(tenant, "reader")
    path = f"/agents/{agent.id}/credentials"

    answer = admin("POST", path, {"label": "laptop", "scopes": ["state.read"]})

    assert answer.status_code == 201, answer.content
    issued = answer.json()
    assert issued["api_key"].startswith(f"sw_{issued['key_id']}_")
    assert issued["holder"] == {"type": "agent", "id": str(agent.id)}
    life = datetime.fromisoformat(issued["expires_at"]) - now()
    assert timedelta(days=89) < life <= timedelta(days=90)
    listed = admin("GET", path).json()["items"]
    assert "api_key" not in listed[0]
    assert listed[0]["id"] == issued["id"]
    caller = Api(agent)
    caller.headers = {"Authorization": f"Bearer {issued['api_key']}"}
    assert caller("GET", "/credentials").status_code == 200


def test_a_repeat_shows_no_key_again(admin: Api, tenant: Tenant) -> None:
    path = f"/agents/{make_agent(tenant, 'reader').id}/credentials"

    first = admin("POST", path, {}, Idempotency_Key="k")
    second = admin("POST", path, {}, Idempotency_Key="k")

    assert second.json() == first.json() | {"api_key": None}


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"scopes": ["state.fly"]}, "/scopes"),
        ({"expires_at": rfc3339(now() - timedelta(days=1))}, "/expires_at"),
        ({"expires_at": rfc3339(now() + timedelta(days=400))}, "/expires_at"),
        ({"expires_at": None}, "/expires_at"),
    ],
)
def test_a_credential_that_may_not_be_is_refused(
    body: dict[str, object], pointer: str, admin: Api, tenant: Tenant
) -> None:
    answer = admin("POST", f"/agents/{make_agent(tenant).id}/credentials", body)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer


def test_the_tenants_own_limit_counts(tenant: Tenant) -> None:
    owner = Api(make_member(tenant, "owner"))
    assert owner("PATCH", "/tenant", {"limits": {"most_credential_days": 7}}).status_code == 200
    path = f"/agents/{make_agent(tenant).id}/credentials"

    default = owner("POST", path, {}).json()
    late = owner("POST", path, {"expires_at": rfc3339(now() + timedelta(days=8))})

    assert datetime.fromisoformat(default["expires_at"]) < now() + timedelta(days=7, minutes=1)
    assert late.status_code == 422


def test_both_keys_work_while_one_replaces_the_other(admin: Api, tenant: Tenant) -> None:
    old = Api(make_agent(tenant, "reader"))
    path = f"/credentials/{old.key.id}/rotation"

    answer = admin("POST", path, {"overlap_seconds": 3600})

    assert answer.status_code == 201
    new = Api(old.holder)
    new.headers = {"Authorization": f"Bearer {answer.json()['api_key']}"}
    assert old("GET", "/namespaces").status_code == new("GET", "/namespaces").status_code == 200
    again = admin("POST", path)
    assert (again.status_code, again.json()["code"]) == (409, "credential_ended")


def test_without_overlap_the_old_key_ends_at_once(admin: Api, tenant: Tenant) -> None:
    old = Api(make_agent(tenant, "reader"))

    admin("POST", f"/credentials/{old.key.id}/rotation", {"overlap_seconds": 0})

    assert old("GET", "/namespaces").status_code == 401


def test_a_revoked_key_is_worth_nothing_at_once(admin: Api, tenant: Tenant) -> None:
    agent = Api(make_agent(tenant, "reader"))

    assert admin("DELETE", f"/credentials/{agent.key.id}").status_code == 204
    assert admin("DELETE", f"/credentials/{agent.key.id}").status_code == 204

    assert agent("GET", "/namespaces").status_code == 401
    assert admin("POST", f"/credentials/{agent.key.id}/rotation").status_code == 409


def test_a_holder_has_only_so_many_keys(
    admin: Api, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("governance.people.services.credentials.MAX_CREDENTIALS", 1)
    path = f"/agents/{make_agent(tenant).id}/credentials"

    assert admin("POST", path, {}).status_code == 201
    assert admin("POST", path, {}).json()["code"] == "too_many_credentials"


def test_a_member_makes_a_token_of_their_own_without_permission(tenant: Tenant) -> None:
    viewer = Api(make_member(tenant, "viewer"))

    answer = viewer("POST", "/credentials", {"label": "cli"})

    assert answer.status_code == 201
    assert len(viewer("GET", "/credentials").json()["items"]) == 2
    assert viewer("DELETE", f"/credentials/{answer.json()['id']}").status_code == 204


def test_a_program_has_no_personal_tokens(tenant: Tenant) -> None:
    agent = Api(make_agent(tenant, "builder"))

    assert agent("POST", "/credentials", {}).json()["code"] == "people_only"


# Abuse


def test_a_capped_credential_makes_no_less_capped_one(tenant: Tenant) -> None:
    capped = Api(make_member(tenant, "admin"), scopes=["credential.*", "agent.*"])
    path = f"/agents/{make_agent(tenant).id}/credentials"

    assert capped("POST", path, {}).json()["code"] == "above_own_rights"
    assert capped("POST", path, {"scopes": ["*"]}).status_code == 403
    assert capped("POST", path, {"scopes": ["agent.*"]}).status_code == 201


READ_ONLY = ["agent.read", "member.read", "tenant.read", "state.read", "namespace.read"]
WRITES = [
    ("POST", "/agents", {"name": "x", "roles": ["reader"]}),
    ("PATCH", "/agents/{agent}", {"team": "x"}),
    ("DELETE", "/agents/{agent}", None),
    ("PUT", "/agents/{agent}/pause", None),
    ("DELETE", "/agents/{agent}/pause", None),
    ("POST", "/agents/{agent}/credentials", {}),
    ("POST", "/credentials", {}),
    ("PATCH", "/members/{member}", {"roles": ["viewer"]}),
    ("DELETE", "/members/{member}", None),
    ("PUT", "/members/{member}/suspension", None),
    ("DELETE", "/members/{member}/suspension", None),
    ("POST", "/invitations", {"email": "x@example.org", "roles": ["viewer"]}),
    ("PATCH", "/tenant", {"name": "x"}),
    ("PUT", "/tenant/closure", None),
    ("POST", "/tenants", {"slug": "x"}),
]


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
def test_a_read_only_key_changes_nothing(
    method: str, path: str, body: object, tenant: Tenant
) -> None:
    owner = Api(make_member(tenant, "owner"), scopes=READ_ONLY)
    place = path.format(agent=make_agent(tenant).id, member=make_member(tenant).id)
    before = epoch_of(tenant)

    answer = owner(method, place, body)

    assert answer.status_code in {403, 404}, answer.content
    assert epoch_of(tenant) == before
    denied = [one for *_, one in audit_events(tenant.id) if one.startswith("deny")]
    assert len(denied) == 1


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
def test_members_that_a_write_does_not_name_are_refused(
    method: str, path: str, body: object, tenant: Tenant
) -> None:
    owner = Api(make_member(tenant, "owner"))
    place = path.format(agent=make_agent(tenant).id, member=make_member(tenant).id)
    extra = ["tenant", "tenant_id", "owner_id", "is_superuser", "is_operator", "groups", "status",
             "permissions", "role", "classification", "legal_hold", "version", "created_at", "id",
             "revoked_at", "key_id", "secret_hash", "member", "agent"]  # fmt: skip
    before = epoch_of(tenant)

    for name in extra:
        answer = owner(method, place, (body or {}) | {name: "x"})
        if method == "DELETE" or answer.status_code in {403, 404}:
            continue
        assert answer.status_code == 400, (name, answer.content)
        assert answer.json()["errors"] == [{"pointer": f"/{name}", "message": "unknown member"}]
        assert epoch_of(tenant) == before


@pytest.mark.parametrize("role", ["viewer", "editor", "auditor"])
def test_lesser_roles_manage_no_agents(role: str, tenant: Tenant) -> None:
    member = Api(make_member(tenant, role))
    agent = make_agent(tenant)

    assert member("POST", "/agents", {"name": "x", "roles": ["reader"]}).status_code == 403
    assert member("DELETE", f"/agents/{agent.id}").status_code == 403
    assert member("POST", f"/agents/{agent.id}/credentials", {}).status_code == 403


def test_an_agent_does_not_know_the_others(tenant: Tenant) -> None:
    reader = Api(make_agent(tenant, "reader"))
    other = make_agent(tenant)

    real = reader("GET", f"/agents/{other.id}")
    absent = reader("GET", f"/agents/{uuid4()}")

    assert real.status_code == absent.status_code == 404
    assert real.json() | {"instance": ""} == absent.json() | {"instance": ""}


def test_another_tenants_ids_are_as_unknown_as_any(admin: Api, tenant: Tenant) -> None:
    theirs = new_tenant()
    agent, member = make_agent(theirs), make_member(theirs)
    key = Api(agent).key
    before = epoch_of(theirs)

    for method, path, body in WRITES:
        if "{" not in path:
            continue
        foreign = admin(method, path.format(agent=agent.id, member=member.id), body)
        absent = admin(method, path.format(agent=uuid4(), member=uuid4()), body)
        assert foreign.status_code == absent.status_code == 404, (method, path, foreign.content)
        assert foreign.json() | {"instance": ""} == absent.json() | {"instance": ""}
    for method, path in (("DELETE", f"/credentials/{key.id}"), ("GET", f"/agents/{agent.id}")):
        assert admin(method, path).status_code == 404
    body = {"name": "a", "roles": ["reader"]}
    foreign = admin("POST", "/agents", body | {"owner": str(member.id)})
    absent = admin("POST", "/agents", body | {"owner": str(uuid4())})
    assert foreign.json() | {"instance": ""} == absent.json() | {"instance": ""}
    assert epoch_of(theirs) == before


def test_every_change_raises_the_epoch(admin: Api, tenant: Tenant) -> None:
    owner = Api(make_member(tenant, "owner"))
    agent, member = make_agent(tenant), make_member(tenant, "viewer")
    key = Api(agent).key
    changes = [
        ("POST", "/agents", {"name": "x", "roles": ["reader"]}),
        ("PATCH", f"/agents/{agent.id}", {"roles": ["writer"]}),
        ("PATCH", f"/agents/{agent.id}", {"team": "other"}),
        ("PUT", f"/agents/{agent.id}/pause", None),
        ("DELETE", f"/agents/{agent.id}/pause", None),
        ("POST", f"/agents/{agent.id}/credentials", {}),
        ("POST", f"/credentials/{key.id}/rotation", None),
        ("DELETE", f"/credentials/{key.id}", None),
        ("POST", "/credentials", {}),
        ("PATCH", f"/members/{member.id}", {"roles": ["editor"]}),
        ("PUT", f"/members/{member.id}/suspension", None),
        ("DELETE", f"/members/{member.id}/suspension", None),
        ("POST", "/invitations", {"email": "x@example.org", "roles": ["viewer"]}),
        ("DELETE", f"/members/{member.id}", None),
        ("DELETE", f"/agents/{agent.id}", None),
        ("PATCH", "/tenant", {"limits": {"invitation_days": 3}}),
        ("PUT", "/tenant/closure", None),
    ]
    for method, path, body in changes:
        before = epoch_of(tenant)

        answer = owner(method, path, body)

        assert answer.status_code < 300, (method, path, answer.content)
        assert epoch_of(tenant) == before + 1, (method, path)
    with tenant_scope(tenant.id):
        assert member.__class__.objects.filter(id=member.id).count() == 0


def test_a_viewer_does_not_know_the_keys_of_others(tenant: Tenant) -> None:
    viewer = Api(make_member(tenant, "viewer"))
    key = Api(make_agent(tenant)).key

    assert viewer("DELETE", f"/credentials/{key.id}").status_code == 404
    assert viewer("POST", f"/credentials/{key.id}/rotation").status_code == 404


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": "a", "roles": ["reader"], "risk_class": "odd"}, "/risk_class"),
        ({"name": "a\nb", "roles": ["reader"]}, "/name"),
        ({"name": "a", "roles": []}, "/roles"),
        ({"name": "a", "roles": ["owner"]}, "/roles/0"),
        ({"name": "a" * 101, "roles": ["reader"]}, "/name"),
    ],
)
def test_an_agent_that_may_not_be_is_refused(
    body: dict[str, object], pointer: str, admin: Api
) -> None:
    answer = admin("POST", "/agents", body)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer


def test_agents_are_listed_by_status(admin: Api, tenant: Tenant) -> None:
    paused = make_agent(tenant, status="paused")
    make_agent(tenant)

    listed = admin("GET", "/agents?status=paused").json()["items"]

    assert [one["id"] for one in listed] == [str(paused.id)]
    assert admin("GET", "/agents?state=paused").status_code == 400


def test_the_owner_of_an_agent_is_a_member_and_shows_in_its_attributes(
    admin: Api, tenant: Tenant
) -> None:
    agent = Api(make_agent(tenant))
    owner = str(admin.holder.id)

    changed = admin("PATCH", f"/agents/{agent.holder.id}", {"owner": owner})

    assert changed.json()["owner"] == owner
    assert run_flow(authenticate(agent.key.text)).attributes["owner"] == owner

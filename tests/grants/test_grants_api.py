"""Grants over REST: given, in force at once, listed, revoked."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from stateward.kernel.clock import now, rfc3339
from stateward.tenancy.scope import tenant_scope
from tests.factories.api import Api, audit_events, new_tenant
from tests.factories.tenants import epoch_of, make_agent, make_member
from tests.grants.conftest import House, make_house

VALUES = ("namespace.read", "state.read", "state.write")


def may(house: House, who: Any, action: str, kind: str, name: str) -> tuple[bool, str]:
    """What the explanation says of it: whether, and its code."""
    kinds = "agent" if who.__class__.__name__ == "Agent" else "member"
    answer = house.owner(
        "POST",
        "/decisions/explanation",
        {
            "principal": {"type": kinds, "id": str(who.id)},
            "action": action,
            "resource": {"type": kind, "id": name},
        },
    )
    assert answer.status_code == 200, answer.content
    return answer.json()["allowed"], answer.json()["code"]


def test_a_grant_is_in_force_at_once_and_gone_when_revoked(house: House) -> None:
    auditor = make_member(house.tenant, "auditor")
    before = epoch_of(house.tenant)

    given = house.grant(house.owner, auditor, "namespace:airline.bookings", *VALUES)

    assert given.status_code == 201, given.content
    body = given.json()
    assert given["Location"] == f"/api/v1/grants/{body['id']}"
    assert body["actions"] == sorted(VALUES)
    assert body["given_by"]["id"] == str(house.owner.holder.id)
    assert (body["reason"], body["ends_at"]) == ("On call this week", None)
    assert (body["restricted"], body["has_ended"]) == (False, False)
    assert epoch_of(house.tenant) == before + 1
    entry = ("state.write", "entry", "airline.bookings/k")
    assert may(house, auditor, *entry) == (True, "granted")

    assert house.owner("DELETE", f"/grants/{body['id']}").status_code == 204

    assert may(house, auditor, *entry) == (False, "no_match")
    assert house.owner("GET", f"/grants/{body['id']}").status_code == 404
    assert house.owner("DELETE", f"/grants/{body['id']}").status_code == 404
    events = [event for _, event, _ in audit_events(house.tenant.id) if event]
    assert [one for one in events if one.startswith("grant.")] == ["grant.given", "grant.revoked"]


def test_what_is_granted_can_be_done(house: House) -> None:
    """The agent's own call, not only what is said of it."""
    policy = 'permit (principal, action == Action::"policy.explain", resource);'
    made = house.owner("POST", "/policies", {"name": "p", "text": policy}).json()
    house.grant(house.owner, house.agent.holder, f"tenant:{house.tenant.slug}", "policy.read")

    answer = house.agent("GET", f"/policies/{made['id']}")

    assert answer.status_code == 200
    house.owner("DELETE", f"/grants/{house.owner('GET', '/grants').json()['items'][0]['id']}")
    assert house.agent("GET", f"/policies/{made['id']}").status_code == 404


def test_a_grant_on_a_prefix_covers_what_is_beneath(house: House) -> None:
    auditor = make_member(house.tenant, "auditor")

    given = house.grant(house.owner, auditor, "namespace:airline", *VALUES)

    assert given.status_code == 201, given.content
    assert given.json()["object"] == {"type": "namespace", "id": "airline", "name": "airline"}
    assert may(house, auditor, "state.write", "entry", "airline.bookings/k")[0]
    assert not may(house, auditor, "state.write", "entry", "desk/k")[0]
    house.owner("POST", "/namespaces", {"name": "airline.new.deep"})
    assert may(house, auditor, "state.write", "entry", "airline.new.deep/k")[0]
    assert house.grant(house.owner, auditor, "namespace:airl", *VALUES).status_code == 404


def test_restricted_is_reached_only_where_the_grant_says_so(house: House) -> None:
    one, other = (make_member(house.tenant, "auditor") for _ in range(2))

    house.grant(house.owner, one, "namespace:airline", "state.*")
    house.grant(house.owner, other, "namespace:airline", "state.*", restricted=True)

    entry = ("state.read_value", "entry", "airline.customers/k")
    assert not may(house, one, *entry)[0]
    assert may(house, other, *entry)[0]
    # What becomes restricted later is out of reach from then on.
    assert may(house, one, "state.read_value", "entry", "airline.bookings/k")[0]
    house.owner("PATCH", "/namespaces/airline.bookings", {"classification": "restricted"})
    assert not may(house, one, "state.read_value", "entry", "airline.bookings/k")[0]


def test_a_grant_goes_with_its_namespace_and_does_not_come_back(house: House) -> None:
    auditor = make_member(house.tenant, "auditor")
    given = house.grant(house.owner, auditor, "namespace:desk", *VALUES).json()

    house.owner("DELETE", "/namespaces/desk")
    house.owner("POST", "/namespaces", {"name": "desk"})

    assert not may(house, auditor, "state.write", "entry", "desk/k")[0]
    assert house.owner("GET", f"/grants/{given['id']}").status_code == 404


def test_a_group_holds_for_its_members_only_as_long_as_they_are_in(house: House) -> None:
    auditor = make_member(house.tenant, "auditor")
    group = house.group(auditor)
    entry = ("state.write", "entry", "desk/k")

    house.grant(house.owner, ("group", group), "namespace:desk", *VALUES)

    assert may(house, auditor, *entry)[0]
    path = f"/groups/{group}/members/{auditor.id}"
    assert house.owner("DELETE", path).status_code == 204
    assert not may(house, auditor, *entry)[0]
    assert house.owner("DELETE", path).status_code == 404
    assert house.owner("PUT", path).status_code == 200
    assert house.owner("PUT", path).status_code == 200
    assert may(house, auditor, *entry)[0]
    assert house.owner("DELETE", f"/groups/{group}").status_code == 204
    assert not may(house, auditor, *entry)[0]
    assert house.owner("GET", "/grants").json()["items"] == []


def test_grants_go_with_who_holds_them(house: House) -> None:
    auditor = make_member(house.tenant, "auditor")
    house.grant(house.owner, auditor, "namespace:desk", *VALUES)
    group = house.group(auditor)

    assert house.owner("DELETE", f"/members/{auditor.id}").status_code in {204, 403}
    with tenant_scope(house.tenant.id):
        auditor.delete()

    assert house.owner("GET", "/grants").json()["items"] == []
    assert house.owner("GET", f"/groups/{group}/members").json()["items"] == []


def test_an_agent_and_a_policy_take_grants(house: House) -> None:
    text = 'forbid (principal, action == Action::"state.purge", resource);'
    policy = house.owner("POST", "/policies", {"name": "p", "text": text}).json()["id"]
    agent = house.agent.holder

    assert house.grant(house.owner, house.viewer.holder, f"agent:{agent.id}", "agent.manage")
    given = house.grant(
        house.owner, house.viewer.holder, f"policy:{policy}", "policy.read", "policy.activate"
    )

    assert given.status_code == 201, given.content
    assert house.viewer("PUT", f"/agents/{agent.id}/pause", {}).status_code == 200
    assert house.viewer("PUT", f"/policies/{policy}/activation", {"version": 1}).status_code == 200
    other = make_agent(house.tenant, "reader")
    assert house.viewer("PUT", f"/agents/{other.id}/pause", {}).status_code == 403


def test_an_end_is_kept_and_past_ones_are_refused(house: House) -> None:
    soon = now() + timedelta(hours=1)

    given = house.grant(
        house.owner, house.viewer.holder, "namespace:desk", *VALUES, ends_at=rfc3339(soon)
    )
    past = house.grant(
        house.owner, house.viewer.holder, "namespace:desk", *VALUES, ends_at="2020-01-01T00:00:00Z"
    )

    assert given.json()["ends_at"].startswith(f"{soon:%Y-%m-%dT%H:%M:%S}")
    assert (past.status_code, past.json()["errors"][0]["pointer"]) == (422, "/ends_at")


@pytest.mark.parametrize(
    ("change", "status", "pointer"),
    [
        pytest.param({"actions": ["agent.manage"]}, 422, "/actions", id="another kind's action"),
        pytest.param({"actions": ["nothing"]}, 422, "/actions", id="no action"),
        pytest.param({"actions": []}, 422, "/actions", id="no actions"),
        pytest.param({"reason": ""}, 422, "/reason", id="no reason"),
        pytest.param({"reason": "a\nb"}, 422, "/reason", id="two lines"),
        pytest.param({"restricted": "maybe"}, 422, "/restricted", id="no boolean"),
        pytest.param({"object": {"type": "entry", "id": "a/b"}}, 422, "/object/type", id="entry"),
        pytest.param({"tenant": "x"}, 400, "/tenant", id="another tenant"),
        pytest.param({"given_by": "x"}, 400, "/given_by", id="another giver"),
        pytest.param(
            {"principal": {"type": "member", "id": "x", "roles": ["owner"]}}, 400, "/roles",
            id="smuggled roles",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_granted_is_said_where(
    shared: House, change: dict[str, Any], status: int, pointer: str
) -> None:
    before = epoch_of(shared.tenant)

    answer = shared.grant(shared.owner, shared.viewer.holder, "namespace:desk", *VALUES, **change)

    assert answer.status_code == status, answer.content
    assert pointer in {fault["pointer"] for fault in answer.json()["errors"]}
    assert epoch_of(shared.tenant) == before


def test_the_same_again_is_a_conflict_that_names_the_first(house: House) -> None:
    first = house.grant(house.owner, house.viewer.holder, "namespace:desk", "state.*").json()

    narrower = house.grant(house.owner, house.viewer.holder, "namespace:desk", "state.write")
    wider = house.grant(
        house.owner, house.viewer.holder, "namespace:desk", "state.write", restricted=True
    )

    assert (narrower.status_code, narrower.json()["code"]) == (409, "already_granted")
    assert narrower.json()["grant"] == first["id"]
    assert wider.status_code == 201


def test_an_agent_is_given_nothing_on_agents_or_when_retired(house: House) -> None:
    other = make_agent(house.tenant, "reader")
    on_agent = house.grant(house.owner, house.agent.holder, f"agent:{other.id}", "agent.read")
    house.owner("DELETE", f"/agents/{other.id}")
    retired = house.grant(house.owner, other, "namespace:desk", "state.read")

    assert (on_agent.status_code, on_agent.json()["errors"][0]["pointer"]) == (422, "/principal")
    assert (retired.status_code, retired.json()["code"]) == (409, "agent_retired")


def test_lists_are_paged_and_filtered(house: House) -> None:
    people = [make_member(house.tenant, "auditor") for _ in range(3)]
    for one in people:
        house.grant(house.owner, one, "namespace:desk", "state.read")
    house.grant(house.owner, people[0], "namespace:airline", "state.read")

    first = house.owner("GET", "/grants?limit=3").json()
    second = house.owner("GET", f"/grants?limit=3&cursor={first['next_cursor']}").json()
    about = house.owner("GET", "/grants?object=namespace:airline").json()
    to = house.owner("GET", f"/grants?principal=member:{people[0].id}").json()

    assert [len(first["items"]), len(second["items"])] == [3, 1]
    assert second["next_cursor"] is None
    ids = [one["id"] for one in first["items"] + second["items"]]
    assert ids == sorted(ids, reverse=True)
    assert [one["object"]["id"] for one in about["items"]] == ["airline"]
    assert len(to["items"]) == 2
    assert house.owner("GET", "/grants?object=x").status_code == 400
    assert house.owner("GET", f"/grants?principal=group:{uuid4()}").status_code == 404


def test_a_list_of_grants_asks_the_database_few_questions(house: House) -> None:
    people = [make_member(house.tenant, "auditor") for _ in range(4)]
    house.grant(house.owner, people[0], "namespace:desk", "state.read")
    house.owner("GET", "/grants")

    def count() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert house.owner("GET", "/grants").status_code == 200
        return len(asked)

    few = count()
    for one in people[1:]:
        house.grant(house.owner, one, "namespace:airline", "state.read")
        house.grant(house.owner, one, f"agent:{house.agent.holder.id}", "agent.read")
    house.owner("GET", "/grants")  # the rules changed: this loads them again

    assert count() <= few + 1  # one query a kind of object


def test_groups_are_managed(house: House) -> None:
    made = house.owner("POST", "/groups", {"name": "desk", "description": "EU"})
    taken = house.owner("POST", "/groups", {"name": "desk"})
    group = made.json()["id"]
    changed = house.owner("PATCH", f"/groups/{group}", {"name": "desk EU"})

    assert made["Location"] == f"/api/v1/groups/{group}"
    assert (taken.status_code, taken.json()["code"]) == (409, "group_name_taken")
    assert changed.json()["name"] == "desk EU"
    assert house.owner("GET", f"/groups/{group}").json()["description"] == "EU"
    assert [one["id"] for one in house.owner("GET", "/groups").json()["items"]] == [group]
    assert house.owner("PUT", f"/groups/{group}/members/{uuid4()}").status_code == 404
    assert house.viewer("GET", "/groups").status_code == 403
    assert house.viewer("GET", f"/groups/{group}").status_code == 404
    events = [event for _, event, _ in audit_events(house.tenant.id) if event]
    assert [one for one in events if one.startswith("group.")] == ["group.created", "group.changed"]


def test_a_preview_says_what_changes_and_gives_nothing(house: House) -> None:
    before = epoch_of(house.tenant)
    body = {
        "principal": {"type": "member", "id": str(house.viewer.holder.id)},
        "object": {"type": "namespace", "id": "airline"},
        "actions": ["namespace.read", "state.write"],
        "reason": "On call",
    }

    answer = house.owner("POST", "/grants/preview", body)

    assert answer.status_code == 200, answer.content
    changes = {one["action"]: one for one in answer.json()["changes"]}
    assert (changes["state.write"]["changed"], changes["namespace.read"]["changed"]) == (1, 0)
    assert changes["namespace.read"]["same"] == 1  # a viewer sees namespaces already
    assert epoch_of(house.tenant) == before
    assert house.owner("GET", "/grants").json()["items"] == []
    forbid = 'forbid (principal in Role::"viewer", action == Action::"state.write", resource);'
    policy = house.owner("POST", "/policies", {"name": "no", "text": forbid}).json()["id"]
    house.owner("PUT", f"/policies/{policy}/activation", {"version": 1})
    under_it = house.owner("POST", "/grants/preview", body).json()
    changes = {one["action"]: one for one in under_it["changes"]}
    assert (changes["state.write"]["changed"], changes["state.write"]["refused"]) == (0, 1)
    assert "Forbidden by" in changes["state.write"]["reason"]


def test_another_tenants_ids_answer_as_ids_nobody_has(house: House) -> None:
    """F58, in bodies, addresses and filters alike."""
    ours, theirs = house, make_house()
    group = theirs.group(theirs.viewer.holder)
    grant = theirs.grant(theirs.owner, ("group", group), "namespace:desk", "state.read").json()
    text = 'forbid (principal, action == Action::"state.purge", resource);'
    policy = theirs.owner("POST", "/policies", {"name": "p", "text": text}).json()["id"]
    member, agent = str(theirs.viewer.holder.id), str(theirs.agent.holder.id)
    mine = ours.group()
    before = epoch_of(theirs.tenant)

    def ask(one: str, of: str) -> list[Any]:
        """Everything in which an id of that kind can be named."""
        to = {"member": ours.viewer.holder}
        calls = [
            ours.grant(ours.owner, (of, one), "namespace:desk", "state.read"),
            ours.grant(ours.owner, to["member"], f"{of}:{one}", "grant.read"),
            ours.owner("GET", f"/grants?principal={of}:{one}"),
            ours.owner("GET", f"/grants?object={of}:{one}"),
            ours.owner("GET", f"/grants/{one}"),
            ours.owner("DELETE", f"/grants/{one}"),
            *(ours.owner(method, f"/groups/{one}") for method in ("GET", "PATCH", "DELETE")),
            ours.owner("GET", f"/groups/{one}/members"),
            *(ours.owner(method, f"/groups/{mine}/members/{one}") for method in ("PUT", "DELETE")),
            *(ours.owner(method, f"/groups/{one}/members/{one}") for method in ("PUT", "DELETE")),
            ours.owner("GET", f"/access/objects/{of}/{one}"),
            ours.owner("GET", f"/access/principals/{of}/{one}"),
        ]
        return [(one.status_code, one.json() | {"instance": ""}) for one in calls]

    foreign = {"group": group, "member": member, "agent": agent, "policy": policy}
    for of, one in (foreign | {"grant": grant["id"]}).items():
        assert ask(one, of) == ask(str(uuid4()), of), of
    slug = f"tenant:{theirs.tenant.slug}"
    assert ours.grant(ours.owner, ours.viewer.holder, slug, "tenant.read").status_code == 404
    assert epoch_of(theirs.tenant) == before
    assert theirs.owner("GET", f"/grants/{grant['id']}").status_code == 200


def test_a_second_tenant_sees_none_of_it(house: House) -> None:
    house.grant(house.owner, house.viewer.holder, "namespace:desk", "state.read")
    house.group()
    other = Api(make_member(new_tenant(), "owner"))

    assert other("GET", "/grants").json()["items"] == []
    assert other("GET", "/groups").json()["items"] == []

"""Who can do what, and what somebody can touch: the gate's own answers, in pages, over REST."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from governance.grants.words import actions_of
from tests.factories.api import Api
from tests.factories.tenants import make_agent, make_member
from tests.grants.conftest import House, make_house


def verdicts(house: House, path: str) -> dict[tuple[str, str], dict[str, Any]]:
    """(principal's or object's id, action) → the verdict, over all pages."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    cursor = ""
    by = "object" if "/principals/" in path else "principal"
    while True:
        answer = house.owner("GET", f"{path}{cursor}")
        assert answer.status_code == 200, answer.content
        page = answer.json()
        for row in page["items"]:
            for one in row["verdicts"]:
                found[row[by]["id"], one["action"]] = one
        if page["next_cursor"] is None:
            return found
        cursor = f"{'&' if '?' in path else '?'}cursor={page['next_cursor']}"


def test_role_grant_and_policy_stand_side_by_side(house: House) -> None:
    viewer = house.viewer.holder
    grant = house.grant(house.owner, viewer, "namespace:airline", "state.write").json()
    text = (
        f'permit (principal == Member::"{viewer.id}", action == Action::"state.delete", '
        'resource in Namespace::"airline");'
    )
    policy = house.owner("POST", "/policies", {"name": "extra", "text": text}).json()["id"]
    house.owner("PUT", f"/policies/{policy}/activation", {"version": 1})

    found = verdicts(house, "/access/objects/namespace/airline.bookings")

    who = str(viewer.id)
    read, write, delete = (
        found[who, action] for action in ("state.read_value", "state.write", "state.delete")
    )
    assert [one["label"] for one in read["sources"]] == ["role:viewer"]
    assert write["sources"] == [
        {
            "kind": "grant",
            "label": f"grant:{grant['id']}",
            "name": "grant on airline",
            "id": grant["id"],
        }
    ]
    assert [(one["kind"], one["name"], one["id"]) for one in delete["sources"]] == [
        ("policy", "extra", policy)
    ]
    assert not found[who, "grant.manage"]["allowed"]
    assert found[str(house.owner.holder.id), "grant.manage"]["sources"][0]["name"] == "owner"


def test_what_refuses_is_named_too(house: House) -> None:
    text = 'forbid (principal is Agent, action == Action::"state.write", resource);'
    policy = house.owner("POST", "/policies", {"name": "no", "text": text}).json()["id"]
    house.owner("PUT", f"/policies/{policy}/activation", {"version": 1})

    found = verdicts(house, "/access/objects/namespace/desk?principals=agent")

    refused = found[str(house.agent.holder.id), "state.write"]
    assert (refused["outcome"], refused["sources"][0]["id"]) == ("deny_forbid", policy)


@pytest.mark.parametrize("seed", range(2))
def test_both_reports_say_what_single_questions_answer(seed: int, database: None) -> None:
    """F67: over random roles, grants, groups and policies, each cell is the check itself."""
    rng = Random(seed)
    house = make_house()
    people = [make_member(house.tenant, rng.choice(["viewer", "auditor", "editor"])) for _ in "ab"]
    agents = [make_agent(house.tenant, rng.choice(["reader", "writer"])) for _ in "ab"]
    group = house.group(rng.choice(people))
    places = ["namespace:airline", "namespace:desk", f"tenant:{house.tenant.slug}"]
    for _ in range(6):
        to: Any = rng.choice([*people, *agents, ("group", group)])
        names = rng.sample(actions_of("namespace"), 3)
        more = {"restricted": rng.random() < 0.5}
        house.grant(house.owner, to, rng.choice(places), *names, **more)
    cedar = f'Member::"{rng.choice(people).id}"'
    text = f'forbid (principal == {cedar}, action in Action::"state.*", resource in Namespace::"airline");'  # fmt: skip  # noqa: E501
    policy = house.owner("POST", "/policies", {"name": "p", "text": text}).json()["id"]
    house.owner("PUT", f"/policies/{policy}/activation", {"version": 1})
    asked = ["namespace.read", "state.read_value", "state.write", "grant.manage", "hold.place"]
    actions = f"actions={','.join(asked)}"

    for name in ("airline.bookings", "airline.customers"):
        for kind in ("member", "agent"):
            path = f"/access/objects/namespace/{name}?principals={kind}&{actions}&limit=2"
            for (who, action), said in verdicts(house, path).items():
                check = single(house, kind, who, action, name)
                assert (said["allowed"], said["outcome"]) == check, (name, kind, action)
    for kind, one in [("member", one) for one in people] + [("agent", one) for one in agents]:
        path = f"/access/principals/{kind}/{one.id}?objects=namespace&{actions}&limit=1"
        listed = verdicts(house, path)
        for name in ("airline.bookings", "airline.customers"):
            checks = {action: single(house, kind, str(one.id), action, name) for action in asked}
            if any(allowed for allowed, _ in checks.values()):
                assert {action: listed[name, action]["allowed"] for action in asked} == {
                    action: allowed for action, (allowed, _) in checks.items()
                }
            else:
                assert (name, asked[0]) not in listed


def single(house: House, kind: str, who: str, action: str, namespace: str) -> tuple[bool, str]:
    is_state = action.startswith("state.")
    answer = house.owner(
        "POST",
        "/decisions/explanation",
        {
            "principal": {"type": kind, "id": who},
            "action": action,
            "resource": {
                "type": "entry" if is_state else "namespace",
                "id": f"{namespace}/k" if is_state else namespace,
            },
        },
    ).json()
    return answer["allowed"], answer["outcome"]


def test_lists_show_what_single_reads_would(house: House) -> None:
    """With grants on single objects, for each kind that has a list."""
    keeper = Api(make_agent(house.tenant, "builder"))
    agent = house.agent.holder
    slug = house.tenant.slug
    texts = {
        name: f'forbid (principal == Agent::"{name}", action, resource);' for name in ("one", "two")
    }
    policies = {
        name: house.owner("POST", "/policies", {"name": name, "text": text}).json()["id"]
        for name, text in texts.items()
    }
    assert keeper("GET", "/agents").status_code == 403
    assert keeper("GET", "/policies").status_code == 403
    house.grant(house.owner, keeper.holder, "namespace:desk", "namespace.read")
    rule = (
        f'permit (principal == Agent::"{keeper.holder.id}", action == Action::"agent.read", '
        f'resource == Agent::"{agent.id}");'
    )
    extra = house.owner("POST", "/policies", {"name": "extra", "text": rule}).json()["id"]
    house.owner("PUT", f"/policies/{extra}/activation", {"version": 1})

    assert [one["name"] for one in keeper("GET", "/namespaces").json()["items"]] == ["desk"]
    assert keeper("GET", "/namespaces/airline.bookings").status_code == 404
    assert [one["id"] for one in keeper("GET", "/agents").json()["items"]] == [str(agent.id)]
    assert keeper("GET", f"/agents/{keeper.holder.id}").status_code == 404
    house.grant(house.owner, keeper.holder, f"tenant:{slug}", "policy.read")
    listed = {one["id"] for one in keeper("GET", "/policies").json()["items"]}
    assert listed == {*policies.values(), extra}


def test_a_list_of_grants_is_what_single_reads_would_show(house: House) -> None:
    keeper = Api(make_member(house.tenant, "viewer"))
    house.grant(house.owner, keeper.holder, "namespace:desk", "grant.read")
    here = house.grant(house.owner, house.admin.holder, "namespace:desk", "state.purge").json()
    there = house.grant(house.owner, house.admin.holder, "namespace:airline", "state.purge").json()

    listed = {one["id"] for one in keeper("GET", "/grants").json()["items"]}

    assert here["id"] in listed
    assert keeper("GET", f"/grants/{here['id']}").status_code == 200
    assert there["id"] not in listed
    assert keeper("GET", f"/grants/{there['id']}").status_code == 403
    assert keeper("GET", "/grants?object=namespace:airline").status_code == 403
    assert Api(make_member(house.tenant, "viewer"))("GET", "/grants").status_code == 403


def test_who_may_see_access_and_who_may_not(house: House) -> None:
    editor = Api(make_member(house.tenant, "editor"))
    own = f"/access/principals/member/{house.viewer.holder.id}"

    assert house.viewer("GET", "/access/objects/namespace/desk").status_code == 403
    assert house.viewer("GET", own).status_code == 200  # one's own
    assert house.viewer("GET", own.replace(str(house.viewer.holder.id), str(editor.holder.id))).status_code == 404  # fmt: skip  # noqa: E501
    assert editor("GET", "/access/objects/namespace/desk?principals=agent").status_code == 200
    assert editor("GET", "/access/objects/namespace/desk").status_code == 403  # who is a member
    assert house.owner("GET", "/access/objects/nothing/x").status_code == 422
    assert house.owner("GET", "/access/objects/namespace/desk?principals=x").status_code == 400
    assert (
        house.owner("GET", "/access/objects/namespace/desk?actions=agent.read").status_code == 422
    )
    assert house.owner("GET", f"{own}?objects=x").status_code == 400


def test_the_questions_asked_of_the_database_stay_few(house: House) -> None:
    for _ in range(5):
        one = make_member(house.tenant, "auditor")
        house.grant(house.owner, one, "namespace:airline", "state.read")

    def count(path: str) -> int:
        house.owner("GET", path)
        with CaptureQueriesContext(connection) as asked:
            assert house.owner("GET", path).status_code == 200
        return len(asked)

    few = count("/access/objects/namespace/airline.bookings?limit=1")
    assert count("/access/objects/namespace/airline.bookings?limit=50") <= few + 1
    who = f"/access/principals/member/{house.owner.holder.id}"
    assert abs(count(f"{who}?limit=1") - count(f"{who}?limit=50")) <= 1


def test_the_other_kinds_of_objects_are_paged_as_well(house: House) -> None:
    text = 'forbid (principal, action == Action::"state.purge", resource);'
    for name in ("one", "two"):
        house.owner("POST", "/policies", {"name": name, "text": text})
    make_agent(house.tenant, "reader")
    path = f"/access/principals/member/{house.viewer.holder.id}?limit=1&objects="

    for kind, count in (("policy", 2), ("agent", 2), ("tenant", 1)):
        found = {one for one, _ in verdicts(house, f"{path}{kind}")}
        assert len(found) == count, kind


def test_an_agents_or_policys_grants_are_listed_to_who_may_read_them(house: House) -> None:
    keeper = Api(make_member(house.tenant, "viewer"))
    agent = house.agent.holder
    text = 'forbid (principal, action == Action::"state.purge", resource);'
    policy = house.owner("POST", "/policies", {"name": "one", "text": text}).json()["id"]
    for about in (f"agent:{agent.id}", f"policy:{policy}"):
        house.grant(house.owner, keeper.holder, about, "grant.read")

    listed = {one["object"]["type"] for one in keeper("GET", "/grants").json()["items"]}

    assert listed == {"agent", "policy"}

"""A quarantine as an admin meets it over REST: pause, look, keep or roll back, release."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from stateward.state.queries import get_entry
from stateward.state.services.entries import delete_entry
from stateward.state.services.leases import acquire_lease
from stateward.tenancy.models import Agent, Member
from stateward.tenancy.scope import run_flow, tenant_scope
from tests.console.console_world import CALL, World, make_world
from tests.factories.api import Api, audit_events, new_tenant
from tests.factories.tenants import make_member

pytestmark = pytest.mark.usefixtures("database")


def api_of(world: World, role: str = "owner") -> Api:
    with tenant_scope(world.tenant.id):
        if role == "owner":
            return Api(Member.objects.get(id=world.owner.id))
        return Api(make_member(world.tenant, role))


@pytest.fixture
def world() -> World:
    made = make_world()
    made.namespace("plans")
    made.namespace("notes")
    made.agent("booker")
    return made


def hours_ago(count: float) -> str:
    return (datetime.now(UTC) - timedelta(hours=count)).isoformat()


def opened(api: Api, world: World, **fields: Any) -> Any:
    body = {"agent": str(world.agents["booker"].id), "since": hours_ago(1), **fields}
    answer = api("POST", "/quarantines", body)
    assert answer.status_code == 201, answer.content
    return answer.json()


def writes(api: Api, quarantine: Any, **query: Any) -> dict[str, Any]:
    asked = "&".join(f"{name}={value}" for name, value in query.items())
    answer = api("GET", f"/quarantines/{quarantine['id']}/writes?{asked}")
    assert answer.status_code == 200, answer.content
    return {one["key"]: one for one in answer.json()["items"]}


def decide(api: Api, quarantine: Any, verdict: str, **fields: Any) -> Any:
    answer = api(
        "POST", f"/quarantines/{quarantine['id']}/verdicts", {"verdict": verdict, **fields}
    )
    assert answer.status_code == 200, answer.content
    return answer.json()


def value(world: World, namespace: str, key: str) -> Any:
    with tenant_scope(world.tenant.id):
        return run_flow(get_entry(world.owner, CALL(), namespace, key)).value


def exists(api: Api, world: World, key: str) -> bool:
    with tenant_scope(world.tenant.id), connection.cursor() as cursor:
        cursor.execute("SELECT is_alive FROM stateward_entry WHERE key = %s", (key,))
        return bool(cursor.fetchone()[0])


def test_an_agent_is_paused_and_its_writes_are_listed_against_what_was_before(
    world: World,
) -> None:
    booker, api = world.agents["booker"], api_of(world)
    world.put("plans", "old", 1)
    world.put("plans", "old", 2, by=booker)
    world.put("plans", "old", 3, by=booker)
    world.put("notes", "new", "x", by=booker)
    world.put("notes", "mine", "x")
    with tenant_scope(world.tenant.id):
        agent_api = Api(Agent.objects.get(id=booker.id))

    made = opened(api, world, reason="strange")

    assert agent_api("GET", "/namespaces").json()["code"] == "not_active"
    assert made["entries"] == {
        "clean": 2, "changed_since": 0, "leased": 0, "lost": 0, "gone": 0, "kept": 0,
        "rolled_back": 0,
    }  # fmt: skip
    assert made["writes"] == 3
    found = writes(api, made)
    assert set(found) == {"old", "new"}
    old = found["old"]
    assert (old["namespace"], old["change"], old["writes"]) == ("plans", "changed", 2)
    assert (old["before_version"], old["first_version"], old["last_version"]) == (1, 2, 3)
    assert found["new"]["before_version"] is None


def test_all_that_is_clean_is_rolled_back_together_and_a_dry_run_writes_nothing(
    world: World,
) -> None:
    booker, api = world.agents["booker"], api_of(world)
    world.put("plans", "old", 1, labels={"a": "b"})
    world.put("plans", "old", 2, by=booker, labels={})
    world.put("notes", "new", "x", by=booker)
    world.put("notes", "shared", "x", by=booker)
    world.put("notes", "shared", "y")
    made = opened(api, world)

    tried = decide(api, made, "roll_back", dry_run=True)
    assert (tried["entries"], tried["refused"], value(world, "plans", "old")) == (2, [], 2)
    done = decide(api, made, "roll_back")

    assert (done["entries"], done["has_more"]) == (2, False)
    assert value(world, "plans", "old") == 1
    assert not exists(api, world, "new")
    assert value(world, "notes", "shared") == "y"
    standing = {key: one["standing"] for key, one in writes(api, made).items()}
    assert standing == {"old": "rolled_back", "new": "rolled_back", "shared": "changed_since"}
    events = [event for _, event, _ in audit_events(world.tenant.id)]
    assert "agent.quarantined" in events
    assert "quarantine.rolled_back" in events


def test_what_somebody_else_wrote_since_needs_its_version_named(world: World) -> None:
    booker, api = world.agents["booker"], api_of(world)
    world.put("notes", "shared", "first")
    world.put("notes", "shared", "x", by=booker)
    world.put("notes", "shared", "y")
    made = opened(api, world)
    item = writes(api, made)["shared"]

    refused = decide(api, made, "roll_back", writes=[{"id": item["id"]}])
    assert [one["code"] for one in refused["refused"]] == ["changed_since"]
    assert value(world, "notes", "shared") == "y"
    named = [{"id": item["id"], "if_version": item["current_version"]}]
    done = decide(api, made, "roll_back", writes=named)

    assert (done["entries"], done["refused"]) == (1, [])
    assert value(world, "notes", "shared") == "first"


def test_others_writes_in_between_are_not_lost_unseen(world: World) -> None:
    booker, api = world.agents["booker"], api_of(world)
    world.put("notes", "shared", "x", by=booker)
    world.put("notes", "shared", "y")
    world.put("notes", "shared", "z", by=booker)

    made = opened(api, world)

    assert writes(api, made)["shared"]["standing"] == "changed_since"
    assert decide(api, made, "roll_back")["entries"] == 0


def test_a_deleted_entry_comes_back(world: World) -> None:
    booker, api = world.agents["booker"], api_of(world)
    world.put("plans", "old", {"n": 1})
    with tenant_scope(world.tenant.id):
        run_flow(delete_entry(booker, CALL(), "plans", "old"))
    made = opened(api, world)

    assert writes(api, made)["old"]["change"] == "deleted"
    decide(api, made, "roll_back")

    assert value(world, "plans", "old") == {"n": 1}


def test_a_hold_and_a_lease_are_respected_and_the_rest_goes_on(world: World) -> None:
    booker, api = world.agents["booker"], api_of(world)
    for key in ("held", "leased", "free"):
        world.put("plans", key, 1, by=booker)
    hold = {"matter": "M-1", "reason": "r", "namespace": "plans", "key_pattern": "held"}
    assert api("POST", "/retention/holds", hold).status_code == 201
    other = world.agent("other")
    with tenant_scope(world.tenant.id):
        run_flow(acquire_lease(other, CALL(), "plans", "leased", 600))
    made = opened(api, world)

    done = decide(api, made, "roll_back")
    found = writes(api, made)
    named = decide(api, made, "roll_back", writes=[{"id": found["leased"]["id"]}])

    assert done["entries"] == 1
    assert [one["code"] for one in done["refused"]] == ["under_hold"]
    assert [one["code"] for one in named["refused"]] == ["locked"]
    assert found["leased"]["leased_by"] == "other"
    assert not exists(api, world, "free")
    assert exists(api, world, "held")
    assert exists(api, world, "leased")


def test_a_quarantine_ends_with_every_write_decided(world: World) -> None:
    booker, api = world.agents["booker"], api_of(world)
    world.put("plans", "a", 1, by=booker)
    world.put("plans", "b", 1, by=booker)
    made = opened(api, world)
    again = api("POST", "/quarantines", {"agent": str(booker.id), "since": hours_ago(1)})
    assert again.json()["code"] == "in_quarantine"
    decide(api, made, "keep", writes=[{"id": writes(api, made)["a"]["id"]}])

    early = api("PUT", f"/quarantines/{made['id']}/release", {"resume": True})
    assert (early.status_code, early.json()["code"]) == (409, "undecided")
    assert early.json()["undecided"] == 1
    body = {"resume": True, "keep_rest": True, "note": "a wrong prompt"}
    ended = api("PUT", f"/quarantines/{made['id']}/release", body).json()

    assert ended["closed_at"] is not None
    assert {one["standing"] for one in writes(api, made).values()} == {"kept"}
    with tenant_scope(world.tenant.id):
        assert Agent.objects.get(id=booker.id).status == "active"
    late = api("POST", f"/quarantines/{made['id']}/verdicts", {"verdict": "keep"})
    assert late.json()["code"] == "quarantine_over"


def test_a_list_longer_than_its_page_is_paged(world: World) -> None:
    booker, api = world.agents["booker"], api_of(world)
    for number in range(5):
        world.put("plans", f"k{number}", number, by=booker)
    made = opened(api, world)

    seen: list[str] = []
    cursor = ""
    while cursor is not None:
        path = f"/quarantines/{made['id']}/writes?limit=2" + (f"&cursor={cursor}" if cursor else "")
        page = api("GET", path).json()
        seen += [one["key"] for one in page["items"]]
        cursor = page["next_cursor"]

    assert seen == [f"k{number}" for number in reversed(range(5))]


def test_entries_that_one_may_not_know_of_are_not_listed(world: World) -> None:
    booker, api = world.agents["booker"], api_of(world)
    world.namespace("secret", classification="restricted")
    world.put("secret", "s", 1, by=world.owner)
    world.put("plans", "p", 1, by=booker)
    text = (
        'forbid (principal, action in [Action::"state.read"], resource is Entry) '
        'when { resource.namespace == "plans" };'
    )
    made = opened(api, world)
    item = writes(api, made)["p"]
    world.policy("blind", text)

    assert writes(api, made) == {}
    path = f"/quarantines/{made['id']}/verdicts"
    answer = api("POST", path, {"verdict": "keep", "writes": [{"id": item["id"]}]})
    assert answer.status_code == 404


def test_another_tenant_and_an_auditor_change_nothing(world: World) -> None:
    booker, api = world.agents["booker"], api_of(world)
    world.put("plans", "p", 1, by=booker)
    made = opened(api, world)
    other = new_tenant()
    with tenant_scope(other.id):
        stranger = Api(make_member(other, "owner"))
    auditor = api_of(world, "auditor")

    for path in ("", "/writes"):
        assert stranger("GET", f"/quarantines/{made['id']}{path}").status_code == 404
    assert stranger("GET", "/quarantines").json()["items"] == []
    body = {"verdict": "roll_back"}
    assert stranger("POST", f"/quarantines/{made['id']}/verdicts", body).status_code == 404
    agent = {"agent": str(booker.id), "since": hours_ago(1)}
    assert stranger("POST", "/quarantines", agent).status_code == 404
    assert auditor("GET", f"/quarantines/{made['id']}").status_code == 200
    assert auditor("POST", f"/quarantines/{made['id']}/verdicts", body).status_code == 403
    assert value(world, "plans", "p") == 1


@pytest.mark.parametrize("since", ["2199-01-01T00:00:00Z", "2001-01-01T00:00:00Z"])
def test_a_time_that_is_none_is_refused(world: World, since: str) -> None:
    api = api_of(world)

    answer = api("POST", "/quarantines", {"agent": str(world.agents["booker"].id), "since": since})

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/since")

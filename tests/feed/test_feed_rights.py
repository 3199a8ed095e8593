"""Who is shown what: decided for each change, and ended within a second of a change of rights."""

from __future__ import annotations

import os
import threading
import time
from typing import Any
from uuid import UUID

import psycopg
import pytest

from stateward.gate.policy.models import Policy, PolicyVersion
from stateward.kernel.ids import uuid7
from stateward.state.models import Namespace
from stateward.tenancy.epochs import bump
from stateward.tenancy.models import Agent, Credential, Tenant
from stateward.tenancy.scope import tenant_scope
from tests.factories.state import World, audit_records, make_namespace, make_world
from tests.factories.tenants import make_agent, make_key
from tests.feed.feeding import Event, Feed
from tests.patience import in_time

ONLY_EU = """
permit (principal, action in Action::"state.read", resource)
when {{ principal.id == "{agent}"
    && (!resource.hasTag("region") || resource.getTag("region") == "eu") }};
permit (principal, action == Action::"namespace.read", resource)
when {{ principal.id == "{agent}" }};
"""


def activate(tenant: Tenant, text: str) -> None:
    """Put a policy in force."""
    with tenant_scope(tenant.id):
        policy = Policy.objects.create(tenant=tenant, name=f"p-{uuid7()}", active_version=1)
        PolicyVersion.objects.create(
            tenant=tenant, policy=policy, number=1, text=text, sha256="0" * 64, statements=1,
            author_type="member", author_id=uuid7(), author_name="Ann",
        )  # fmt: skip
        bump(tenant.id, "policies")


def european(world: World) -> str:
    """The key of an agent that may read what is not labelled with another region."""
    agent = make_agent(world.tenant, roles=[])
    activate(world.tenant, ONLY_EU.format(agent=agent.id))
    return make_key(agent).text


def keys_of(page: Any) -> list[tuple[str, int]]:
    return [(one["key"], one["version"]) for one in page["items"]]


def test_another_tenants_changes_are_never_seen(feed: Feed, world: World, key: str) -> None:
    other = make_world()
    other.put("theirs", 1)
    world.put("mine", 1)

    assert keys_of(feed.page(key)) == [("mine", 1)]


def test_filters_give_what_they_name_and_move_the_cursor_on(
    feed: Feed, world: World, key: str
) -> None:
    elsewhere = world.another(classification="internal")
    world.put("a.1", 1)
    elsewhere.put("a.2", 2)
    world.put("b.1", 3)

    named = feed.page(key, namespace=world.namespace.name, prefix="a.")
    tail = feed.page(key, prefix="b", after=named["next_cursor"])

    assert keys_of(named) == [("a.1", 1)]
    assert tail["items"] == []
    assert keys_of(feed.page(key, prefix="a.")) == [("a.1", 1), ("a.2", 1)]


def test_labels_decide_then_and_now(feed: Feed, world: World) -> None:
    reader = european(world)
    world.put("eu", 1, labels={"region": "eu"})
    world.put("us", 1, labels={"region": "us"})
    world.put("moved", 1, labels={"region": "us"})
    world.put("moved", 2, labels={"region": "eu"})
    world.put("hidden", 1)
    world.put("hidden", 2, labels={"region": "us"})
    world.put("gone", 1, labels={"region": "us"})
    world.delete("gone")

    page = feed.page(reader, values="patch")

    # "moved" is shown from where it may be read; its patch would tell what it was before.
    assert keys_of(page) == [("eu", 1), ("moved", 2)]
    assert page["items"][1]["value"] == 2
    assert "patch" not in page["items"][1]
    assert len(feed.page(make_key(world.agent).text)["items"]) == 8


def test_confidential_values_are_written_down_before_they_are_shown(
    feed: Feed, world: World, key: str
) -> None:
    secret = world.another(classification="confidential")
    secret.put("s", "secret")

    plain = feed.page(key, namespace=secret.namespace.name)
    assert not [one for one in audit_records(world.tenant.id) if one[0] == "state.read_value"]
    shown = feed.page(key, namespace=secret.namespace.name, values="full")
    with feed.stream(key, namespace=secret.namespace.name, values="full") as stream:
        assert stream.change()["value"] == "secret"

    assert "value" not in plain["items"][0]
    assert shown["items"][0]["value"] == "secret"
    read = [one for one in audit_records(world.tenant.id) if one[0] == "state.read_value"]
    assert len(read) == 2


def test_restricted_values_need_the_right_to_decrypt(feed: Feed, world: World) -> None:
    secret = world.another(classification="restricted")
    secret.put("s", "secret")
    reader = make_key(make_agent(world.tenant, "reader")).text

    assert feed.page(reader, values="full")["items"] == []


def test_without_the_right_to_know_of_it_a_namespace_is_not_there(feed: Feed, world: World) -> None:
    nobody = make_key(make_agent(world.tenant, roles=[])).text

    absent = feed.page(nobody, namespace="nowhere", status=404)
    denied = feed.page(nobody, namespace=world.namespace.name, status=404)

    assert {**absent, "instance": ""} == {**denied, "instance": ""}
    assert feed.page(nobody)["items"] == []


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"after": "nonsense"}, "malformed"),
        ({"limit": "0"}, "malformed"),
        ({"values": "all"}, "malformed"),
        ({"colour": "red"}, "malformed"),
    ],
    ids=lambda value: str(value) if isinstance(value, str) else "-".join(value),
)
def test_what_cannot_be_asked_is_said(
    feed: Feed, key: str, query: dict[str, str], code: str
) -> None:
    assert feed.page(key, status=400, **query)["code"] == code


def revoke(world: World, agent: Agent) -> None:
    with tenant_scope(world.tenant.id):
        Credential.objects.filter(agent_id=agent.id).update(revoked_at="2020-01-01T00:00:00Z")
        bump(world.tenant.id, "principals")


def pause(world: World, agent: Agent) -> None:
    with tenant_scope(world.tenant.id):
        Agent.objects.filter(id=agent.id).update(status="paused")
        bump(world.tenant.id, "principals")


def strip(world: World, agent: Agent) -> None:
    with tenant_scope(world.tenant.id):
        Agent.objects.filter(id=agent.id).update(roles=[])
        bump(world.tenant.id, "principals")


def forbid(world: World, agent: Agent) -> None:
    activate(
        world.tenant,
        f'forbid (principal, action in Action::"state.read", resource) '
        f'when {{ principal.id == "{agent.id}" }};',
    )


@pytest.mark.parametrize(
    ("act", "status"),
    [(revoke, 401), (pause, 403), (strip, 403), (forbid, 403)],
    ids=["credential-revoked", "agent-paused", "roles-taken", "policy-changed"],
)
@pytest.mark.parametrize("is_named", [False, True], ids=["tenant-wide", "one-namespace"])
def test_who_may_no_longer_read_is_told_within_a_second(
    feed: Feed, world: World, act: Any, status: int, is_named: bool
) -> None:
    agent = make_agent(world.tenant, "reader")
    reader = make_key(agent).text
    query = {"namespace": world.namespace.name} if is_named else {}
    world.put("a", 1)
    with feed.stream(reader, **query) as stream:
        assert stream.change()["key"] == "a"
        act(world, agent)
        began = time.monotonic()
        world.put("b", 2)
        last = stream.ending()
        took = time.monotonic() - began

    assert last["event"] == "end"
    assert last["status"] in {status, 404}
    assert in_time(took, 1)


def test_a_deleted_namespace_ends_its_streams(feed: Feed, world: World, key: str) -> None:
    with feed.stream(key, namespace=world.namespace.name, after="now") as stream:
        with tenant_scope(world.tenant.id):
            Namespace.objects.filter(id=world.namespace.id).update(
                deleted_at="2020-01-01T00:00:00Z"
            )
            bump(world.tenant.id, "namespaces")
        last = stream.ending()

    assert (last["event"], last["status"]) == ("end", 404)


def test_a_purged_value_is_no_longer_told(feed: Feed, world: World, key: str) -> None:
    world.put("a", "personal")
    before = feed.page(key, values="full")["items"][0]
    _purge(world.tenant.id)

    after = feed.page(key, values="full")["items"][0]

    assert before["value"] == "personal"
    assert "value" not in after
    assert after["cursor"] == before["cursor"]


def _purge(tenant_id: UUID) -> None:
    with psycopg.connect(os.environ["STATEWARD_SUPERUSER_DATABASE_URL"]) as session:
        session.execute(
            "UPDATE stateward_revision SET value = NULL, value_hash = NULL WHERE tenant_id = %s",
            (tenant_id,),
        )


def test_followers_with_other_rights_share_one_reading(feed: Feed, world: World, key: str) -> None:
    """Twenty followers, of two kinds: each sees its own, and the log is read once."""
    limited = european(world)
    told: dict[int, list[Event]] = {}

    def follow(number: int, ready: threading.Barrier) -> None:
        with feed.stream(limited if number % 2 else key, after="now", values="full") as stream:
            ready.wait(20)
            told[number] = stream.changes(2 if number % 2 else 3)
            assert stream.is_quiet(0.1)

    ready = threading.Barrier(21)
    threads = [threading.Thread(target=follow, args=(number, ready)) for number in range(20)]
    for thread in threads:
        thread.start()
    ready.wait(20)
    world.put("a", 1, labels={"region": "eu"})
    world.put("b", 2, labels={"region": "us"})
    world.put("c", 3)
    for thread in threads:
        thread.join()

    assert [one["key"] for one in told[0]] == ["a", "b", "c"]
    assert [one["key"] for one in told[1]] == ["a", "c"]
    assert all(told[number] == told[number % 2] for number in range(20))


def test_who_follows_a_namespace_is_told_of_no_other(feed: Feed, world: World, key: str) -> None:
    other = world.another()
    make_namespace(world.actor, "third")
    with feed.stream(key, namespace=other.namespace.name, after="now") as stream:
        world.put("not", 1)
        other.put("yes", 1)
        assert stream.change()["key"] == "yes"

"""Trying a version on the recorded log: exact on what was recorded, and never a guess."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.db import connection

from governance.policies import services
from governance.policies.dry_runs import ask_for_dry_run, find_dry_run
from governance.policies.exceptions import NoSuchDryRun
from governance.policies.models import DryRun
from governance.policies.tasks import dry_run
from stateward.gate.audit.denials import flush_denials
from stateward.gate.audit.reads import flush_reads
from stateward.gate.policy.models import Policy
from stateward.kernel.errors import StatewardError, Unprocessable
from stateward.state import queries
from stateward.state.judging import record_denial
from stateward.state.services import entries
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.scope import run_flow, tenant_scope
from tests.factories.api import Api
from tests.factories.jobs import carry
from tests.factories.state import World, actor_of, make_namespace, make_world
from tests.factories.tenants import make_agent, make_member

pytestmark = pytest.mark.usefixtures("database")

NOTHING = 'forbid (principal, action == Action::"job.read", resource);'
NO_WRITES = 'forbid (principal, action == Action::"state.write", resource);'
NO_READS = 'forbid (principal, action == Action::"state.read_value", resource);'
LET_READERS_WRITE = 'permit (principal, action == Action::"state.write", resource);'
NEEDS_PURPOSE = """forbid (principal, action == Action::"state.write", resource)
unless { context has purpose && context.purpose == "booking" };"""
ONE_ENTRY = 'forbid (principal, action, resource == Entry::"notes/b");'


@pytest.fixture
def world() -> World:
    return make_world()


def owner_of(world: World) -> Actor:
    member = make_member(world.tenant, "owner")
    return Actor(
        "member", member.id, "Ann", world.tenant.id, world.tenant.slug, ("owner",),
        auth_method="session",
    )  # fmt: skip


def policy_of(world: World, text: str, name: str = "draft") -> Policy:
    return services.create_policy(owner_of(world), Call(request_id="r"), name=name, text=text)


def try_put(world: World, actor: Actor, key: str, **about: Any) -> bool:
    """As the data plane does it: a denial is recorded before it is answered."""
    call = Call(request_id="r", source_address="192.0.2.7", **about)
    with tenant_scope(world.tenant.id):
        try:
            run_flow(entries.put_entry(actor, call, world.namespace.name, key, entries.Put(1)))
        except StatewardError as error:
            run_flow(record_denial(actor, call, error))
            return False
    return True


def reader_of(world: World) -> Actor:
    return actor_of(make_agent(world.tenant, "reader"), world.tenant)


def tried(world: World, policy: Policy, **window: Any) -> dict[str, Any]:
    """The dry run's result, as a worker leaves it."""
    made = ask_for_dry_run(owner_of(world), Call(request_id="r"), policy.id, **window)
    assert made.run_id is not None
    assert carry(made.run_id, dry_run)
    with tenant_scope(world.tenant.id):
        result = DryRun.objects.get(id=made.id).result
    assert isinstance(result, dict)
    return result


def changes(result: dict[str, Any]) -> list[tuple[str, str, str, int]]:
    return sorted(
        (one["change"], one["actor"]["name"], one["action"], one["count"])
        for one in result["groups"]
    )


def test_what_a_draft_would_have_refused_is_counted_with_its_samples(world: World) -> None:
    for number in range(25):
        world.put(f"k{number}", number)
    draft = policy_of(world, NO_WRITES)

    result = tried(world, draft)

    assert changes(result) == [("allow_to_deny", world.agent.name, "state.write", 25)]
    (group,) = result["groups"]
    assert group["namespace"] == world.namespace.name
    assert len(group["samples"]) == 20
    assert group["samples"][0]["in_force"]["outcome"] == "allow"
    assert group["samples"][0]["tried"]["determining"] == ["policy:draft@1"]
    assert result["decisions"] == result["unchanged"] + 25


def test_what_a_draft_would_let_in_is_weighed_by_how_often_it_was_denied(world: World) -> None:
    reader = reader_of(world)
    for _ in range(7):
        assert not try_put(world, reader, "k")
    with tenant_scope(world.tenant.id):
        run_flow(flush_denials(everything=True))
    draft = policy_of(world, LET_READERS_WRITE)

    result = tried(world, draft)

    assert result["deny_to_allow"] == 7
    assert {one["change"] for one in result["groups"]} == {"deny_to_allow"}


def test_the_rules_in_force_answer_their_own_log_as_they_did(world: World) -> None:
    """The oracle: no difference on the whole log, whatever was asked."""
    owner = owner_of(world)
    for name, text in (("purpose", NEEDS_PURPOSE), ("quiet", NOTHING)):
        made = services.create_policy(owner, Call(request_id="r"), name=name, text=text)
        services.activate(owner, Call(request_id="r"), made.id, version=1)
    with tenant_scope(world.tenant.id), connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (since,) = cursor.fetchone()
    reader, api = reader_of(world), Api(make_member(world.tenant, "admin"))
    restricted = make_namespace(world.actor, "cards", classification="restricted")
    scoped = replace(world.actor, scopes=frozenset({"state.read"}))
    asked = 0
    for number in range(12):
        for actor in (world.actor, reader, scoped):
            purpose = ("booking", "training", "")[number % 3]
            asked += try_put(world, actor, f"k{number % 4}", purpose=purpose)
    labelled = entries.Put({"pan": 1}, labels={"region": "eu"})
    call = Call(request_id="r", purpose="booking")
    world.run(entries.put_entry(world.actor, call, restricted.name, "card", labelled))
    for path in ("/agents", "/policies", "/nowhere", "/members", "/backups", "/alerts"):
        api("GET", path)
    assert asked
    draft = policy_of(world, NO_WRITES, "other")

    result = tried(world, draft, since=since)

    assert result["same_rules"] > 15
    assert result["same_rules_differ"] == 0
    assert result["otherwise_today"] == 0
    assert result["undecidable"] == 0


def test_counted_reads_weigh_as_many_as_they_were(world: World) -> None:
    world.put("k", 1)
    for _ in range(9):
        world.run(queries.get_entry(world.actor, Call(request_id="r"), world.namespace.name, "k"))
    run_flow(flush_reads())

    result = tried(world, policy_of(world, NO_READS), until=None)

    reads = [one for one in result["groups"] if one["action"] == "state.read_value"]
    assert [(one["change"], one["count"]) for one in reads] == [("allow_to_deny", 9)]
    assert "record" not in reads[0]["samples"][0]


def test_what_is_not_kept_any_more_is_undecidable_and_not_unchanged(world: World) -> None:
    assert try_put(world, world.actor, "k", purpose="training")
    assert try_put(world, world.actor, "k", purpose="booking")
    draft = policy_of(world, NEEDS_PURPOSE)

    known = tried(world, draft)
    with psycopg.connect(os.environ["STATEWARD_SUPERUSER_DATABASE_URL"]) as superuser:
        superuser.execute("SET LOCAL session_replication_role = replica")
        superuser.execute(
            "UPDATE stateward_audit_record SET payload = '{\"salts\": {}}' WHERE tenant_id = %s",
            (world.tenant.id,),
        )
    erased = tried(world, draft)

    assert (known["allow_to_deny"], known["undecidable"]) == (1, 0)
    assert (erased["allow_to_deny"], erased["undecidable"]) == (0, 2)
    assert "reads purpose" in next(
        one["reason"] for one in erased["groups"] if one["change"] == "undecidable"
    )


def test_a_rule_about_one_entry_needs_its_key(world: World) -> None:
    for key in ("a", "b", "b"):
        world.put(key, 1)

    result = tried(world, policy_of(world, ONE_ENTRY))

    writes = [one for one in changes(result) if one[2] == "state.write"]
    assert writes == [("allow_to_deny", world.agent.name, "state.write", 2)]


def test_a_window_and_a_namespace_narrow_it(world: World) -> None:
    other = world.another(classification="internal")
    world.put("k", 1)
    other.put("k", 1)
    draft = policy_of(world, NO_WRITES)

    assert tried(world, draft, namespace=other.namespace.name)["allow_to_deny"] == 1
    assert tried(world, draft, namespace="nowhere")["decisions"] == 0
    with pytest.raises(Unprocessable):
        ask_for_dry_run(owner_of(world), Call(request_id="r"), draft.id, version=2)
    with tenant_scope(world.tenant.id):
        made = DryRun.objects.filter(tenant_id=world.tenant.id).first()
    assert made is not None
    long = {"since": made.until - timedelta(days=400), "until": made.until}
    with pytest.raises(Unprocessable):
        ask_for_dry_run(owner_of(world), Call(request_id="r"), draft.id, **long)


def test_over_rest_samples_are_for_who_may_read_the_audit(world: World) -> None:
    world.put("k", 1)
    draft = policy_of(world, NO_WRITES)
    admin, editor = (Api(make_member(world.tenant, role)) for role in ("admin", "editor"))

    answer = admin("POST", f"/policies/{draft.id}/dry-runs", {})

    assert answer.status_code == 202
    path = answer["Location"].removeprefix("/api/v1")
    assert admin("GET", path).json()["result"] is None
    assert carry(UUID(answer.json()["run"]), dry_run)
    whole, short = (api("GET", path).json()["result"] for api in (admin, editor))
    assert whole["groups"][0]["samples"][0]["record"]
    assert "samples" not in short["groups"][0]
    assert short["allow_to_deny"] == whole["allow_to_deny"] == 1
    listed = admin("GET", f"/policies/{draft.id}/dry-runs").json()["items"]
    assert [one["id"] for one in listed] == [answer.json()["id"]]
    assert "result" not in listed[0]
    assert Api(make_member(world.tenant, "viewer"))("GET", path).status_code == 403
    stranger = make_world()
    assert Api(make_member(stranger.tenant, "owner"))("GET", path).status_code == 404
    with tenant_scope(stranger.tenant.id), pytest.raises(NoSuchDryRun):
        find_dry_run(owner_of(stranger), Call(request_id="r"), UUID(answer.json()["id"]))


def test_the_same_run_twice_changes_nothing(world: World) -> None:
    world.put("k", 1)
    draft = policy_of(world, NO_WRITES)
    first = tried(world, draft)
    with tenant_scope(world.tenant.id):
        made = DryRun.objects.get(tenant_id=world.tenant.id)
    world.put("k", 2)

    assert made.run_id is not None
    carry(made.run_id, dry_run)

    with tenant_scope(world.tenant.id):
        assert DryRun.objects.get(id=made.id).result == first

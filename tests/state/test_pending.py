"""Writes under four eyes: kept where nobody sees them, until other people agree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection

from stateward.gate.approvals.models import ApprovalRequest
from stateward.gate.approvals.services import vote
from stateward.kernel.ids import uuid7
from stateward.state.pending.exceptions import NotReleased
from stateward.state.pending.tidying import tidy_pending
from stateward.tenancy.actors import Actor
from stateward.tenancy.models import Member
from stateward.tenancy.scope import tenant_scope
from tests.factories.api import Api, audit_events, new_tenant
from tests.factories.approvals import set_number
from tests.factories.state import CALL, World
from tests.factories.tenants import make_member
from tests.state.conftest import Caller, in_thread

HELD = (
    'forbid (principal is Agent, action in [Action::"state.write", Action::"state.delete"], '
    "resource) unless { context.approved };"
)


class Owner:
    """A person of the tenant who may agree."""

    def __init__(self, world: World, name: str = "Ines") -> None:
        self.world = world
        self.member: Member = make_member(world.tenant, "owner")
        self.actor = Actor(
            "member", self.member.id, name, world.tenant.id, world.tenant.slug, ("owner",),
            auth_method="session",
        )  # fmt: skip
        self.api = Api(self.member)

    def request(self, pending: str) -> ApprovalRequest:
        with tenant_scope(self.world.tenant.id):
            return ApprovalRequest.objects.get(subject_id=pending)

    def vote(self, pending: str, verdict: str = "approve", reason: str = "no") -> ApprovalRequest:
        asked = self.request(pending)
        said = {"verdict": verdict, "sha256": asked.sha256, "reason": reason}
        return vote(self.actor, CALL, asked.id, **said)

    def see(self, pending: str, more: str = "") -> Any:
        return self.api("GET", f"/pending/{pending}{more}").json()


@pytest.fixture
def owner(world: World) -> Owner:
    return Owner(world)


@pytest.fixture
def held(owner: Owner, forbid: Callable[[str], None]) -> Owner:
    """Every write of an agent waits."""
    forbid(HELD)
    return owner


async def kept(answer: Any) -> str:
    assert answer.status_code == 202, answer.content
    pending = str(answer.json()["pending"])
    assert answer.headers["location"] == f"/api/v1/pending/{pending}"
    return pending


async def test_a_write_waits_unseen_until_a_person_agrees(call: Caller, held: Owner) -> None:
    pending = await kept(await call.put("k", {"n": 1}))

    assert (await call("GET", "k")).status_code == 404
    said = await in_thread(held.see, pending)
    assert (said["state"], said["operations"][0]["operation"]) == ("pending", "put")
    assert await in_thread(changes, held.world) == []

    await in_thread(held.vote, pending)

    entry = (await call("GET", "k")).json()
    assert (entry["value"], entry["version"]) == ({"n": 1}, 1)
    assert entry["updated_by"]["type"] == "agent"
    said = await in_thread(held.see, pending)
    assert (said["state"], said["operations"][0]["version"]) == ("released", 1)
    assert await in_thread(changes, held.world) == [("k", "put")]
    events = await in_thread(audit_events, held.world.tenant.id)
    assert ("state.write", "pending.asked", "allow") in events
    assert await in_thread(approvals_of, held.world, "k") == 1


async def test_what_waits_is_sealed_and_is_emptied_when_it_is_over(
    call: Caller, held: Owner
) -> None:
    pending = await kept(await call.put("k", "canary-7431"))

    sealed = await in_thread(sealed_of, held.world, pending)
    assert sealed is not None
    assert b"canary-7431" not in sealed
    await in_thread(held.vote, pending, "refuse")
    assert (await in_thread(held.see, pending))["state"] == "refused"
    await in_thread(tidy_pending, held.world.tenant.id)

    assert await in_thread(sealed_of, held.world, pending) is None
    assert (await call("GET", "k")).status_code == 404


async def test_every_kind_of_write_waits_and_is_done_as_it_was_asked_for(
    call: Caller, world: World, owner: Owner, forbid: Callable[[str], None]
) -> None:
    for key, value in (("p", {"a": 1, "b": 2}), ("d", 1), ("r", "one"), ("r", "two")):
        await in_thread(world.put, key, value)
    await in_thread(forbid, HELD)

    merge = "application/merge-patch+json"
    asked = [
        await kept(await call("PATCH", "p", {"b": None}, kind=merge)),
        await kept(await call("DELETE", "d")),
        await kept(await call("POST", "r", {"version": 1}, then="/rollback")),
    ]
    for pending in asked:
        await in_thread(owner.vote, pending)

    assert (await call("GET", "p")).json()["value"] == {"a": 1}
    assert (await call("GET", "d")).status_code == 404
    assert (await call("GET", "r")).json()["value"] == "one"


async def test_a_transaction_waits_as_one(call: Caller, held: Owner) -> None:
    put = [{"op": "put", "key": f"k{n}", "value": n} for n in range(3)]
    pending = await kept(await call.transact(*put))

    said = await in_thread(held.see, pending)
    assert (said["is_transaction"], len(said["operations"])) == (True, 3)
    await in_thread(held.vote, pending)

    assert [(await call("GET", f"k{n}")).json()["value"] for n in range(3)] == [0, 1, 2]


async def test_an_entry_that_moved_is_not_written_over(
    call: Caller, held: Owner, world: World
) -> None:
    pending = await kept(await call.put("k", "mine"))
    await in_thread(write_as, held, "k", "theirs")

    with pytest.raises(NotReleased) as refused:
        await in_thread(held.vote, pending)

    assert refused.value.members["reason"] == "entry_moved"
    said = await in_thread(held.see, pending)
    assert (said["state"], said["operations"][0]["has_moved"]) == ("pending", True)
    assert (await call("GET", "k")).json()["value"] == "theirs"
    assert (await in_thread(held.request, pending)).status == "pending"


async def test_what_the_asker_may_not_write_any_more_is_not_released(
    call: Caller, held: Owner, world: World, forbid: Callable[[str], None]
) -> None:
    pending = await kept(await call.put("k", 1))
    await in_thread(
        forbid, 'forbid (principal is Agent, action == Action::"state.write", resource);'
    )

    with pytest.raises(NotReleased) as refused:
        await in_thread(held.vote, pending)

    assert refused.value.members["reason"] == "forbidden"
    assert (await call("GET", "k")).status_code == 404


async def test_a_write_that_would_be_refused_anyway_is_refused_at_once(
    call: Caller, held: Owner, forbid: Callable[[str], None]
) -> None:
    stale = await call.put("k", 1, if_match='"3"')
    assert stale.status_code == 412
    assert (await call("DELETE", "nothing")).status_code == 404
    await in_thread(
        forbid, 'forbid (principal is Agent, action == Action::"state.write", resource);'
    )

    assert (await call.put("k", 1)).status_code == 403


async def test_the_same_idempotency_key_is_the_same_pending_write(
    call: Caller, held: Owner
) -> None:
    first = await call.put("k", 1, Idempotency_Key="i-1")
    again = await call.put("k", 1, Idempotency_Key="i-1")
    other = await call.put("k", 2, Idempotency_Key="i-1")

    assert await kept(first) == await kept(again)
    assert again.headers["idempotency-replayed"] == "true"
    assert other.status_code == 422


async def test_as_many_must_agree_as_the_tenant_asks_for(
    call: Caller, held: Owner, world: World
) -> None:
    second = await in_thread(Owner, world, "Vera")
    await in_thread(set_number, world.tenant.id, "state.write", 2)
    pending = await kept(await call.put("k", 1))

    await in_thread(held.vote, pending)
    assert (await call("GET", "k")).status_code == 404
    await in_thread(second.vote, pending)

    assert (await call("GET", "k")).json()["value"] == 1


async def test_where_nobody_could_agree_the_write_is_refused(
    call: Caller, held: Owner, world: World
) -> None:
    await in_thread(set_number, world.tenant.id, "state.write", 3)

    answer = await call.put("k", 1)

    assert (answer.status_code, answer.json()["code"]) == (409, "too_few_approvers")


async def test_who_agrees_sees_the_difference_and_how_far_it_reaches(
    call: Caller, world: World, owner: Owner, forbid: Callable[[str], None]
) -> None:
    await in_thread(world.put, "k", {"a": 1})
    await in_thread(forbid, HELD)
    pending = await kept(await call.put("k", {"a": 2}))

    said = await in_thread(owner.see, pending, "/effects")

    assert said["items"][0]["patch"] == [{"op": "replace", "path": "/a", "value": 2}]
    assert (said["radius"]["entries"], said["radius"]["namespaces"]) == (1, 1)


async def test_a_pending_write_is_seen_as_its_entry_is(
    call: Caller, held: Owner, forbid: Callable[[str], None], world: World
) -> None:
    pending = await kept(await call.put("k", 1))
    listed = await in_thread(held.api, "GET", "/pending?state=pending")
    assert [one["id"] for one in listed.json()["items"]] == [pending]
    await in_thread(
        forbid,
        'forbid (principal is Member, action == Action::"state.read_value", resource is Entry);',
    )
    assert (await in_thread(held.api, "GET", f"/pending/{pending}/effects")).status_code == 403
    await in_thread(
        forbid,
        'forbid (principal is Member, action in [Action::"state.read"], resource is Entry);',
    )

    assert (await in_thread(held.api, "GET", f"/pending/{pending}")).status_code == 404
    assert (await in_thread(held.api, "GET", "/pending")).json()["items"] == []
    own = await in_thread(Api, world.agent)
    assert (await in_thread(own, "GET", f"/pending/{pending}")).json()["state"] == "pending"


async def test_whoever_asked_takes_it_back(call: Caller, held: Owner, world: World) -> None:
    pending = await kept(await call.put("k", 1))
    own = await in_thread(Api, world.agent)

    assert (await in_thread(own, "DELETE", f"/pending/{pending}")).status_code == 204
    assert (await in_thread(own, "GET", f"/pending/{pending}")).json()["state"] == "withdrawn"
    again = await in_thread(own, "DELETE", f"/pending/{pending}")
    assert (again.status_code, again.json()["code"]) == (409, "pending_over")


async def test_what_nobody_agreed_to_in_time_expires(call: Caller, held: Owner) -> None:
    pending = await kept(await call.put("k", 1))

    await in_thread(age, held.world, pending)

    assert (await in_thread(held.see, pending))["state"] == "expired"
    assert await in_thread(tidy_pending, held.world.tenant.id) == 1
    assert await in_thread(sealed_of, held.world, pending) is None


async def test_another_tenant_sees_none_of_it(call: Caller, held: Owner) -> None:
    pending = await kept(await call.put("k", 1))

    def strange() -> list[int]:
        other = new_tenant()
        api = Api(make_member(other, "owner"))
        paths = [f"/pending/{pending}", f"/pending/{pending}/effects", f"/pending/{uuid7()}"]
        assert api("GET", "/pending").json()["items"] == []
        assert api("DELETE", f"/pending/{pending}").status_code == 404
        return [api("GET", path).status_code for path in paths]

    assert await in_thread(strange) == [404, 404, 404]


def test_the_console_and_jobs_are_refused_what_must_wait(
    world: World, owner: Owner, forbid: Callable[[str], None]
) -> None:
    from stateward.gate.policy.exceptions import Denied  # noqa: PLC0415  # only here

    forbid(HELD)

    with pytest.raises(Denied):
        world.put("k", 1)


def write_as(owner: Owner, key: str, value: Any) -> None:
    other = replace(owner.world, actor=owner.actor)
    other.put(key, value)


def changes(world: World) -> list[tuple[str, str]]:
    with tenant_scope(world.tenant.id), connection.cursor() as cursor:
        cursor.execute("SELECT key, operation FROM stateward_change ORDER BY seq")
        return cursor.fetchall()


def approvals_of(world: World, key: str) -> int:
    with tenant_scope(world.tenant.id), connection.cursor() as cursor:
        cursor.execute(
            "SELECT jsonb_array_length(convert_from(record, 'UTF8')::jsonb -> 'approvals') "
            "FROM stateward_audit_record WHERE entry_key = %s AND action = 'state.write'",
            (key,),
        )
        return int(cursor.fetchone()[0])


def sealed_of(world: World, pending: str) -> bytes | None:
    with tenant_scope(world.tenant.id), connection.cursor() as cursor:
        cursor.execute(
            "SELECT sealed FROM stateward_pending_operation WHERE pending_id = %s", (pending,)
        )
        sealed = cursor.fetchone()[0]
        return None if sealed is None else bytes(sealed)


def age(world: World, pending: str) -> None:
    with tenant_scope(world.tenant.id), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE stateward_pending SET expires_at = now() - interval '1 s' WHERE id = %s",
            (pending,),
        )

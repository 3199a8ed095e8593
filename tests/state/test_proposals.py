"""Proposals: N of M voters accept a value, and the deciding vote writes it."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from django.db import connection

from governance.policies.services import activate, create_policy
from stateward.operations.plane import Plane
from stateward.tenancy.actors import Actor
from stateward.tenancy.scope import tenant_scope
from tests.factories.state import CALL, World, audit_records
from tests.factories.tenants import make_agent, make_key, make_member
from tests.state.conftest import Caller, Sessions
from tests.state.test_leases import in_thread, take, token

PROPOSALS = "/api/v1/namespaces/notes/proposals"


class Voter(Caller):
    """A caller with the id it votes under."""

    id: str

    async def vote(self, proposal: dict[str, Any], vote: str, **headers: str) -> httpx.Response:
        return await ask(self, "POST", f"/{proposal['id']}/votes", {"vote": vote}, **headers)


async def ask(
    call: Caller, method: str, path: str = "", body: Any = None, **headers: str
) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await call.http.request(
        method, PROPOSALS + path, json=body,
        headers={"authorization": f"Bearer {call.key}", **named},
    )  # fmt: skip


@pytest.fixture
def voters(world: World, http: httpx.AsyncClient) -> list[Voter]:
    """Three agents that read only."""
    made = []
    for _ in range(3):
        agent = make_agent(world.tenant, "reader")
        made.append(Voter(http, make_key(agent).text))
        made[-1].id = str(agent.id)
    return made


@pytest.fixture
def stranger(world: World, http: httpx.AsyncClient) -> Caller:
    return Caller(http, make_key(make_agent(world.tenant, "writer")).text)


async def propose(
    call: Caller, voters: list[Voter], quorum: int = 2, value: Any = "new", **more: Any
) -> dict[str, Any]:
    body = {"key": "k", "value": value, "quorum": quorum, "voters": [v.id for v in voters], **more}
    answer = await ask(call, "POST", "", body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def test_the_vote_that_makes_the_quorum_writes_the_value(
    world: World, call: Caller, voters: list[Voter]
) -> None:
    made = await propose(call, voters, note="as agreed")

    first = await voters[0].vote(made, "accept")
    absent = await call("GET", "k")
    second = await voters[1].vote(made, "accept")
    entry = (await call("GET", "k")).json()

    assert (first.json()["state"], first.json()["accepted"]) == ("open", 1)
    assert absent.status_code == 404
    assert (second.json()["state"], second.json()["version"]) == ("committed", 1)
    assert (entry["value"], entry["version"]) == ("new", 1)
    assert entry["updated_by"]["id"] == str(world.agent.id)
    late = await voters[2].vote(made, "reject")
    assert (late.status_code, late.json()["code"]) == (409, "proposal_over")
    actions = [one[0] for one in await in_thread(audit_records, world.tenant.id)]
    assert actions.count("state.vote") == 2
    assert actions.count("state.write") == actions.count("state.propose") == 1


async def test_rejections_that_make_the_quorum_impossible_end_it(
    call: Caller, voters: list[Voter]
) -> None:
    made = await propose(call, voters)

    answers = [await voter.vote(made, "reject") for voter in voters[:2]]

    assert [answer.json()["state"] for answer in answers] == ["open", "rejected"]
    assert (await voters[2].vote(made, "accept")).status_code == 409
    assert (await call("GET", "k")).status_code == 404


async def test_a_vote_counts_once_and_may_be_changed_while_it_is_open(
    call: Caller, voters: list[Voter]
) -> None:
    made = await propose(call, voters)

    again = [await voters[0].vote(made, "accept") for _ in range(3)][-1]
    changed = await voters[0].vote(made, "reject")
    back = await voters[0].vote(made, "accept")

    assert (again.json()["accepted"], again.json()["state"]) == (1, "open")
    assert (changed.json()["accepted"], changed.json()["rejected"]) == (0, 1)
    assert back.json()["accepted"] == 1
    assert (await voters[1].vote(made, "accept")).json()["state"] == "committed"


async def test_two_deciding_votes_at_once_commit_once(
    world: World, call: Caller, voters: list[Voter]
) -> None:
    elsewhere = Plane()
    await elsewhere.travel.open()
    transport = httpx.ASGITransport(app=elsewhere, client=("192.0.2.9", 4711))
    async with httpx.AsyncClient(transport=transport, base_url="http://stateward.test") as there:
        voters[1].http = there
        for _ in range(3):
            made = await propose(call, voters)
            await voters[2].vote(made, "accept")
            answers = await asyncio.gather(*(voter.vote(made, "accept") for voter in voters[:2]))
            assert sorted(answer.status_code for answer in answers) == [200, 409]
    await elsewhere.changes.close()
    await elsewhere.travel.close()

    assert (await call("GET", "k")).json()["version"] == 3


async def test_past_its_time_it_is_over_at_once(call: Caller, voters: list[Voter]) -> None:
    made = await propose(call, voters, quorum=1, expires_in_seconds=0.2)
    await asyncio.sleep(0.25)

    late = await voters[0].vote(made, "accept")

    assert (late.status_code, late.json()["code"]) == (409, "proposal_over")
    assert (await ask(call, "GET", f"/{made['id']}")).json()["state"] == "expired"
    listed = await ask(call, "GET", "?state=expired")
    assert [one["id"] for one in listed.json()["items"]] == [made["id"]]
    assert (await ask(call, "GET", "?state=open")).json()["items"] == []


async def test_a_lease_keeps_a_deciding_vote_out_and_nothing_is_counted(
    call: Caller, voters: list[Voter]
) -> None:
    made = await propose(call, voters, quorum=1)
    lease = await take(call)

    refused = await voters[0].vote(made, "accept")

    assert (refused.status_code, refused.json()["code"]) == (423, "leased")
    now = (await ask(call, "GET", f"/{made['id']}")).json()
    assert (now["state"], now["accepted"]) == ("open", 0)
    assert (await call.put("k", 1, **token(lease))).status_code == 201


async def test_a_named_version_must_still_stand(call: Caller, voters: list[Voter]) -> None:
    await call.put("k", "old")
    made = await propose(call, voters, quorum=1, if_version=1)
    await call.put("k", "newer")

    refused = await voters[0].vote(made, "accept")

    assert (refused.status_code, refused.json()["current_version"]) == (412, 2)
    assert (await call("GET", "k")).json()["value"] == "newer"


async def test_what_the_proposer_may_no_longer_do_no_vote_does(
    world: World, call: Caller, voters: list[Voter]
) -> None:
    made = await propose(call, voters, quorum=1)
    text = f"""forbid (principal == Agent::"{world.agent.id}", action == Action::"state.write",
        resource);"""
    await in_thread(in_force, world, "no-writes", text)

    refused = await voters[0].vote(made, "accept")

    assert (refused.status_code, refused.json()["code"]) == (409, "proposal_refused")
    assert (await ask(call, "GET", f"/{made['id']}?values=false")).json()["accepted"] == 0
    again = {"key": "k", "value": 1, "quorum": 1, "voters": [voters[0].id]}
    assert (await ask(call, "POST", "", again)).status_code == 403


async def test_the_vote_of_one_who_may_no_longer_vote_does_not_count(
    world: World, call: Caller, voters: list[Voter]
) -> None:
    made = await propose(call, voters)
    await voters[0].vote(made, "accept")
    text = f"""forbid (principal == Agent::"{voters[0].id}", action == Action::"state.vote",
        resource);"""
    await in_thread(in_force, world, "no-vote", text)

    second = await voters[1].vote(made, "accept")
    third = await voters[2].vote(made, "accept")

    assert second.json()["state"] == "open"
    assert third.json()["state"] == "committed"
    assert (await voters[0].vote(made, "reject")).status_code == 403


async def test_only_the_named_vote_and_only_the_proposer_withdraws(
    call: Caller, voters: list[Voter], stranger: Caller
) -> None:
    made = await propose(call, voters[:1], quorum=1)
    place = f"/{made['id']}"

    assert (await voters[1].vote(made, "accept")).json()["code"] == "not_a_voter"
    assert (await ask(stranger, "DELETE", place)).status_code == 403
    assert (await ask(call, "DELETE", place)).status_code == 204
    assert (await voters[0].vote(made, "accept")).status_code == 409
    assert (await ask(call, "GET", place)).json()["state"] == "withdrawn"


async def test_a_proposal_is_judged_by_the_schema_when_made(
    world: World, call: Caller, voters: list[Voter]
) -> None:
    from stateward.state.services.namespaces import update_namespace  # noqa: PLC0415

    def strict() -> None:
        with tenant_scope(world.tenant.id):
            update_namespace(world.actor, CALL, "notes", {"schema": {"type": "integer"}})

    made = await propose(call, voters, quorum=1)
    await in_thread(strict)
    refused = await voters[0].vote(made, "accept")
    body = {"key": "k", "value": "text", "quorum": 1, "voters": [voters[0].id]}
    again = await ask(call, "POST", "", body)

    assert (refused.status_code, refused.json()["code"]) == (409, "proposal_refused")
    assert (again.status_code, again.json()["errors"][0]["pointer"]) == (422, "/value")


async def test_the_value_is_sealed_and_gone_when_it_is_over(
    world: World, call: Caller, voters: list[Voter], sessions: Sessions
) -> None:
    made = await propose(call, voters, quorum=1, value="a canary of 7391")
    session = sessions()
    stored = "SELECT value FROM stateward_proposal"
    sealed = session.execute(stored).fetchone()
    read = await ask(call, "GET", f"/{made['id']}")
    await voters[0].vote(made, "accept")
    session.commit()

    assert sealed is not None
    assert b"canary" not in bytes(sealed[0])
    assert read.json()["value"] == "a canary of 7391"
    assert session.execute(stored).fetchone() == (None,)
    assert (await call("GET", "k")).json()["value"] == "a canary of 7391"


async def test_repeats_are_answered_as_the_first_was(call: Caller, voters: list[Voter]) -> None:
    body = {"key": "k", "value": 1, "quorum": 1, "voters": [voters[0].id]}
    made = [await ask(call, "POST", "", body, idempotency_key="a") for _ in range(2)]
    votes = [await voters[0].vote(made[0].json(), "accept", idempotency_key="b") for _ in range(2)]

    assert made[0].json() == made[1].json()
    assert [answer.status_code for answer in votes] == [200, 200]
    assert votes[1].headers["idempotency-replayed"] == "true"
    assert (await call("GET", "k")).json()["version"] == 1


def in_force(world: World, name: str, text: str) -> None:
    owner = make_member(world.tenant, "owner")
    actor = Actor("member", owner.id, "Olga", world.tenant.id, world.tenant.slug, ("owner",))
    with tenant_scope(world.tenant.id):
        made = create_policy(actor, CALL, name=name, text=text)
        activate(actor, CALL, made.id, version=1)
    connection.close()

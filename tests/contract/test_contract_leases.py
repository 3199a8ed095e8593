"""Leases and proposals: each line of the contract, over HTTP and through the client."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from datetime import datetime
from typing import Any

import httpx
import pytest

from agents_bridge import AsyncClient, Client, Locked
from tests.contract.parties import Enter, Party, make_namespace
from tests.contract.problems import pointers, refused
from tests.e2e.shared_stack import SharedStack

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("shared_stack")]


@pytest.fixture(scope="module")
def writer(enter: Enter) -> Party:
    return enter("writer")


HOLDER = """
import sys, time
from agents_bridge import Client
client = Client(*sys.argv[1:3])
with client.lease(sys.argv[3], "k", ttl_seconds=2) as held:
    print(held.fencing_token, flush=True)
    time.sleep(60)
"""


def take(http: httpx.Client, namespace: str, **more: Any) -> httpx.Response:
    body = {"key": "k", "ttl_seconds": 30, **more}
    return http.post(f"/namespaces/{namespace}/leases", json=body)


def fencing(lease: dict[str, Any]) -> dict[str, str]:
    return {"Stateward-Fencing-Token": str(lease["fencing_token"])}


def test_a_lease_is_granted_refused_renewed_and_released(
    http: httpx.Client, writer: Party, builder: Party, namespace: str, place: str
) -> None:
    answer = take(http, namespace)
    lease = answer.json()
    held = refused(take(writer.http, namespace), 423)
    path = f"/namespaces/{namespace}/leases/{lease['id']}"

    assert answer.status_code == 201
    assert datetime.fromisoformat(lease["expires_at"]).tzinfo is not None
    assert held["holder"] == {"type": "agent", "id": builder.id, "name": builder.name}
    assert 0 < held["retry_after_seconds"] <= 30
    listed = writer.http.get(f"/namespaces/{namespace}/leases").json()
    assert [one["id"] for one in listed["items"]] == [lease["id"]]
    assert listed["next_cursor"] is None
    assert refused(writer.http.put(place, json={"value": 1}), 423)["code"] == "leased"
    assert refused(http.put(place, json={"value": 1}), 423)
    assert http.put(place, json={"value": 1}, headers=fencing(lease)).status_code == 201
    renewed = http.patch(path, json={"ttl_seconds": 60})
    assert renewed.json()["expires_at"] > lease["expires_at"]
    refused(writer.http.patch(path, json={"ttl_seconds": 60}), 403)
    assert http.delete(path).status_code == 204
    refused(http.delete(path), 404)
    assert writer.http.put(place, json={"value": 2}).status_code == 200


def test_a_token_smaller_than_the_largest_is_refused_for_ever(
    http: httpx.Client, namespace: str, place: str
) -> None:
    first = take(http, namespace).json()
    http.delete(f"/namespaces/{namespace}/leases/{first['id']}")
    second = take(http, namespace).json()

    stale = refused(http.put(place, json={"value": 1}, headers=fencing(first)), 412)
    assert stale["code"] == "stale_fencing_token"
    http.put(place, json={"value": 1}, headers=fencing(second))
    http.delete(place, headers=fencing(second))
    http.delete(f"/namespaces/{namespace}/leases/{second['id']}")
    refused(http.put(place, json={"value": 1}, headers=fencing(first)), 412)
    assert http.put(place, json={"value": 1}).status_code == 201


def test_whoever_waits_is_granted_it_when_it_is_released(
    http: httpx.Client, writer: Party, namespace: str
) -> None:
    lease = take(http, namespace).json()
    release = threading.Timer(
        0.4, lambda: http.delete(f"/namespaces/{namespace}/leases/{lease['id']}")
    )
    release.start()
    began = time.monotonic()

    waited = take(writer.http, namespace, wait_seconds=20)
    release.join()

    assert waited.status_code == 201
    assert 0.3 < time.monotonic() - began < 15
    assert waited.json()["fencing_token"] > lease["fencing_token"]
    assert refused(take(http, namespace, wait_seconds=0.2), 423)


def test_a_holder_that_was_killed_is_followed_by_the_next(
    http: httpx.Client, running_stack: SharedStack, writer: Party, namespace: str, place: str
) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, running_stack.url, writer.api_key, namespace],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert holder.stdout is not None
    with holder, holder.stdout:
        token = holder.stdout.readline().strip()
        refused(take(http, namespace), 423)
        holder.send_signal(signal.SIGKILL)

    following = take(http, namespace, wait_seconds=20)

    assert following.status_code == 201
    late = {"Stateward-Fencing-Token": token}
    refused(writer.http.put(place, json={"value": "late"}, headers=late), 412)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"ttl_seconds": 1}, "/key"),
        ({"key": 1, "ttl_seconds": 1}, "/key"),
        ({"key": "a/b", "ttl_seconds": 1}, ""),
        ({"key": "k"}, "/ttl_seconds"),
        ({"key": "k", "ttl_seconds": 0}, "/ttl_seconds"),
        ({"key": "k", "ttl_seconds": True}, "/ttl_seconds"),
        ({"key": "k", "ttl_seconds": 1e9}, "/ttl_seconds"),
        ({"key": "k", "ttl_seconds": 1, "wait_seconds": 61}, "/wait_seconds"),
        ({"key": "k", "ttl_seconds": 1, "fencing_token": 9}, "/fencing_token"),
    ],
)
def test_a_wrong_wish_for_a_lease_is_refused_with_its_place(
    http: httpx.Client, namespace: str, body: Any, pointer: str
) -> None:
    answer = http.post(f"/namespaces/{namespace}/leases", json=body)

    assert answer.status_code in {400, 422}
    assert pointers(refused(answer, answer.status_code)) in ([pointer], ["/key"])


def test_leases_and_proposals_of_others_do_not_exist(
    http: httpx.Client, enter: Enter, namespace: str, reader: Party
) -> None:
    lease = take(http, namespace).json()
    stranger = enter("builder")  # of namespaces of its own only
    nobody = "00000000-0000-7000-8000-000000000000"

    for path in (f"leases/{lease['id']}", f"leases/{nobody}", "leases/x"):
        refused(stranger.http.delete(f"/namespaces/{namespace}/{path}"), 404)
    refused(stranger.http.get(f"/namespaces/{namespace}/leases"), 404)
    refused(stranger.http.get(f"/namespaces/{namespace}/proposals"), 404)
    refused(take(stranger.http, namespace), 404)
    refused(take(reader.http, namespace), 403)
    refused(http.get(f"/namespaces/{namespace}/proposals/{nobody}"), 404)


def propose(http: httpx.Client, namespace: str, *voters: Party, **more: Any) -> httpx.Response:
    body = {
        "key": "k", "value": {"seats": 2}, "quorum": 2, "voters": [one.id for one in voters],
        "expires_in_seconds": 60, **more,
    }  # fmt: skip
    return http.post(f"/namespaces/{namespace}/proposals", json=body)


def test_the_deciding_vote_writes_the_value(
    http: httpx.Client, writer: Party, reader: Party, builder: Party, namespace: str, place: str
) -> None:
    made = propose(http, namespace, writer, reader, builder, note="two seats")
    path = f"/namespaces/{namespace}/proposals/{made.json()['id']}"

    assert made.status_code == 201
    assert (made.json()["state"], made.json()["version"]) == ("open", None)
    assert "value" not in made.json()
    assert reader.http.get(path).json()["value"] == {"seats": 2}
    first = reader.http.post(f"{path}/votes", json={"vote": "accept"})
    refused(http.get(place), 404)
    second = writer.http.post(f"{path}/votes", json={"vote": "accept"})
    assert (first.json()["state"], second.json()["state"]) == ("open", "committed")
    assert http.get(place).json()["value"] == {"seats": 2}
    assert http.get(f"{place}/revisions").json()["items"][0]["note"] == "two seats"
    voted = {one["name"]: one["vote"] for one in second.json()["voters"]}
    assert voted == {reader.name: "accept", writer.name: "accept", builder.name: None}
    late = refused(http.post(f"{path}/votes", json={"vote": "reject"}), 409)
    assert late["code"] == "proposal_over"
    listed = http.get(f"/namespaces/{namespace}/proposals?state=committed").json()["items"]
    assert [one["id"] for one in listed] == [made.json()["id"]]


def test_voters_may_be_named_in_several_ways(
    http: httpx.Client, writer: Party, reader: Party, namespace: str
) -> None:
    voters = [writer.name, {"type": "agent", "id": reader.id}]

    named = propose(http, namespace, voters=voters, quorum=1)
    unknown = refused(propose(http, namespace, voters=[writer.name, "nobody"], quorum=1), 422)
    twice = refused(propose(http, namespace, voters=[writer.name, writer.id], quorum=1), 422)

    assert [one["id"] for one in named.json()["voters"]] == [writer.id, reader.id]
    assert pointers(unknown) == pointers(twice) == ["/voters/1"]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"quorum": 0}, "/quorum"),
        ({"quorum": 3}, "/quorum"),
        ({"voters": []}, "/voters"),
        ({"voters": [1, "x"]}, "/voters/0"),
        ({"expires_in_seconds": 0}, "/expires_in_seconds"),
        ({"expires_in_seconds": 1e9}, "/expires_in_seconds"),
        ({"if_version": 0}, "/if_version"),
        ({"state": "committed"}, "/state"),
    ],
)
def test_a_wrong_proposal_is_refused_with_its_place(
    http: httpx.Client, writer: Party, reader: Party, namespace: str, change: Any, pointer: str
) -> None:
    answer = propose(http, namespace, writer, reader, **change)

    assert answer.status_code in {400, 422}
    assert pointers(refused(answer, answer.status_code)) == [pointer]


def test_a_proposal_needs_the_version_that_its_namespace_needs(
    http: httpx.Client, writer: Party
) -> None:
    namespace = make_namespace(http, concurrency="versioned")
    http.put(
        f"/namespaces/{namespace}/entries/k", json={"value": 1}, headers={"If-None-Match": "*"}
    )

    refused(propose(http, namespace, writer, quorum=1), 428)
    assert propose(http, namespace, writer, quorum=1, if_version=1).status_code == 201


def test_the_client_leases_proposes_and_votes(
    running_stack: SharedStack, builder: Party, writer: Party, reader: Party, namespace: str
) -> None:
    with (
        Client(running_stack.url, builder.api_key) as mine,
        Client(running_stack.url, writer.api_key) as theirs,
        Client(running_stack.url, reader.api_key) as watching,
    ):
        with mine.lease(namespace, "k", ttl_seconds=20) as held:
            held.entries.put(namespace, "k", 1)
            with pytest.raises(Locked):
                theirs.entries.put(namespace, "k", 2)
            assert [lease.key for lease in watching.leases.list(namespace)] == ["k"]
        assert [*watching.leases.list(namespace)] == []
        made = mine.proposals.propose(namespace, "k", 3, quorum=1, voters=[reader.name])
        assert watching.proposals.get(namespace, made.id).value == 3
        done = watching.proposals.vote(namespace, made.id, "accept")
        assert (done.state, done.version) == ("committed", 2)
        back = mine.proposals.propose(namespace, "k", 4, quorum=1, voters=[reader.name])
        mine.proposals.withdraw(namespace, back.id)
        states = [one.state for one in mine.proposals.list(namespace)]
        assert states == ["withdrawn", "committed"]


async def test_the_asynchronous_client_does_the_same(
    running_stack: SharedStack, builder: Party, reader: Party, namespace: str
) -> None:
    async with (
        AsyncClient(running_stack.url, builder.api_key) as mine,
        AsyncClient(running_stack.url, reader.api_key) as watching,
    ):
        async with mine.lease(namespace, "k", ttl_seconds=20, wait_seconds=1) as held:
            await held.entries.put(namespace, "k", 1)
        made = await mine.proposals.propose(namespace, "k", 3, quorum=1, voters=[reader.id])
        done = await watching.proposals.vote(namespace, made.id, "reject")
        assert done.state == "rejected"
        assert [one.id async for one in mine.proposals.list(namespace, state="rejected")]

"""Leases from the client's side: taken, renewed and given back around a block of code."""

from __future__ import annotations

import subprocess
import sys

import pytest

import agents_bridge
from agents_bridge import Locked, NotFound, PreconditionFailed, Retry
from agents_bridge.testing import FakeServer
from tests.bridge.test_cli import Command, stateward
from tests.factories.processes import until

__all__ = ["stateward"]  # a fixture


@pytest.fixture
def client() -> agents_bridge.Client:
    made = FakeServer().client(retry=Retry(attempts=1))
    made.namespaces.create("jobs")
    return made


def test_what_is_written_in_the_block_carries_the_token(client: agents_bridge.Client) -> None:
    with client.lease("jobs", "nightly") as held:
        with pytest.raises(Locked) as refused:
            client.entries.put("jobs", "nightly", 1)
        held.entries.put("jobs", "nightly", 2)
        held.entries.merge_patch("jobs", "nightly", {"a": 1})
        client.entries.put("jobs", "nightly", 3, fencing_token=held.fencing_token)
        held.entries.put("jobs", "other", 1)  # of another key it says nothing

    assert refused.value.retry_after == 30
    assert client.entries.put("jobs", "nightly", 4).version == 4
    with pytest.raises(PreconditionFailed):
        client.entries.put("jobs", "nightly", 5, fencing_token=held.fencing_token + 1)


def test_it_is_renewed_while_the_block_runs(client: agents_bridge.Client) -> None:
    with client.lease("jobs", "nightly", ttl_seconds=3) as held:
        first = held.lease.expires_at
        until(lambda: held.lease.expires_at > first, "the renewal")
        with pytest.raises(Locked):
            client.leases.acquire("jobs", "nightly")
        assert held.lost is None
    assert client.leases.acquire("jobs", "nightly").fencing_token > held.fencing_token


def test_a_lease_that_was_ended_elsewhere_is_known_to_be_lost(
    client: agents_bridge.Client,
) -> None:
    with client.lease("jobs", "nightly", ttl_seconds=1) as held:
        client.leases.release("jobs", held.lease.id)
        client.leases.acquire("jobs", "nightly")
        until(lambda: held.lost is not None, "the refusal")
        assert isinstance(held.lost, NotFound)
        with pytest.raises(PreconditionFailed):
            held.entries.put("jobs", "nightly", 1)


async def test_the_asynchronous_client_does_the_same(server: FakeServer) -> None:
    async with server.async_client(retry=Retry(attempts=1)) as client:
        await client.namespaces.create("jobs")
        async with client.lease("jobs", "nightly", ttl_seconds=5) as held:
            await held.entries.put("jobs", "nightly", 1)
            with pytest.raises(Locked):
                await client.entries.put("jobs", "nightly", 2)
            assert [lease.key async for lease in client.leases.list("jobs")] == ["nightly"]
        assert (await client.entries.put("jobs", "nightly", 2)).version == 2


def test_the_command_takes_lists_renews_and_releases(stateward: Command) -> None:
    taken = stateward("lease", "take", "notes", "door", "--json").data
    listed = stateward("lease", "list", "notes")
    refused = stateward("lease", "take", "notes", "door")
    renewed = stateward("lease", "renew", "notes", taken["id"], "--ttl", "90", "--json").data

    assert "door" in listed.out
    assert refused.code == 4
    assert renewed["fencing_token"] == taken["fencing_token"]
    assert stateward("lease", "release", "notes", taken["id"]).code == 0
    assert stateward("lease", "take", "notes", "door").code == 0


def test_a_command_runs_under_a_lease(stateward: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = []

    def remember(command: list[str], **how: object) -> subprocess.CompletedProcess[bytes]:
        ran.append((command, how["env"]))
        assert stateward("lease", "take", "notes", "door").code == 4
        return subprocess.CompletedProcess(command, 7)

    monkeypatch.setattr(subprocess, "run", remember)
    ended = stateward("lease", "run", "notes", "door", "--", sys.executable, "-V")

    assert ended.code == 7
    assert ran[0][0] == [sys.executable, "-V"]
    assert ran[0][1]["STATEWARD_FENCING_TOKEN"] == "1"  # type: ignore[index]  # the environment
    assert stateward("lease", "take", "notes", "door").code == 0

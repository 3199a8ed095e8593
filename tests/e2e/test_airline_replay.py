"""Real agents' traffic, all at once, through the client against the running product: nothing is
lost, nothing is doubled, everything is on record, and who may not, could not.
"""

from __future__ import annotations

import asyncio
import json
import time
import warnings
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from agents_bridge import Agent, AsyncClient, Client, Forbidden, Policy
from agents_bridge.cli import _app
from tests.e2e.airline_runs import BOOKINGS, CONVERSATIONS, CUSTOMERS, Run, Write, load_runs
from tests.e2e.shared_stack import SharedStack

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("shared_stack")]

AGENTS = 8
CLASSIFICATIONS = {CONVERSATIONS: "internal", CUSTOMERS: "restricted", BOOKINGS: "confidential"}
SEALED_WITHIN_SECONDS = 60.0

POLICY = """\
permit (
    principal is Agent,
    action in [
        Action::"namespace.read",
        Action::"state.read",
        Action::"state.write",
        Action::"state.decrypt_restricted"
    ],
    resource
) when {{
    principal.team == "{team}" &&
    resource has classification && resource.classification == "restricted"
}};

forbid (principal is Agent, action in Action::"state.*", resource)
when {{ principal.name == "{trainee}" && resource.classification == "restricted" }};
"""


@dataclass(frozen=True)
class Acknowledged:
    """A write that the server said it has made."""

    place: str
    key: str
    version: int
    value: Any


@dataclass
class Replay:
    """Everything that was sent and what the server said to it."""

    names: dict[str, str]
    acknowledged: list[Acknowledged] = field(default_factory=list)
    refusals: list[tuple[str, Forbidden]] = field(default_factory=list)
    refused_reads: int = 0
    seconds: float = 0.0

    @cached_property  # read only once the replay is over
    def by_key(self) -> dict[tuple[str, str], list[Acknowledged]]:
        found = defaultdict(list)
        for write in self.acknowledged:
            found[write.place, write.key].append(write)
        return found


@dataclass(frozen=True)
class Desk:
    """The cast: an owner of the namespaces, eight agents of which the last is the trainee."""

    url: str
    admin: Client
    team: str
    owner_key: str
    keys: list[str]
    agents: list[Agent]
    policy: Policy
    began_at: datetime


@pytest.fixture(scope="module")
def desk(running_stack: SharedStack) -> Iterator[Desk]:
    """Agents with keys, and the policy in force."""
    with running_stack.admin() as admin:
        team = f"desk-{uuid4().hex[:8]}"
        began_at = admin.health.ready().server_time or datetime.now(UTC)
        owner = admin.agents.create(f"{team}-owner", roles=["builder"], team=team)
        agents = [
            admin.agents.create(f"{team}-{number}", roles=["writer"], team=team)
            for number in range(AGENTS)
        ]
        policy = admin.policies.create(
            f"Restricted data of {team}", POLICY.format(team=team, trainee=agents[-1].name)
        )
        policy = admin.policies.activate(policy.id, 1)
        keys = [str(admin.agents.issue_credential(each.id).api_key) for each in [owner, *agents]]
        yield Desk(
            running_stack.url,
            admin,
            team,
            keys[0],
            keys[1:],
            agents,
            policy,
            began_at - timedelta(seconds=1),
        )
        admin.policies.deactivate(policy.id)


@pytest.fixture(scope="module")
def replay(desk: Desk) -> Replay:
    """The replay itself, once for all the promises below."""
    runs, told = load_runs()
    if "absent" in told:
        warnings.warn(told, stacklevel=1)
    began = time.monotonic()
    replay = asyncio.run(_replay(desk, runs))
    replay.seconds = time.monotonic() - began
    print(f"\n{told}: {len(replay.acknowledged)} writes in {replay.seconds:.1f} s")
    return replay


async def _replay(desk: Desk, runs: list[Run]) -> Replay:
    names = {place: f"{desk.team}.{place}" for place in CLASSIFICATIONS}
    async with AsyncClient(desk.url, desk.owner_key) as owner:
        for place, name in names.items():
            await owner.namespaces.create(name, classification=CLASSIFICATIONS[place])  # type: ignore[arg-type]
    replay = Replay(names)
    clients = [AsyncClient(desk.url, key, purpose="replay") for key in desk.keys]
    work = [(clients[number], runs[number::AGENTS]) for number in range(AGENTS)]
    try:
        await asyncio.gather(*(_work(replay, client, share, clients[0]) for client, share in work))
    finally:
        await asyncio.gather(*(client.close() for client in clients))
    return replay


async def _work(
    replay: Replay, client: AsyncClient, runs: list[Run], colleague: AsyncClient
) -> None:
    """One agent's share. What it may not write is left to a colleague who may."""
    for run in runs:
        hand = client.with_options(run=run.name)
        for write in run.writes():
            try:
                await _put(replay, hand, write)
            except Forbidden as refusal:
                replay.refusals.append((write.where, refusal))
                await _put(replay, colleague.with_options(run=run.name), write)
                with pytest.raises(Forbidden):
                    await hand.entries.get(replay.names[CUSTOMERS], write.key)
                replay.refused_reads += 1


async def _put(replay: Replay, client: AsyncClient, write: Write) -> None:
    entry = await client.entries.put(replay.names[write.where], write.key, write.value)
    replay.acknowledged.append(Acknowledged(write.where, write.key, entry.version, write.value))


def test_every_message_call_and_result_was_written(replay: Replay) -> None:
    runs, _ = load_runs()
    meant = [write for run in runs for write in run.writes()]

    assert len(replay.acknowledged) == len(meant)
    assert {each.place for each in replay.acknowledged} == set(CLASSIFICATIONS)


def test_versions_have_no_gaps(replay: Replay) -> None:
    for (place, key), writes in replay.by_key.items():
        versions = sorted(write.version for write in writes)
        assert versions == list(range(1, len(writes) + 1)), (place, key)


async def test_every_value_read_back_is_what_was_sent(desk: Desk, replay: Replay) -> None:
    newest = {
        key: max(writes, key=lambda write: write.version) for key, writes in replay.by_key.items()
    }
    found: dict[tuple[str, str], Any] = {}
    async with AsyncClient(desk.url, desk.keys[0]) as client:
        for place, name in replay.names.items():
            async for entry in client.entries.list(name, page_size=500):
                found[place, entry.key] = (entry.version, entry.value)

    assert found == {key: (write.version, write.value) for key, write in newest.items()}


async def test_every_version_of_the_past_is_what_was_sent(desk: Desk, replay: Replay) -> None:
    """For what several agents wrote: customers and bookings, each version of each."""
    past = [write for write in replay.acknowledged if write.place != CONVERSATIONS]

    async def check(client: AsyncClient, writes: list[Acknowledged]) -> None:
        for write in writes:
            name = replay.names[write.place]
            entry = await client.entries.get(name, write.key, version=write.version)
            assert entry.value == write.value, write.key

    async with AsyncClient(desk.url, desk.keys[0]) as client:
        await asyncio.gather(*(check(client, past[number::16]) for number in range(16)))


def test_the_history_names_every_version(desk: Desk, replay: Replay) -> None:
    busiest = max(replay.by_key, key=lambda key: len(replay.by_key[key]))
    with Client(desk.url, desk.keys[0]) as client:
        name = replay.names[busiest[0]]
        history = [each.version for each in client.entries.history(name, busiest[1], page_size=7)]

    assert history == list(range(len(replay.by_key[busiest]), 0, -1))


def test_the_policy_held_throughout(desk: Desk, replay: Replay) -> None:
    trainee = desk.agents[-1]
    written = {
        revision.actor.id
        for (place, key) in replay.by_key
        if place == CUSTOMERS
        for revision in _history(desk, replay.names[CUSTOMERS], key)
        if revision.actor
    }
    denied = desk.admin.audit.search(
        since=desk.began_at, actor=trainee.id, action="state.write", outcome="deny_forbid"
    )

    assert {where for where, _ in replay.refusals} == {CUSTOMERS}
    assert all(refusal.decision_id for _, refusal in replay.refusals)
    assert replay.refused_reads == len(replay.refusals)
    assert trainee.id not in written
    assert next(iter(denied)).actor is not None


def _history(desk: Desk, name: str, key: str) -> Any:
    with Client(desk.url, desk.keys[0]) as client:
        return list(client.entries.history(name, key))


@pytest.fixture(scope="module")
def bundle(desk: Desk, replay: Replay, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All records since the beginning, once those of the replay are sealed."""
    path = tmp_path_factory.mktemp("audit") / "bundle.txt"
    deadline = time.monotonic() + SEALED_WITHIN_SECONDS
    while True:
        desk.admin.audit.bundle(path, since=desk.began_at)
        found = sum(1 for _ in _changes(path, desk))
        if found >= len(replay.acknowledged) or time.monotonic() > deadline:
            return path
        time.sleep(0.5)


def test_the_tree_verifies(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _app.run(["verify", str(bundle)]) == 0, capsys.readouterr()


def test_a_changed_bundle_does_not(bundle: Path, tmp_path: Path) -> None:
    content = bundle.read_bytes()
    place = content.index(b"state.write", len(content) // 2)
    changed = tmp_path / "changed.txt"
    changed.write_bytes(content[:place] + b"State.write" + content[place + 11 :])

    assert _app.run(["verify", str(changed)]) == 1


def test_there_is_one_record_for_each_acknowledged_change(
    bundle: Path, desk: Desk, replay: Replay
) -> None:
    recorded = sorted(_changes(bundle, desk))
    acknowledged = sorted((each.place, each.key, each.version) for each in replay.acknowledged)

    assert recorded == acknowledged


def _changes(bundle: Path, desk: Desk) -> Iterator[tuple[str, str, int]]:
    """(place, key, version) of each change by the desk's agents that is on record. Each place has a
    classification of its own, which tells them apart.
    """
    places = {classification: place for place, classification in CLASSIFICATIONS.items()}
    agents = {each.id for each in desk.agents}
    with bundle.open("rb") as lines:
        for line in lines:
            content = json.loads(line)
            record = content.get("record")
            if content.get("kind") != "record" or record["actor"]["id"] not in agents:
                continue
            if record["action"] == "state.write" and record["outcome"] == "allow":
                place = places[record["resource"]["classification"]]
                yield place, content["payload"]["key"], record["version"]

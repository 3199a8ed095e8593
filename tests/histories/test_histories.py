"""Concurrent clients of the running product while its data plane and its database are killed: what
they were told is held against what is there in the end.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import httpx
import pytest

from tests.histories.recorded import Event, Recorder, Revisions, kept_revisions
from tests.histories.workloads import WORKLOADS
from tests.operations.running_stack import RunningStack

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("histories")]

CLIENTS = 3  # of each workload
# What is killed, each time that all workloads have got some way. PostgreSQL's postmaster: all its
# backends go with it.
WOUNDS = ("dataplane", "postgres", "dataplane")
PARTS = {"dataplane": ("uvicorn", "stateward.asgi"), "postgres": ("postgres", "-D")}
ACKNOWLEDGED = int(os.environ.get("STATEWARD_HISTORY_ACKNOWLEDGED", "12"))  # before each, and after
PATIENCE = 150.0


@pytest.fixture(scope="module")
def histories(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, tuple[list[Event], Revisions]]]:
    """One run of all workloads at once."""
    stack = RunningStack(Path(tmp_path_factory.mktemp("histories")) / "home")
    stack.start(STATEWARD_DEMO="no")
    try:
        yield asyncio.run(_run(stack))
    finally:
        stack.stop(signal.SIGKILL)


async def _run(stack: RunningStack) -> dict[str, tuple[list[Event], Revisions]]:
    key = stack.quickstart["agents"][0]["api_key"]
    async with httpx.AsyncClient(
        base_url=f"{stack.url}/api/v1",
        headers={"Authorization": f"Bearer {key}"},
        timeout=5,
    ) as http:
        recorders = {name: Recorder(http, f"history.{name}") for name in WORKLOADS}
        for name, workload in WORKLOADS.items():
            body = {"name": recorders[name].namespace, **workload.settings}
            (await http.post("/namespaces", json=body)).raise_for_status()
            if workload.opening is not None:
                await workload.opening(recorders[name], 0, random.Random(0))
        is_over = asyncio.Event()
        clients = [
            asyncio.create_task(_client(name, recorders[name], number, is_over))
            for name in WORKLOADS
            for number in range(CLIENTS)
        ]
        for part in (*WOUNDS, None):
            await _progress(recorders.values())
            if part is not None:
                pid = await asyncio.to_thread(stack.pid_of, *PARTS[part])
                os.kill(pid, signal.SIGKILL)
        is_over.set()
        await asyncio.gather(*clients)
        await asyncio.sleep(1)  # what nobody waited for any more may just be ending
        return {
            name: (recorder.events, await kept_revisions(http, recorder.namespace))
            for name, recorder in recorders.items()
        }


async def _client(name: str, recorder: Recorder, number: int, is_over: asyncio.Event) -> None:
    chance = random.Random(f"{name} {number}")
    while not is_over.is_set():
        await WORKLOADS[name].step(recorder, number, chance)
        await asyncio.sleep(chance.random() * 0.05)


async def _progress(recorders: Iterable[Recorder]) -> None:
    """Until each workload has had some more calls acknowledged."""
    deadline = time.monotonic() + PATIENCE
    aims = [(recorder, acknowledged(recorder.events) + ACKNOWLEDGED) for recorder in recorders]
    while any(acknowledged(recorder.events) < aim for recorder, aim in aims):
        assert time.monotonic() < deadline, "the product did not come back"
        await asyncio.sleep(0.05)


def acknowledged(events: Sequence[Event]) -> int:
    return sum(event.outcome == "ok" for event in events)


@pytest.mark.parametrize("mode", WORKLOADS)
def test_the_history_of_each_mode_holds(
    histories: dict[str, tuple[list[Event], Revisions]], mode: str
) -> None:
    events, revisions = histories[mode]

    assert WORKLOADS[mode].judge(events, revisions) == []
    assert acknowledged(events) >= ACKNOWLEDGED * (len(WOUNDS) + 1)


def test_the_wounds_were_felt(histories: dict[str, tuple[list[Event], Revisions]]) -> None:
    unknown = [
        event for events, _ in histories.values() for event in events if event.outcome == "unknown"
    ]

    assert len(unknown) > len(WOUNDS)

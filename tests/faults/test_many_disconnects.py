"""F33: followers who leave in the middle of the stream a thousand times, and come again by what
they saw last: nothing is missed, nothing is told twice, and nobody stays behind.
"""

from __future__ import annotations

import asyncio
import json
import random
from typing import Any

import httpx

from tests.contract.parties import Party
from tests.e2e.shared_stack import SharedStack
from tests.patience import PATIENCE

FOLLOWERS = 20
LEAVES = 50  # of each: a thousand in all
CHANGES = 240
WRITERS = 4


class Follower:
    """Reads some changes at a time, and goes away whatever is on its way to it."""

    def __init__(self, http: httpx.AsyncClient, namespace: str, start: str, number: int) -> None:
        self.http = http
        self.query = {"namespace": namespace, "after": start, "values": "full"}
        self.cursor = start
        self.chance = random.Random(number)
        self.told: list[dict[str, Any]] = []
        self.leaves = 0

    async def follow(self) -> None:
        while self.leaves < LEAVES or len(self.told) < CHANGES:
            most = CHANGES - len(self.told)
            await self._read(min(self.chance.randint(0, 9), most))
            self.leaves += 1

    async def _read(self, count: int) -> None:
        """``count`` changes of one stream; what else had come is not looked at."""
        headers = {"Accept": "text/event-stream", "Last-Event-ID": self.cursor}
        async with self.http.stream(
            "GET", "/changes", params=self.query, headers=headers
        ) as answer:
            assert answer.status_code == 200
            text = ""
            async for piece in answer.aiter_text():
                text += piece
                while count and "\n\n" in text:
                    event, _, text = text.partition("\n\n")
                    count -= self._take(event)
                if not count:
                    return

    def _take(self, event: str) -> bool:
        """Whether it was a change. Its cursor is known from then on, as a client's would be."""
        fields = dict(line.split(": ", 1) for line in event.split("\n") if ": " in line)
        if "id" in fields:
            self.cursor = fields["id"]
        if fields.get("event", "message") != "message" or "data" not in fields:
            return False
        self.told.append(json.loads(fields["data"]))
        return True


async def write(http: httpx.AsyncClient, namespace: str, numbers: range) -> None:
    for number in numbers:
        path = f"/namespaces/{namespace}/entries/k{number % 7}"
        (await http.put(path, json={"value": number})).raise_for_status()
        await asyncio.sleep(0.01)


def test_a_thousand_disconnects_miss_nothing_and_double_nothing(
    running_stack: SharedStack, builder: Party, namespace: str
) -> None:
    async def run() -> tuple[list[Follower], list[dict[str, Any]]]:
        async with httpx.AsyncClient(
            base_url=f"{running_stack.url}/api/v1",
            headers={"Authorization": f"Bearer {builder.api_key}"},
            timeout=PATIENCE,
            limits=httpx.Limits(max_connections=None),
        ) as http:
            start = (await http.get("/changes", params={"after": "now"})).json()["next_cursor"]
            followers = [Follower(http, namespace, start, n) for n in range(FOLLOWERS)]
            writing = [write(http, namespace, range(n, CHANGES, WRITERS)) for n in range(WRITERS)]
            await asyncio.gather(*writing, *(one.follow() for one in followers))
            query = {"namespace": namespace, "after": start, "values": "full", "limit": 1000}
            page = await http.get("/changes", params=query)
            return followers, page.json()["items"]

    followers, kept = asyncio.run(run())

    assert sum(one.leaves for one in followers) >= FOLLOWERS * LEAVES
    assert len(kept) == CHANGES
    assert sorted(one["value"] for one in kept) == [*range(CHANGES)]
    for follower in followers:
        assert follower.told == kept

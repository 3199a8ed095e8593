"""Play the stories: each agent works through its share, at a pace a person can watch."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any

from agents_bridge import ApiError, AsyncClient, Forbidden, NotFound
from demo.stories import BOOKINGS, CONVERSATIONS, CUSTOMERS, NAMESPACES, Effect, Story, Turn

OWNERS_ALONE = CUSTOMERS


@dataclass(frozen=True)
class Cast:
    """Keys of the agents: who owns the namespaces, who works in them, who may only look."""

    owner: str
    workers: Sequence[str]
    onlooker: str


class Play:
    """One performance against one server."""

    def __init__(self, url: str, cast: Cast, pause: float) -> None:
        self._url = url
        self._cast = cast
        self._pause = pause
        self.counts: Counter[str] = Counter()

    async def run(self, stories: Sequence[Story]) -> Counter[str]:
        """Writes and refusals, counted."""
        async with AsyncClient(self._url, self._cast.owner) as owner:
            for name, facts in NAMESPACES.items():
                await owner.namespaces.ensure(name, **facts)
            keys = self._cast.workers
            shares = [stories[number :: len(keys)] for number in range(len(keys))]
            await asyncio.gather(
                *(self._work(key, share, owner) for key, share in zip(keys, shares, strict=True)),
                self._look(stories),
            )
        return self.counts

    async def _work(self, key: str, stories: Sequence[Story], owner: AsyncClient) -> None:
        async with AsyncClient(self._url, key) as client:
            for story in stories:
                await self._tell(story, client, owner)

    async def _tell(self, story: Story, client: AsyncClient, owner: AsyncClient) -> None:
        desk = client.with_options(run=story.run, purpose=story.purpose)
        keeper = owner.with_options(run=story.run, purpose=story.purpose)
        for number, turn in enumerate(story.turns):
            key = f"{story.run}.{number:03d}"
            await self._count(desk.entries.put(CONVERSATIONS, key, message(turn)))
            for effect in turn.effects:
                # Customers are restricted: only their owner may write them. The desk tries first,
                # now and then, and is refused, as happens with real agents.
                if effect.namespace == OWNERS_ALONE and number % 2:
                    await self._count(desk.entries.get(effect.namespace, effect.key))
                hand = keeper if effect.namespace == OWNERS_ALONE else desk
                await self._apply(effect, hand)
            await asyncio.sleep(self._pause)

    async def _apply(self, effect: Effect, client: AsyncClient) -> None:
        try:
            before = (await client.entries.get(effect.namespace, effect.key)).value
        except NotFound:
            before = {}
        value = {**before, **effect.members}
        await self._count(client.entries.put(effect.namespace, effect.key, value))

    async def _look(self, stories: Sequence[Story]) -> None:
        """An agent that only reads: it lists, looks, and once in a while oversteps."""
        async with AsyncClient(self._url, self._cast.onlooker, purpose="statistics") as client:
            for number, story in enumerate(stories):
                await self._count(client.entries.get(CONVERSATIONS, f"{story.run}.000"), "reads")
                if number % 6 == 0:
                    await self._count(client.entries.put(BOOKINGS, "average", {"fare": 0}))
                await asyncio.sleep(self._pause * 4)

    async def _count(self, call: Awaitable[Any], what: str = "writes") -> None:
        try:
            await call
        except (Forbidden, NotFound) as error:
            self.counts["refused" if isinstance(error, Forbidden) else "absent"] += 1
        except ApiError:
            self.counts["failed"] += 1
        else:
            self.counts[what] += 1


def message(turn: Turn) -> dict[str, Any]:
    """A turn in the shape tool-calling models speak."""
    said: dict[str, Any] = {"role": turn.role, "content": turn.content}
    if turn.tool and turn.role == "assistant":
        said["tool_calls"] = [{"name": turn.tool, "arguments": turn.arguments}]
    elif turn.tool:
        said["name"] = turn.tool
    return said

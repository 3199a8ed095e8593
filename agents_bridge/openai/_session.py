"""A conversation of the OpenAI Agents SDK, kept in governed state.

**One entry for each ``add_items``.** The items of one call lie in one entry, so that they are kept
whole or not at all and nobody's items come between them; an agent's reasoning stays beside what
follows from it. One entry for the whole conversation would be simpler, but each turn would write
all turns before it anew, and would meet the limit of 1 MiB.

**Numbered, newest first.** An entry's key is the session's id and the batch's number, counted down
from the largest, so that a list in order of keys begins with the newest: the last turns of a long
conversation cost one short page.

**Nothing is lost between writers.** ``add_items`` reads the newest number and creates the next one
under the condition that there is none. Of two processes that add at once one is refused, looks
again and takes the number after; both batches are there, in the order in which they were committed.
The newest number is read each time, never remembered, because another process may have cleared.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from agents_bridge._client import AsyncClient, ClientOptions
from agents_bridge._errors import Contended, NotFound, PreconditionFailed
from agents_bridge._keying import key_part
from agents_bridge._models import Entry

if TYPE_CHECKING:
    from agents import TResponseInputItem
    from agents.memory import SessionSettings

T = TypeVar("T")

_DIGITS = 10
_LAST = 10**_DIGITS - 1
_ATTEMPTS = 50
_PAGE = 20


class StatewardSession:
    """A session for ``Runner.run(agent, input, session=...)``.

    ``StatewardSession("ticket-7", client=client, namespace="support.sessions")``. The same id in
    another process continues the same conversation. The calls carry the id as their run, so that
    the audit shows the whole conversation by it, and ``purpose`` where it is given.

    A call's items must fit into one entry (1 MiB); TooLarge otherwise, and none of them is kept.
    """

    session_settings: SessionSettings | None

    def __init__(
        self,
        session_id: str,
        *,
        client: AsyncClient,
        namespace: str,
        purpose: str | None = None,
        session_settings: SessionSettings | None = None,
    ) -> None:
        self.session_id = session_id
        self.session_settings = session_settings
        self.namespace = namespace
        options: ClientOptions = {"run": session_id}
        if purpose is not None:
            options["purpose"] = purpose
        self._entries = client.with_options(**options).entries
        self._prefix = f"{key_part(session_id)}:"
        self._number = re.compile(re.escape(self._prefix) + rf"(\d{{{_DIGITS}}})")

    async def get_items(self, limit: int | None = None) -> list[TResponseInputItem]:
        """The newest ``limit`` items, or all, in the order in which they were added."""
        settings = self.session_settings
        wanted = settings.limit if limit is None and settings is not None else limit
        if wanted is not None and wanted <= 0:
            return []
        newest_first: list[TResponseInputItem] = []
        async for _, items in self._batches(page_size=_PAGE if wanted else None):
            newest_first += reversed(items)
            if wanted is not None and len(newest_first) >= wanted:
                break
        return newest_first[:wanted][::-1]

    async def add_items(self, items: list[TResponseInputItem]) -> None:
        """Add the items after all others, together. A cancelled caller leaves all of them or
        none.
        """
        if items:
            await _settled(self._add([*items]))

    async def pop_item(self) -> TResponseInputItem | None:
        """Take the newest item away and return it; None where there is none."""
        return await _settled(self._pop())

    async def clear_session(self) -> None:
        """Take all items away. Newest first, so that what an interruption leaves is a
        beginning of the conversation.
        """
        await _settled(self._clear())

    async def _add(self, items: list[TResponseInputItem]) -> None:
        for attempt in range(_ATTEMPTS):
            number = await self._newest_number() + 1
            try:
                await self._entries.put(
                    self.namespace,
                    self._key(number),
                    _stored(number, items),
                    if_none_match="*",
                )
            except PreconditionFailed:  # another process took this number
                if attempt == _ATTEMPTS - 1:
                    raise
            else:
                return

    async def _pop(self) -> TResponseInputItem | None:
        for _ in range(_ATTEMPTS):
            newest = await self._newest_batch()
            if newest is None:
                return None
            entry, items = newest
            if await self._shorten(entry, items):
                return items[-1]
        raise Contended(409, {"detail": "The session changes too fast to take its newest item."})

    async def _newest_batch(self) -> tuple[Entry, list[TResponseInputItem]] | None:
        async for entry, items in self._batches(page_size=_PAGE):
            if items:
                return entry, items
        return None

    async def _shorten(self, entry: Entry, items: list[TResponseInputItem]) -> bool:
        """Take the last item off; False when somebody else changed the batch meanwhile."""
        try:
            if len(items) > 1:
                value = _stored(entry.value["number"], items[:-1])
                await self._entries.put(self.namespace, entry.key, value, if_match=entry.version)
            else:
                await self._entries.delete(self.namespace, entry.key, if_match=entry.version)
        except (PreconditionFailed, NotFound):
            return False
        return True

    async def _clear(self) -> None:
        for _ in range(_ATTEMPTS):
            if await self._cleared():
                return
        raise Contended(409, {"detail": "The session changes too fast to be cleared."})

    async def _cleared(self) -> bool:
        """Delete all batches; False when somebody else changed one meanwhile."""
        is_whole = True
        async for entry in self._entries.list(self.namespace, prefix=self._prefix, values=False):
            try:
                await self._entries.delete(self.namespace, entry.key, if_match=entry.version)
            except NotFound:  # popped or cleared by somebody else
                continue
            except PreconditionFailed:
                is_whole = False
        return is_whole

    async def _batches(
        self, *, page_size: int | None
    ) -> AsyncIterator[tuple[Entry, list[TResponseInputItem]]]:
        """The batches, newest first. What is not one of ours is passed over."""
        listing = self._entries.list(self.namespace, prefix=self._prefix, page_size=page_size)
        async for entry in listing:
            items = _items_of(entry.value)
            if items is not None and self._number.fullmatch(entry.key):
                yield entry, items

    async def _newest_number(self) -> int:
        listing = self._entries.list(self.namespace, prefix=self._prefix, values=False, page_size=1)
        async for entry in listing:
            if found := self._number.fullmatch(entry.key):
                number: int = _LAST - int(found[1])
                return number
        return 0

    def _key(self, number: int) -> str:
        return f"{self._prefix}{_LAST - number:0{_DIGITS}d}"


def _stored(number: int, items: list[TResponseInputItem]) -> dict[str, Any]:
    """A batch as it is kept. Texts that no entry takes (U+0000, half a surrogate pair) come out of
    tools now and then: such a batch is kept as JSON text, where both are spelled out.
    """
    text = json.dumps(items, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        is_odd = True
    else:
        is_odd = "\\u0000" in text
    if is_odd:
        return {"number": number, "items_json": json.dumps(items)}
    return {"number": number, "items": items}


def _items_of(value: Any) -> list[TResponseInputItem] | None:
    """The items of a batch; None of what is none."""
    if not isinstance(value, dict):
        return None
    items = value.get("items")
    if "items_json" in value:
        with suppress(TypeError, ValueError):
            items = json.loads(value["items_json"])
    return items if isinstance(items, list) and isinstance(value.get("number"), int) else None


async def _settled(change: Coroutine[Any, Any, T]) -> T:
    """The outcome of a change, awaited also when the caller is cancelled: then the change is done
    or refused, but not under way any more.
    """
    task = asyncio.ensure_future(change)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        task.exception()  # seen; the cancellation is what the caller must hear of
        raise cancelled
    return task.result()

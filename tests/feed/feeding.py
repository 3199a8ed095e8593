"""The data plane's application in a loop of its own, with the process that numbers beside it, and
followers that speak ASGI to it.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar
from urllib.parse import urlencode

from django.conf import settings

from stateward.gate.sequence import numbering
from stateward.gate.sequence.bell import SEQUENCER, Hand
from stateward.gate.sequence.numbering import Numberer
from stateward.operations.plane import Plane
from tests.patience import PATIENCE

T = TypeVar("T")
Event = dict[str, Any]


class Stream:
    """One follower. ``stalls``: it takes nothing until it is told to."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._inward: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._outward: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.may_take = asyncio.Event()
        self.may_take.set()
        self._rest = ""
        self.status = 0
        self.is_over = False
        self.cursor = ""

    async def send(self, message: dict[str, Any]) -> None:
        await self.may_take.wait()
        await self._outward.put(message)

    async def receive(self) -> dict[str, Any]:
        return await self._inward.get()

    def leave(self) -> None:
        self._loop.call_soon_threadsafe(self.may_take.set)
        self._loop.call_soon_threadsafe(self._inward.put_nowait, {"type": "http.disconnect"})

    def hold(self) -> None:
        self._loop.call_soon_threadsafe(self.may_take.clear)

    def go_on(self) -> None:
        self._loop.call_soon_threadsafe(self.may_take.set)

    def message(self, seconds: float = PATIENCE) -> dict[str, Any]:
        return done(self._loop, self._outward.get(), seconds)

    def event(self, seconds: float = PATIENCE) -> Event | None:
        """The next event of whatever kind; None at the end."""
        until = time.monotonic() + seconds
        while "\n\n" not in self._rest:
            if self.is_over:
                return None
            message = self.message(max(until - time.monotonic(), 0.01))
            self._rest += message["body"].decode()
            self.is_over = not message.get("more_body")
        text, _, self._rest = self._rest.partition("\n\n")
        fields = dict(line.split(": ", 1) for line in text.split("\n"))
        if "id" in fields:
            self.cursor = fields["id"]
        if "data" not in fields:
            return self.event(max(until - time.monotonic(), 0.01))
        return {"event": fields.get("event", "message"), **json.loads(fields["data"])}

    def change(self, seconds: float = PATIENCE) -> Event:
        """The next change."""
        while True:
            event = self.event(seconds)
            assert event is not None, "the stream has ended"
            if event["event"] == "message":
                assert event.pop("cursor") == self.cursor
                del event["event"]
                return {"cursor": self.cursor, **event}
            assert event["event"] == "heartbeat", event

    def changes(self, count: int, seconds: float = PATIENCE) -> list[Event]:
        return [self.change(seconds) for _ in range(count)]

    def ending(self, seconds: float = PATIENCE) -> Event:
        """The last event, whatever comes before it."""
        last: Event = {}
        while (event := self.event(seconds)) is not None:
            last = event
        return last

    def is_quiet(self, seconds: float = 0.3) -> bool:
        try:
            return self.change(seconds) is None
        except TimeoutError:
            return True


def done(loop: asyncio.AbstractEventLoop, work: Awaitable[T], seconds: float = PATIENCE) -> T:
    async def waited() -> T:
        return await asyncio.wait_for(work, seconds)

    return asyncio.run_coroutine_threadsafe(waited(), loop).result(seconds + 5)


class Numbering:
    """The sequencer's thread of the feed, as the sealer's process has it."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        numberer = Numberer(settings.SEQUENCER_DATABASE_URL, settings.BELL_FOLDER, self.stop)
        self.thread = threading.Thread(target=numberer.run)
        self.thread.start()

    def end(self) -> None:
        self.stop.set()
        hand = Hand(settings.BELL_FOLDER, SEQUENCER)
        hand.ring()  # or it sees only when it looks by itself
        hand.close()
        self.thread.join()


class Feed:
    """One process of the data plane."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        self.plane = self.run(self._made())

    async def _made(self) -> Plane:
        plane = Plane()
        await plane.travel.open()
        return plane

    def run(self, work: Awaitable[T], seconds: float = PATIENCE) -> T:
        return done(self.loop, work, seconds)

    def close(self) -> None:
        with suppress(Exception):
            self.run(self.plane.changes.close())
        self.run(self.plane.callers.close())
        self.run(self.plane.travel.close())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    @contextmanager
    def stream(self, key: str, *, last_id: str = "", **query: Any) -> Iterator[Stream]:
        headers = {"accept": "text/event-stream"}
        if last_id:
            headers["last-event-id"] = last_id
        with self._asked(key, headers, query) as client:
            start = client.message()
            client.status = start["status"]
            yield client

    def page(self, key: str, *, status: int = 200, **query: Any) -> Any:
        """A page of changes, or the problem document."""
        with self._asked(key, {}, query) as client:
            start, body = client.message(), client.message()
        assert start["status"] == status, body
        return json.loads(body["body"])

    def put(self, key: str, namespace: str, name: str, value: Any) -> int:
        """Write over HTTP, as agents do; the status."""
        path = f"/api/v1/namespaces/{namespace}/entries/{name}"
        body = json.dumps({"value": value}).encode()
        client = Stream(self.loop)
        self.run(client._inward.put({"type": "http.request", "body": body}))
        scope = _scope("PUT", path, {"authorization": f"Bearer {key}"}, "")
        scope["headers"].append((b"content-type", b"application/json"))
        self.run(self.plane(scope, client.receive, client.send))
        return int(client.message()["status"])

    @contextmanager
    def _asked(self, key: str, headers: dict[str, str], query: dict[str, Any]) -> Iterator[Stream]:
        client = Stream(self.loop)
        headers = {"authorization": f"Bearer {key}", **headers}
        path = "/api/v1/changes"
        scope = _scope("GET", path, headers, urlencode(query))
        serving = asyncio.run_coroutine_threadsafe(
            self.plane(scope, client.receive, client.send), self.loop
        )
        try:
            yield client
        finally:
            client.leave()
            serving.result(PATIENCE)


def _scope(method: str, path: str, headers: dict[str, str], query: str) -> dict[str, Any]:
    return {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "scheme": "http",
        "client": ("127.0.0.1", 1),
        "headers": [(name.encode(), text.encode()) for name, text in headers.items()],
    }


__all__ = ["Event", "Feed", "Numbering", "Stream", "numbering"]

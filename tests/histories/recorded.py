"""What concurrent clients asked for and what they were told, each with its two times.

An answer is ``ok`` or ``fail`` (refused: it did not happen). A timeout, a lost connection and a 5xx
are ``unknown``: it may have happened, and may still happen.
"""

from __future__ import annotations

import asyncio
import math
import time
from dataclasses import dataclass, field
from typing import Any, Literal

import httpx

Outcome = Literal["ok", "fail", "unknown"]


@dataclass(frozen=True, slots=True)
class Event:
    """One call of one client. Times are monotonic seconds; ``ended`` is infinite where nobody
    knows.
    """

    client: int
    kind: str  # write, act, transact, read, read_many
    keys: tuple[str, ...]
    sent: Any  # what the call is known by in the history
    invoked: float
    ended: float
    outcome: Outcome
    answer: Any = None


@dataclass(frozen=True, slots=True)
class Kept:
    """One revision as the server holds it in the end."""

    version: int
    at: str
    value: Any


Revisions = dict[str, list[Kept]]  # by key, oldest first


@dataclass
class Recorder:
    """Calls one namespace and writes down what comes of it."""

    http: httpx.AsyncClient
    namespace: str
    events: list[Event] = field(default_factory=list)

    async def call(
        self,
        client: int,
        kind: str,
        keys: tuple[str, ...],
        sent: Any,
        request: tuple[str, str],
        **how: Any,
    ) -> Any:
        """The answer's body where it is ok, else None."""
        method, path = request
        invoked = time.monotonic()
        outcome: Outcome
        answer: Any = None
        ended = math.inf
        try:
            response = await self.http.request(method, f"/namespaces/{self.namespace}{path}", **how)
        except httpx.TransportError:
            outcome = "unknown"
        else:
            answer = response.json() if response.content else None
            if response.status_code >= 500 or response.status_code == 429:
                outcome = "unknown"
            else:
                outcome = "ok" if response.is_success else "fail"
                ended = time.monotonic()
        self.events.append(Event(client, kind, keys, sent, invoked, ended, outcome, answer))
        return answer if outcome == "ok" else None


async def kept_revisions(http: httpx.AsyncClient, namespace: str) -> Revisions:
    """Everything the server holds of a namespace: each key's revisions with their values."""
    found: Revisions = {}
    place = f"/namespaces/{namespace}/entries"
    listing = await http.get(place, params={"limit": 1000, "values": "false"})
    for entry in listing.json()["items"]:
        key = entry["key"]
        kept: list[Kept] = []
        cursor: str | None = None
        while True:
            query = {"limit": 1000} | ({"cursor": cursor} if cursor else {})
            page = await http.get(f"{place}/{key}/revisions", params=query)
            items = page.json()["items"]
            pasts = await asyncio.gather(
                *(http.get(f"{place}/{key}", params={"version": item["version"]}) for item in items)
            )
            kept += [
                Kept(item["version"], item["at"], past.json().get("value"))
                for item, past in zip(items, pasts, strict=True)
            ]
            cursor = page.json()["next_cursor"]
            if cursor is None:
                break
        found[key] = kept[::-1]
    return found

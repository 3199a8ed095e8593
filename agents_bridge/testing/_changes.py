"""The fake server's change feed. A stream ends after what there is; the client comes again."""

from __future__ import annotations

import json
from typing import Any

from agents_bridge._wire import rfc3339
from agents_bridge.testing._entries import Answer
from agents_bridge.testing._patch import difference
from agents_bridge.testing._problems import malformed
from agents_bridge.testing._requests import Asked, cursor_at, position_of
from agents_bridge.testing._store import Store, Stored

STREAM = "text/event-stream"


def changes(store: Store, asked: Asked) -> Answer:
    limit, values = _limit(asked), asked.query.get("values", "none")
    if values not in {"none", "full", "patch"}:
        raise malformed("values is none, full or patch.")
    is_stream = STREAM in asked.headers.get("accept", "")
    after = asked.headers.get("last-event-id") or asked.query.get("after")
    start = len(store.log) if after == "now" else position_of(after)
    items: list[dict[str, Any]] = []
    position = start
    for position in range(start + 1, len(store.log) + 1):
        name, key, _ = store.log[position - 1]
        if _is_wanted(asked, name, key) and name in store.spaces:
            items.append(_change(store, position, values))
        if len(items) == limit and not is_stream:
            break
    if is_stream:
        text = "".join(f"id: {item['cursor']}\ndata: {json.dumps(item)}\n\n" for item in items)
        end = {"cursor": cursor_at(position)}
        text += f"event: heartbeat\nid: {end['cursor']}\ndata: {json.dumps(end)}\n\n"
        return Answer(200, text.encode(), {"Content-Type": STREAM})
    caught_up = position >= len(store.log)
    page = {"items": items, "next_cursor": cursor_at(position), "caught_up": caught_up}
    return Answer(200, page)


def _limit(asked: Asked) -> int:
    limit = asked.integer("limit")
    if limit is None:
        return 100
    if not 1 <= limit <= 1000:
        raise malformed("limit is 1 to 1000.")
    return limit


def _is_wanted(asked: Asked, name: str, key: str) -> bool:
    namespace = asked.query.get("namespace")
    return namespace in {None, name} and key.startswith(asked.query.get("prefix", ""))


def _change(store: Store, position: int, values: str) -> dict[str, Any]:
    name, key, stored = store.log[position - 1]
    document: dict[str, Any] = {
        "cursor": cursor_at(position),
        "namespace": name,
        "key": key,
        "operation": stored.operation,
        "version": stored.version,
        "actor": store.actor,
        "at": rfc3339(stored.at),
        "more": False,
    }
    if stored.exists and values == "full":
        document["value"] = stored.value
    elif stored.exists and values == "patch":
        before = _before(store, name, key, stored)
        document["patch"] = difference(before, stored.value)
    return document


def _before(store: Store, name: str, key: str, stored: Stored) -> Any:
    for other in store.spaces[name].keys[key]:
        if other.version == stored.version - 1:
            return other.value if other.exists else None
    return None

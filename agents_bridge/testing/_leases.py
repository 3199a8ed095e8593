"""The fake server's leases: one holder of a key, told apart by a token that rises. Nobody waits in
line.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

from agents_bridge._wire import rfc3339
from agents_bridge.testing._entries import Answer
from agents_bridge.testing._problems import not_found, unprocessable
from agents_bridge.testing._requests import Asked, page
from agents_bridge.testing._store import Held, Store

MAX_SECONDS = 86_400


def leases(store: Store, asked: Asked, name: str) -> Answer:
    space = store.space(name)
    if asked.method == "GET":
        held = [(key, one) for key, one in space.leases.items() if one.is_held(store.clock())]
        documents = [{**_document(store, name, key, one), "waiting": 0} for key, one in held]
        return Answer(200, page(documents, asked))
    given = asked.members("key", "ttl_seconds", "wait_seconds", required=("key", "ttl_seconds"))
    key, now = given["key"], store.clock()
    before = space.leases.get(key)
    if before is not None and before.is_held(now):
        raise store.leased(before)
    token = 1 + (before.token if before is not None else 0)
    space.leases[key] = Held(str(uuid4()), token, now + _ttl(given))
    store.record("state.lease", "allow", namespace=name, key=key)
    return Answer(201, _document(store, name, key, space.leases[key]))


def lease(store: Store, asked: Asked, name: str, lease_id: str) -> Answer:
    space = store.space(name)
    for key, held in space.leases.items():  # noqa: B007  # used behind the loop
        if held.id == lease_id and held.is_held(store.clock()):
            break
    else:
        raise not_found()
    store.record("state.lease", "allow", namespace=name, key=key)
    if asked.method == "DELETE":
        held.until = store.clock()
        return Answer(204)
    held.until = store.clock() + _ttl(asked.members("ttl_seconds", required=("ttl_seconds",)))
    return Answer(200, _document(store, name, key, held))


def _ttl(given: dict[str, Any]) -> timedelta:
    seconds = given["ttl_seconds"]
    if not isinstance(seconds, int | float) or not 0.1 <= seconds <= MAX_SECONDS:
        raise unprocessable("A lease lasts from 0.1 to 86,400 seconds.", "/ttl_seconds")
    return timedelta(seconds=seconds)


def _document(store: Store, name: str, key: str, held: Held) -> dict[str, Any]:
    return {
        "id": held.id,
        "namespace": name,
        "key": key,
        "fencing_token": held.token,
        "expires_at": rfc3339(held.until),
        "holder": store.actor,
    }

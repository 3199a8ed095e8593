"""How state looks on the wire."""

from __future__ import annotations

from typing import Any

import orjson

from stateward.kernel.clock import rfc3339
from stateward.kernel.strictjson import dumps
from stateward.state.entries import Entry, HistoryItem, Principal
from stateward.web.asgi import JSON, NO_STORE, Answer


def entry_body(entry: Entry, *, with_value: bool = True) -> dict[str, Any]:
    body: dict[str, Any] = {"namespace": entry.namespace, "key": entry.key}
    if with_value:
        body["value"] = orjson.Fragment(entry.data or b"null")
    if entry.masked:
        body["masked"] = entry.masked
    by = entry.updated_by
    body["version"] = entry.version
    body["created_at"] = rfc3339(entry.created_at)
    body["updated_at"] = rfc3339(entry.updated_at)
    body["updated_by"] = {"type": by.type, "id": by.id, "name": by.name}
    body["expires_at"] = rfc3339(entry.expires_at) if entry.expires_at is not None else None
    body["labels"] = entry.labels
    body["size_bytes"] = entry.size_bytes
    body["classification"] = entry.classification
    return body


def principal_body(principal: Principal) -> dict[str, str]:
    return {"type": principal.type, "id": str(principal.id), "name": principal.name}


def history_body(item: HistoryItem) -> dict[str, Any]:
    return {
        "version": item.version,
        "operation": item.operation,
        "actor": principal_body(item.actor),
        "at": rfc3339(item.at),
        "note": item.note,
        "size_bytes": item.size_bytes,
        "value_hash": item.value_hash,
        "labels": item.labels,
        "expires_at": rfc3339(item.expires_at) if item.expires_at is not None else None,
        "run": item.run,
    }


def exact(value: Any) -> bytes:
    """JSON with integers digit for digit; orjson writes those of 64 bits."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return dumps(value)


def data_answer(status: int, value: Any, *headers: tuple[bytes, bytes]) -> Answer:
    return Answer(status, exact(value), (JSON, NO_STORE, *headers))


def entry_answer(status: int, entry: Entry, *headers: tuple[bytes, bytes]) -> Answer:
    etag = (b"etag", b'"%d"' % entry.version)
    return Answer(status, exact(entry_body(entry)), (JSON, NO_STORE, etag, *headers))

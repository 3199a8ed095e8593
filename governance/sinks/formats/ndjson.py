"""Our own records, one JSON object a line: ``record`` is, byte for byte, what was sealed."""

from __future__ import annotations

import orjson

from stateward.gate.audit.stream import Placed


def record(placed: Placed, with_payload: bool) -> bytes:
    """SHA-256 over a zero byte and the bytes of ``record`` is ``leaf``."""
    found = placed.record
    head: dict[str, object] = {"index": placed.index, "leaf": placed.leaf.hex()}
    if found is None:
        return orjson.dumps(head | {"missing": True})
    if with_payload:
        head["payload"] = found.payload
    return orjson.dumps(head)[:-1] + b',"record":' + found.record + b"}"


def checkpoint(size: int, note: str) -> bytes:
    return orjson.dumps({"checkpoint": note, "size": size})

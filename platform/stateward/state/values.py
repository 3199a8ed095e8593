"""Values: JSON in, the exact same JSON out. orjson where it is exact; the standard library for
integers beyond 64 bits.
"""

from __future__ import annotations

import json
from typing import Any

import orjson

from stateward.kernel import strictjson
from stateward.kernel.errors import Fault, TooLarge

MAX_VALUE_BYTES = 1024 * 1024
STATE_MARK = b"\x01"  # no JSON begins with it


def encode(value: Any, *, pointer: str = "/value") -> bytes:
    """The bytes a value is sealed as. At most 1 MiB, else 413."""
    try:
        data = orjson.dumps(value)
    except TypeError:  # an integer beyond 64 bits, which orjson does not write
        data = strictjson.dumps(value)
    if len(data) > MAX_VALUE_BYTES:
        raise TooLarge(
            f"The value has {len(data):,} bytes; at most {MAX_VALUE_BYTES:,} are kept.",
            errors=(Fault(pointer, "too large"),),
        )
    return data


def enclose(data: bytes, state: bytes) -> bytes:
    """A value together with the replica state that it was computed from, to be sealed as one."""
    return STATE_MARK + len(data).to_bytes(4, "big") + data + state


def parts(whole: bytes) -> tuple[bytes, bytes | None]:
    """What was sealed: the value as JSON, and the replica state where there is one."""
    if not whole.startswith(STATE_MARK):
        return whole, None
    end = 5 + int.from_bytes(whole[1:5], "big")
    return whole[5:end], whole[end:]


def decode(data: bytes) -> Any:
    """The value that ``encode`` wrote. Not orjson: it would turn an integer beyond 64 bits into a
    float.
    """
    return json.loads(data)

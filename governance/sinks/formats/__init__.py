"""How a record looks to the other side. A format makes one line of each place of the log.

Every line names the place, by which a receiver sees that nothing is missing, and the leaf's hash,
by which it can hold the line against a proof. A line longer than its sink takes is replaced by one
with its facts and the hash of the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256

import orjson

from governance.sinks.formats import ndjson, ocsf, table
from stateward.gate.audit.stream import Placed

Render = Callable[[Placed, bool], bytes]
Tell = Callable[[int, str], bytes]


@dataclass(frozen=True, slots=True)
class Format:
    """``record`` renders a place (and whether personal values go with it); ``checkpoint`` a signed
    note of so many records.
    """

    record: Render
    checkpoint: Tell
    content_type: str
    suffix: str
    heading: bytes = b""


FORMATS: Mapping[str, Format] = {
    "ndjson": Format(ndjson.record, ndjson.checkpoint, "application/x-ndjson", "ndjson"),
    "ocsf": Format(ocsf.record, ocsf.checkpoint, "application/x-ndjson", "ocsf.ndjson"),
    "csv": Format(table.record, table.checkpoint, "text/csv; charset=utf-8", "csv", table.HEADING),
}


def within(line: bytes, placed: Placed, limit: int) -> bytes:
    """``line``, or where it is longer than ``limit`` bytes what can be said in so few."""
    if len(line) <= limit:
        return line
    record = placed.record
    facts = {
        "index": placed.index,
        "leaf": placed.leaf.hex(),
        "cut": {"bytes": len(line), "sha256": sha256(line).hexdigest()},
    }
    if record is not None:
        named = {"id": record.id, "action": record.action, "outcome": record.outcome}
        facts |= named | {"at": record.at, "actor": record.actor_id}
    return orjson.dumps(facts, option=orjson.OPT_UTC_Z)

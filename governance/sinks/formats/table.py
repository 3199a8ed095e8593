"""CSV for people: harmless in a spreadsheet, one row a record."""

from __future__ import annotations

from stateward.gate.audit.stream import Placed
from stateward.web.csvfile import csv_lines

COLUMNS = (
    "index", "id", "time", "action", "outcome", "reason", "actor_type", "actor_id", "actor_name",
    "resource_type", "resource_id", "namespace_id", "classification", "version", "request_id",
    "run", "key", "source_address", "purpose", "leaf",
)  # fmt: skip
HEADING = ",".join(COLUMNS).encode()
PERSONAL = ("key", "source_address", "purpose")


def record(placed: Placed, with_payload: bool) -> bytes:
    found = placed.record
    if found is None:
        return _row([placed.index, "", None, "missing", *[""] * 15, placed.leaf.hex()])
    content = found.content
    personal = [found.payload.get(name, "") if with_payload else "" for name in PERSONAL]
    return _row(
        [
            placed.index, found.id, found.at, found.action, found.outcome,
            content.get("reason") or "", found.actor_type, found.actor_id, found.actor_name,
            found.resource_type, found.resource_id, found.namespace_id, found.classification,
            content.get("version"), found.request_id, found.run, *personal, placed.leaf.hex(),
        ]
    )  # fmt: skip


def checkpoint(size: int, note: str) -> bytes:
    """The note in the place of the reason, on one line: its line breaks as ``\\n``."""
    told = note.replace("\\", "\\\\").replace("\n", "\\n")
    return _row([size, "", None, "checkpoint", "", told, *[""] * 14])


def _row(cells: list[object]) -> bytes:
    """One line: a line break within a cell would be one within the record."""
    _, line = csv_lines([], [[_flat(cell) for cell in cells]])
    return line.rstrip("\r\n").encode(errors="replace")


def _flat(cell: object) -> object:
    if isinstance(cell, str):
        return cell.replace("\r", "\\r").replace("\n", "\\n")
    return cell

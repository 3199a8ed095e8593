"""Recorded runs of a tool-calling agent, and the writes an agent that keeps its state would make.

The recordings lie beside the checkout and are not ours to copy; where they are absent, a small
sample of our own of the same shape is used instead.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RECORDED = Path(__file__).parents[3] / "shared" / "data" / "agent_runs" / "airline.jsonl"
SAMPLE = Path(__file__).with_name("sample_runs.jsonl")

CONVERSATIONS, CUSTOMERS, BOOKINGS = "conversations", "customers", "bookings"
# What a tool's result is about, and where its identity stands: in the call or in the result.
_SUBJECTS = {
    "get_user_details": (CUSTOMERS, "user_id"),
    "get_reservation_details": (BOOKINGS, "reservation_id"),
    "book_reservation": (BOOKINGS, "reservation_id"),
    "cancel_reservation": (BOOKINGS, "reservation_id"),
    "update_reservation_flights": (BOOKINGS, "reservation_id"),
    "update_reservation_baggages": (BOOKINGS, "reservation_id"),
    "update_reservation_passengers": (BOOKINGS, "reservation_id"),
}


@dataclass(frozen=True)
class Write:
    """One value under one key; ``where`` is one of the three namespaces."""

    where: str
    key: str
    value: Any


@dataclass(frozen=True)
class Run:
    """One conversation from its first message to its last."""

    name: str
    messages: list[dict[str, Any]]

    def writes(self) -> Iterator[Write]:
        """In order: every message, every tool call, every tool result, and what a result says
        about a customer or a booking.
        """
        calls: dict[str, dict[str, Any]] = {}
        for number, message in enumerate(self.messages):
            place = f"{self.name}.{number:03d}"
            yield Write(CONVERSATIONS, place, message)
            for call in message.get("tool_calls") or ():
                asked = {
                    "tool": call["function"]["name"],
                    "arguments": json.loads(call["function"]["arguments"]),
                }
                calls[call["id"]] = asked
                yield Write(CONVERSATIONS, f"{place}.call.{call['id']}", asked)
            if message["role"] == "tool":
                yield from self._result(place, calls[message["tool_call_id"]], message)
            yield Write(CONVERSATIONS, self.name, {"messages": number + 1, "last": message["role"]})

    def _result(
        self, place: str, asked: dict[str, Any], message: dict[str, Any]
    ) -> Iterator[Write]:
        result = _parsed(message["content"])
        yield Write(CONVERSATIONS, f"{place}.result", {"tool": asked["tool"], "result": result})
        where, identity = _SUBJECTS.get(asked["tool"], ("", ""))
        if where and isinstance(result, dict):
            key = result.get(identity) or asked["arguments"][identity]
            yield Write(where, key, result)


def load_runs() -> tuple[list[Run], str]:
    """The runs, and a sentence on which they are."""
    path = RECORDED if RECORDED.is_file() else SAMPLE
    runs = [
        Run(f"task-{each['task_id']}-trial-{each['trial']}", each["messages"])
        for each in map(json.loads, path.read_text("utf-8").splitlines())
    ]
    if path == SAMPLE:
        return runs, f"{RECORDED} is absent: replaying {len(runs)} invented runs of our own instead"
    return runs, f"replaying {len(runs)} recorded runs"


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text

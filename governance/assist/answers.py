"""What the model's help answers with: a machine's words, and what they rest on."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from governance.assist.asking import MOST_POINTS, shortened
from stateward.gate.policy.models import Policy


@dataclass(frozen=True, slots=True)
class Point:
    """One thing said, and the versions or entries it cites; only such as were shown."""

    text: str
    severity: str = ""
    versions: tuple[int, ...] = ()
    keys: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        said: dict[str, Any] = {"text": self.text}
        if self.severity:
            said["severity"] = self.severity
        return said | {"versions": list(self.versions), "keys": list(self.keys)}


@dataclass(frozen=True, slots=True)
class Assisted:
    """An answer: of an explanation and of anomalies the points, of a draft the policy that was
    saved, where there is one.
    """

    id: UUID
    kind: str
    summary: str
    model: str
    input_tokens: int
    output_tokens: int
    masked: Mapping[str, int]
    """What was withheld from the model, by kind."""
    characters: int
    """The size of what it was shown."""
    points: tuple[Point, ...] = ()
    policy: Policy | None = None

    def as_dict(self) -> dict[str, Any]:
        return {
            "id": str(self.id),
            "kind": self.kind,
            "said_by": "machine",
            "model": self.model,
            "summary": self.summary,
            "points": [point.as_dict() for point in self.points],
            "masked": dict(sorted(self.masked.items())),
            "shown_characters": self.characters,
            "tokens": {"input": self.input_tokens, "output": self.output_tokens},
        }


def points_of(
    content: Mapping[str, Any], versions: Collection[int], entries: Mapping[str, str]
) -> tuple[Point, ...]:
    """The points of a checked answer."""
    return tuple(
        Point(
            shortened(one["text"]),
            one.get("severity", ""),
            tuple(dict.fromkeys(each for each in one.get("versions", ()) if each in versions)),
            tuple(
                dict.fromkeys(entries[each] for each in one.get("entries", ()) if each in entries)
            ),
        )
        for one in content["points"][:MOST_POINTS]
    )

"""How good the detectors are: precision and recall on values that somebody has labelled.

A label names a place and the kinds that are there, none for a place that holds nothing; never what
stands there. In its pointers ``{0}`` is the first member of an object, whatever it is called.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from stateward.state.detectors.kinds import Finding
from stateward.state.detectors.looking import find_in, held_json

SAMPLE = Path(__file__).with_name("sample.json")
MIN_SCORE = 0.6  # as suggestions are made without a rule


class Label(NamedTuple):
    """What is at one place of a value: ``value`` names the value."""

    value: str
    pointer: str
    within: str
    kinds: frozenset[str]


@dataclass(slots=True)
class Quality:
    """What was found against what is there, by kind."""

    labels: int = 0
    negatives: int = 0
    right: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)  # found, and not there
    missed: Counter[str] = field(default_factory=Counter)

    @property
    def kinds(self) -> list[str]:
        return sorted({*self.right, *self.wrong, *self.missed})

    def precision(self, kind: str | None = None) -> float | None:
        return _share(self._of(self.right, kind), self._of(self.wrong, kind))

    def recall(self, kind: str | None = None) -> float | None:
        return _share(self._of(self.right, kind), self._of(self.missed, kind))

    def _of(self, counts: Counter[str], kind: str | None) -> int:
        return counts.total() if kind is None else counts[kind]

    def rows(self) -> list[tuple[str, int, int, int, float | None, float | None]]:
        """Kind, there, found rightly, found wrongly, precision, recall; the sum last."""
        kinds: list[str | None] = [*self.kinds, None]
        return [
            (
                one or "all",
                self._of(self.right, one) + self._of(self.missed, one),
                self._of(self.right, one),
                self._of(self.wrong, one),
                self.precision(one),
                self.recall(one),
            )
            for one in kinds
        ]


def measure(values: Mapping[str, Any], labels: Iterable[Label]) -> Quality:
    """The detectors' findings at the labelled places. KeyError for a value that is not there."""
    quality = Quality()
    found: dict[str, dict[tuple[str, str], set[str]]] = {}
    for label in labels:
        value = values[label.value]
        if label.value not in found:
            found[label.value] = _by_place(find_in(value).findings)
        pointer, within = placed(value, label.pointer, label.within)
        here = found[label.value].get((pointer, within), set())
        quality.labels += 1
        quality.negatives += not label.kinds
        quality.right.update(here & label.kinds)
        quality.wrong.update(here - label.kinds)
        quality.missed.update(label.kinds - here)
    return quality


def _by_place(findings: Iterable[Finding]) -> dict[tuple[str, str], set[str]]:
    places: dict[tuple[str, str], set[str]] = {}
    for one in findings:
        if one.score >= MIN_SCORE and not one.is_name:
            places.setdefault((one.pointer, one.within), set()).add(one.kind)
    return places


def placed(value: Any, pointer: str, within: str) -> tuple[str, str]:
    """The pointers with the names of members where a label counts them."""
    if "{" not in pointer + within:
        return pointer, within
    outer, there = _walked(value, pointer)
    inner, _ = _walked(held_json(there) if within and isinstance(there, str) else None, within)
    return outer, inner


def _walked(value: Any, pointer: str) -> tuple[str, Any]:
    steps = []
    for step in pointer.split("/")[1:]:
        name = step
        if isinstance(value, Mapping):
            names = list(value)
            name = names[int(step[1:-1])] if step.startswith("{") else _plain(step)
            value = value[name]
        elif isinstance(value, list):
            value = value[int(step)]
        steps.append(name.replace("~", "~0").replace("/", "~1"))
    return "".join(f"/{step}" for step in steps), value


def _plain(step: str) -> str:
    return step.replace("~1", "/").replace("~0", "~")


def _share(right: int, other: int) -> float | None:
    return right / (right + other) if right + other else None


def load_labels(path: Path) -> list[Label]:
    """Labels of recorded runs, ``[{"run", "message", "pointer", "within", "kinds"}, …]``."""
    return [
        Label(
            f"{one['run']}/{one['message']}", one["pointer"], one.get("within", ""),
            frozenset(one["kinds"]),
        )
        for one in json.loads(path.read_text("utf-8"))
    ]  # fmt: skip


def load_recordings(path: Path) -> dict[str, Any]:
    """The messages of recorded runs, one run a line, by ``task-<task>-trial-<trial>/<number>``."""
    found: dict[str, Any] = {}
    for line in path.read_text("utf-8").splitlines():
        run = json.loads(line)
        name = f"task-{run['task_id']}-trial-{run['trial']}"
        for number, message in enumerate(run["messages"]):
            found[f"{name}/{number}"] = message
    return found


def load_sample() -> tuple[dict[str, Any], list[Label]]:
    """Invented values of our own, and what is in them."""
    sample = json.loads(SAMPLE.read_text("utf-8"))
    labels = [
        Label(name, pointer, "", frozenset(kinds))
        for name, places in sample["labels"].items()
        for pointer, kinds in places.items()
    ]
    return sample["values"], labels

"""Frameworks are data: their controls, and which checks prove something about each.

The files say who verified the ids and the mapping, and when. While nobody did, that is shown beside
everything made from them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

FOLDER = Path(__file__).with_name("frameworks")
PLANNED = "planned.json"
Coverage = Literal["proven", "failing", "partly", "not_proven"]


@dataclass(frozen=True, slots=True)
class Control:
    """One requirement of a framework, and the ids of the checks that bear on it."""

    id: str
    title: str
    checks: tuple[str, ...]

    def coverage(self, outcomes: Mapping[str, str]) -> Coverage:
        """What the newest answers say of it: proven only where every check of it passed or has
        nothing to look at; failing where any fails, whatever is accepted.
        """
        answers = [outcomes.get(check_id, "insufficient_evidence") for check_id in self.checks]
        if "fail" in answers:
            return "failing"
        settled = [answer in {"pass", "not_applicable"} for answer in answers]
        if all(settled) and "pass" in answers:
            return "proven"
        return "partly" if "pass" in answers else "not_proven"


@dataclass(frozen=True, slots=True)
class Framework:
    """``verified_by`` is None while nobody has checked ids and mapping against the source."""

    id: str
    title: str
    edition: str
    verified_by: str | None
    verified_on: str | None
    controls: tuple[Control, ...]

    @property
    def is_verified(self) -> bool:
        return bool(self.verified_by and self.verified_on)

    @property
    def checks(self) -> frozenset[str]:
        return frozenset(check_id for control in self.controls for check_id in control.checks)


@cache
def all_frameworks() -> tuple[Framework, ...]:
    """In the order of their titles."""
    found = [read_framework(path) for path in FOLDER.glob("*.json") if path.name != PLANNED]
    return tuple(sorted(found, key=lambda framework: framework.title))


def find_framework(framework_id: str) -> Framework | None:
    return next((one for one in all_frameworks() if one.id == framework_id), None)


@cache
def planned_checks() -> Mapping[str, str]:
    """Titles of the checks that frameworks name and this version does not have yet, by id."""
    planned: dict[str, str] = json.loads((FOLDER / PLANNED).read_bytes())["planned"]
    return planned


def read_framework(path: Path) -> Framework:
    """The framework of a file. KeyError where the file is not whole."""
    content = json.loads(path.read_bytes())
    controls = tuple(
        Control(one["id"], one["title"], tuple(one["checks"])) for one in content["controls"]
    )
    return Framework(
        content["id"],
        content["title"],
        content["edition"],
        content["verified_by"],
        content["verified_on"],
        controls,
    )


@cache
def frameworks_sha256() -> str:
    """Which mapping was in force."""
    digest = hashlib.sha256()
    for path in sorted(FOLDER.glob("*.json")):
        digest.update(path.read_bytes())
    return digest.hexdigest()

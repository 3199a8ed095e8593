"""Thresholds are data: each says what it bounds, and who verified it and when. A null there means
that nobody did, and is shown so.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("thresholds.json")


@dataclass(frozen=True, slots=True)
class Threshold:
    name: str
    value: Any
    title: str
    unit: str
    source: str
    verified_by: str | None
    verified_on: str | None


def read_thresholds(path: Path = FILE) -> dict[str, Threshold]:
    """The file's thresholds by name. KeyError or TypeError where it is not whole."""
    rows = json.loads(path.read_bytes())["thresholds"]
    return {row["name"]: Threshold(**row) for row in rows}


THRESHOLDS = read_thresholds()

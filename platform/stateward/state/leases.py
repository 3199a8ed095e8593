"""Leases: one holder of a key at a time, told apart by a fencing token that only rises."""

from __future__ import annotations

import json
from math import ceil
from typing import Any

from stateward.kernel.errors import StatewardError
from stateward.state.exceptions import Leased, StaleFencingToken
from stateward.state.statements import Written


def lease_refusal(row: Written) -> StatewardError:
    """Why the statement did not write a key that is leased, or was leased anew since."""
    if row.verdict == "fenced":
        return StaleFencingToken(current_version=row.version)
    lease: dict[str, Any] = json.loads(row.lease or "{}")
    seconds = max(1, ceil(lease["seconds"]))
    return Leased(
        headers={"Retry-After": str(seconds)},
        retry_after_seconds=seconds,
        holder={name: lease[name] for name in ("type", "id", "name")},
        expires_at=lease["until"],
    )

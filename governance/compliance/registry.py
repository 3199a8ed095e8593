"""The checks there are, by id. Registered when the modules under ``checks`` are imported.

A check is a function of a ``Ground``: the tenant, the moment, the thresholds, where it stopped last
time. It reads, and answers; it changes nothing but what its own evidence needs.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from governance.compliance.frameworks import frameworks_sha256
from governance.compliance.results import Answer, Severity
from governance.compliance.thresholds import THRESHOLDS


@dataclass(frozen=True, slots=True)
class Ground:
    """What a check stands on. ``position`` is what its last conclusive answer left."""

    tenant_id: UUID
    tenant_slug: str
    now: datetime  # the database's
    thresholds: Mapping[str, Any]
    position: Mapping[str, Any] | None = None

    def number(self, name: str) -> int:
        return int(self.thresholds[name])


Body = Callable[[Ground], Answer]


@dataclass(frozen=True, slots=True)
class Check:
    """A check as people read it, and its function.

    ``is_apart``: it speaks to something other than the database, so no transaction is open around
    it.
    """

    id: str
    title: str
    proves: str
    does_not_prove: str
    severity: Severity
    version: int
    area: str
    body: Body
    is_apart: bool = False


_CHECKS: dict[str, Check] = {}


def check(
    check_id: str,
    title: str,
    *,
    proves: str,
    does_not_prove: str,
    severity: Severity,
    area: str,
    version: int = 1,
    is_apart: bool = False,
) -> Callable[[Body], Body]:
    """Register a function as a check."""

    def register(body: Body) -> Body:
        if check_id in _CHECKS:
            raise ValueError(f"two checks are called {check_id}")
        _CHECKS[check_id] = Check(
            check_id, title, proves, does_not_prove, severity, version, area, body, is_apart
        )
        return body

    return register


def all_checks() -> list[Check]:
    """Every check, in the order of their ids."""
    return [_CHECKS[name] for name in sorted(_CHECKS)]


def find_check(check_id: str) -> Check | None:
    return _CHECKS.get(check_id)


def rules_sha256() -> str:
    """Which rules a scan went by: every check's version, the thresholds, the frameworks' files."""
    rules = {
        "checks": {one.id: one.version for one in all_checks()},
        "thresholds": {name: THRESHOLDS[name].value for name in sorted(THRESHOLDS)},
        "frameworks": frameworks_sha256(),
    }
    return hashlib.sha256(json.dumps(rules, sort_keys=True).encode()).hexdigest()

"""One case for each check: a tenant that passes it, and what breaks it; see
``test_compliance_checks.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from stateward.tenancy.models import Tenant


@dataclass(frozen=True)
class Expected:
    """What the check must answer now; each of ``items`` is part of a failing item's id."""

    outcome: str
    items: tuple[str, ...] = ()


Case = Callable[[Tenant], Iterator[Expected]]
CASES: dict[str, Case] = {}


def case(check_id: str) -> Callable[[Case], Case]:
    def keep(steps: Case) -> Case:
        CASES[check_id] = steps
        return steps

    return keep


def passes() -> Expected:
    return Expected("pass")


def fails(*items: object) -> Expected:
    return Expected("fail", tuple(map(str, items)))


def not_applicable() -> Expected:
    return Expected("not_applicable")


def insufficient() -> Expected:
    return Expected("insufficient_evidence")

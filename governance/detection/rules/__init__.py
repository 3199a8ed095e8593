"""The catalogue: every rule there is, by name. Numbers are those of the published catalogue of
detections; those our own data cannot answer yet are not in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from governance.detection.rule import Rule
from governance.detection.rules import (
    acts,
    copies,
    keys,
    proof,
    reading,
    refusals,
    room,
    signing_in,
)

_ALL = (
    *signing_in.RULES,
    *keys.RULES,
    *refusals.RULES,
    *reading.RULES,
    *proof.RULES,
    *copies.RULES,
    *room.RULES,
    *acts.RULES,
)
RULES: Mapping[str, Rule] = MappingProxyType(
    {rule.name: rule for rule in sorted(_ALL, key=lambda rule: rule.number)}
)


def rules_of(kind: str) -> list[Rule]:
    """Those that look at a ``tenant``'s tree, or at the ``platform``'s."""
    return [rule for rule in RULES.values() if kind in rule.of]

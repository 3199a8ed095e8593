"""What many requests of one caller have in common, kept with the configuration they were decided
under: the frame of the record that each write leaves, and the class each read is counted in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stateward.gate.audit.reads import ReadClass, read_class
from stateward.gate.audit.record import Frame
from stateward.gate.policy.requests import PERSONAL, Decision
from stateward.state.configuration import NamespaceRules, TenantConfiguration

MOST = 10_000  # kept of one configuration; beyond it they are made anew


@dataclass(slots=True)
class _Kept:
    """Found by the identity of what it was made of, which therefore must stay alive with it."""

    of: tuple[Any, ...]
    frame: Frame | None = None
    read: ReadClass | None = None


def frame_of(
    configuration: TenantConfiguration, decision: Decision, action: str, rules: NamespaceRules
) -> Frame:
    """The frame of what is recorded of doing ``action`` to an entry, as ``decision`` allows it."""
    kept = _kept(configuration, decision, action, rules)
    if kept.frame is None:
        kept.frame = Frame(
            actor=decision.actor,
            action=action,
            resource_type="entry",
            resource_id=str(rules.id),
            reason=decision.reason,
            decision=decision.facts(),
            namespace_id=rules.id,
            classification=rules.classification,
        )
    return kept.frame


def read_class_of(
    configuration: TenantConfiguration, decision: Decision, action: str, rules: NamespaceRules
) -> ReadClass:
    """What a read of an entry counts as, that ``decision`` allowed."""
    kept = _kept(configuration, decision, action, rules)
    if kept.read is None:
        kept.read = read_class(
            decision.actor, action, rules.id, rules.classification, decision.facts()
        )
    return kept.read


def _kept(
    configuration: TenantConfiguration, decision: Decision, action: str, rules: NamespaceRules
) -> _Kept:
    # Decisions of one verdict about one caller differ in their ids, and in what the call says of
    # itself; that much of it is recorded which cannot be personal.
    of = (decision.verdict, decision.actor, rules)
    said = tuple([member for member in decision.context.items() if member[0] not in PERSONAL])
    key = (id(of[0]), id(of[1]), id(of[2]), action, said)
    frames: dict[Any, _Kept] = configuration.frames
    kept = frames.get(key)
    if kept is None:
        if len(frames) >= MOST:
            frames.clear()
        kept = frames[key] = _Kept(of)
    return kept

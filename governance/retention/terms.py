"""What a retention rule says: what it is about, from when it counts, for how long. Plain Python.

The clock of a rule starts when an item was created, last modified, or ended (deleted, expired, or
hidden with its namespace). Not when it was last read: reads of public and internal values are
counted by the minute and not by key, so nobody here knows that honestly, and no rule may ask.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NamedTuple
from uuid import UUID

from stateward.state.holds import is_beneath
from stateward.state.patterns import key_pattern

Kind = Literal["retain", "delete"]
Clock = Literal["created", "modified", "ended"]
KINDS: tuple[Kind, ...] = ("retain", "delete")
CLOCKS: tuple[Clock, ...] = ("created", "modified", "ended")
MAX_DAYS = 36_500
NEVER = datetime.max.replace(tzinfo=UTC)  # the clock has not begun


class Item(NamedTuple):
    """What is known of one key."""

    namespace: str
    classification: str
    key: str
    labels: Mapping[str, Any]
    created: datetime
    modified: datetime
    ended: datetime | None


@dataclass(frozen=True, slots=True)
class Scope:
    """Which items are meant: those that fit every part that is given."""

    namespace: str = ""  # with all beneath it
    key_pattern: str = ""
    classification: str = ""
    label: str = ""  # name=value

    @property
    def rank(self) -> tuple[bool, bool, int, bool]:
        """How specific it is: a label on the item, its key, its namespace (the deeper the more),
        its classification, the whole tenant.
        """
        depth = self.namespace.count(".") + 1 if self.namespace else 0
        return bool(self.label), bool(self.key_pattern), depth, bool(self.classification)

    def reaches(self, namespace: str, classification: str) -> bool:
        """Whether anything in such a namespace can fit."""
        is_class = not self.classification or self.classification == classification
        return is_class and is_beneath(namespace, self.namespace)

    def fits(self, key: str, labels: Mapping[str, Any]) -> bool:
        """Whether an item of a namespace that it reaches fits."""
        if self.key_pattern and not key_pattern(self.key_pattern).matches(key):
            return False
        if not self.label:
            return True
        name, _, value = self.label.partition("=")
        return labels.get(name) == value

    def may_overlap(self, other: Scope) -> bool:
        """Whether some item might fit both; patterns and labels are taken to."""
        is_class = not (self.classification and other.classification) or (
            self.classification == other.classification
        )
        return is_class and (
            is_beneath(self.namespace, other.namespace)
            or is_beneath(other.namespace, self.namespace)
        )


@dataclass(frozen=True, slots=True)
class Terms:
    """One version of a rule, without its name."""

    kind: Kind
    scope: Scope
    clock: Clock
    days: int
    erase_audit: bool = False  # a delete rule's: what audit records say of the key goes with it

    def at(self, item: Item) -> datetime:
        """When it lets go of the item, or wants it gone; NEVER while its clock has not begun."""
        if self.clock == "ended":
            began = item.ended
        else:
            began = item.created if self.clock == "created" else item.modified
        return NEVER if began is None else began + timedelta(days=self.days)


class Rule(NamedTuple):
    """The version of a rule that counts."""

    id: UUID
    name: str
    version: int
    terms: Terms

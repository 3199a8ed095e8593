"""What becomes of one item, by all rules and holds. Plain Python.

1. A hold that covers it: nothing is deleted, whatever else is said.
2. It is retained until the latest of what its retain rules say.
3. It is to be deleted at what the most specific of its delete rules says: a label on the item beats
   its key's pattern, that its namespace, a deeper namespace one above it, a classification the
   tenant; among equals the earliest counts.
4. Where 3 comes before 2 it waits. Where no rule is about it, it is kept, and reported as unruled.

Retain and delete are resolved apart. A delete rule whose clock has not begun (the item has not
ended) is still the most specific one: a general rule does not step in for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Literal, NamedTuple

from governance.retention.terms import NEVER, Item, Rule

State = Literal["unruled", "kept", "waiting", "retained", "held", "due"]


class Verdict(NamedTuple):
    """The answer for one item at one moment."""

    state: State
    retain_until: datetime | None = None  # NEVER: until its clock begins
    retain_by: Rule | None = None
    delete_at: datetime | None = None  # None: no delete rule, or its clock has not begun
    delete_by: Rule | None = None

    @property
    def is_past(self) -> bool:
        """Whether a delete rule wants it gone by now, and something may yet keep it."""
        return self.state in {"retained", "held", "due"}


UNRULED = Verdict("unruled")


class Plan:
    """The rules that can be about an item of one namespace."""

    __slots__ = ("deletes", "needs_labels", "needs_past", "retains")

    def __init__(self, rules: Iterable[Rule]) -> None:
        reaching = list(rules)
        self.retains = tuple([rule for rule in reaching if rule.terms.kind == "retain"])
        deletes = [rule for rule in reaching if rule.terms.kind == "delete"]
        deletes.sort(key=lambda rule: rule.terms.scope.rank, reverse=True)
        self.deletes = tuple(deletes)
        self.needs_labels = any(rule.terms.scope.label for rule in reaching)
        # A deleted key's row says when it ended; where more is asked, the history has to answer.
        self.needs_past = self.needs_labels or any(
            rule.terms.clock == "created" for rule in reaching
        )

    def resolve(self, item: Item, now: datetime, *, is_held: bool = False) -> Verdict:
        retain_until, retain_by = self._retained(item)
        delete_at, delete_by = self._deleted(item)
        if retain_by is None and delete_by is None:
            return UNRULED
        return Verdict(
            _state(now, retain_until, delete_at, is_held=is_held),
            retain_until,
            retain_by,
            None if delete_at == NEVER else delete_at,
            delete_by,
        )

    def _retained(self, item: Item) -> tuple[datetime | None, Rule | None]:
        until: datetime | None = None
        by: Rule | None = None
        for rule in self.retains:
            if rule.terms.scope.fits(item.key, item.labels):
                at = rule.terms.at(item)
                if until is None or at > until:
                    until, by = at, rule
        return until, by

    def _deleted(self, item: Item) -> tuple[datetime | None, Rule | None]:
        at: datetime | None = None
        by: Rule | None = None
        for rule in self.deletes:
            if by is not None and rule.terms.scope.rank < by.terms.scope.rank:
                break
            if rule.terms.scope.fits(item.key, item.labels):
                own = rule.terms.at(item)
                if at is None or own < at:
                    at, by = own, rule
        return at, by


class Resolver:
    """A tenant's rules, laid out by namespace."""

    __slots__ = ("_plans", "rules")

    def __init__(self, rules: Iterable[Rule]) -> None:
        # By id, so that among equal rules it is always the same that counts.
        self.rules = tuple(sorted(rules, key=lambda rule: rule.id))
        self._plans: dict[tuple[str, str], Plan] = {}

    def plan(self, namespace: str, classification: str) -> Plan:
        wanted = (namespace, classification)
        plan = self._plans.get(wanted)
        if plan is None:
            plan = self._plans[wanted] = Plan(
                rule for rule in self.rules if rule.terms.scope.reaches(namespace, classification)
            )
        return plan

    def resolve(self, item: Item, now: datetime, *, is_held: bool = False) -> Verdict:
        return self.plan(item.namespace, item.classification).resolve(item, now, is_held=is_held)


def _state(
    now: datetime, retain_until: datetime | None, delete_at: datetime | None, *, is_held: bool
) -> State:
    if delete_at is None or delete_at == NEVER:
        return "kept"
    if delete_at > now:
        return "waiting"
    if is_held:
        return "held"
    if retain_until is not None and retain_until > now:
        return "retained"
    return "due"

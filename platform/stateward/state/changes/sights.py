"""What one reader sees of the changes: decisions, and the record of values that were shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from stateward.feed.log import read_values
from stateward.gate.keys.load import load_keys_of
from stateward.gate.policy.requests import Decision, Resource
from stateward.kernel.flow import Flow
from stateward.state.changes.windows import Change, Opened, Values, open_changes
from stateward.state.configuration import (
    NamespaceRules,
    TenantConfiguration,
    load_configuration,
    namespace_rules,
)
from stateward.state.exceptions import NoSuchNamespace
from stateward.state.judging import Judge
from stateward.state.masking import NOTHING, masked_in
from stateward.state.queries import Reader


class Seen(NamedTuple):
    """A change that may be shown, and how."""

    position: int  # in its window
    change: Change
    rules: NamespaceRules
    decision: Decision
    values: Values  # a patch says what was before, which may be more than the reader may know
    masks: frozenset[str] = NOTHING  # kinds that are masked for the reader


@dataclass(slots=True)
class Sight:
    """One reader under one configuration."""

    judge: Judge
    values: Values

    @property
    def action(self) -> str:
        return "state.read_meta" if self.values == "none" else "state.read_value"

    def look(self, changes: Iterable[Change]) -> list[Seen]:
        """Those of the changes that may be shown. Their namespaces' rules are loaded."""
        seen: list[Seen] = []
        namespaces = self.judge.configuration.namespaces
        for position, change in enumerate(changes):
            rules = namespaces.get(change.row.namespace or "")
            if rules is None:
                continue
            resources = change.resources(rules)
            decision = self._decide(rules, resources) if resources is not None else None
            if decision is not None:
                masks = self._masks(rules, resources or ())
                values = "full" if masks else self._values_of(change, rules)
                seen.append(Seen(position, change, rules, decision, values, masks))
        return seen

    def _masks(self, rules: NamespaceRules, resources: Sequence[Resource]) -> frozenset[str]:
        if self.values == "none" or not self.judge.configuration.masks:
            return NOTHING
        return masked_in(self.judge.configuration, self.judge, rules, resources)

    def _values_of(self, change: Change, rules: NamespaceRules) -> Values:
        if self.values != "patch" or change.row.version == 1:
            return self.values
        before = change.before(rules)
        if before is None or self._decide(rules, (before,)) is None:
            return "full"
        return "patch"

    def _decide(self, rules: NamespaceRules, resources: Sequence[Resource]) -> Decision | None:
        decision: Decision | None = None
        is_secret = rules.classification == "restricted" and self.values != "none"
        for resource in resources:
            decision = self.judge.decide(self.action, resource)
            if not decision.allowed:
                return None
            if is_secret and not self.judge.decide("state.decrypt_restricted", resource).allowed:
                return None
        return decision

    def record(self, shown: Sequence[Seen]) -> Flow[bool]:
        """Write down that these values are shown, before they are; False where a rule changed
        meanwhile: look again.
        """
        judge = self.judge
        by_namespace: dict[str, list[Seen]] = {}
        for one in shown:
            if one.change.row.has_value:
                by_namespace.setdefault(one.rules.name, []).append(one)
        for those in by_namespace.values():
            rules = those[0].rules
            reader = Reader(judge.actor, judge.call, judge.configuration, rules, judge)
            keys = {"keys": ",".join(one.change.row.key for one in those)}
            extra = {"operation": "watch", "entries": len(those)}
            if not (yield from reader.record(those[0].decision, keys, extra)):
                return False
        return True


def load_rules(
    configuration: TenantConfiguration, changes: Iterable[Change]
) -> Flow[Mapping[str, NamespaceRules]]:
    """The rules of all namespaces that changes lie in; those deleted meanwhile have none."""
    wanted = {change.row.namespace for change in changes if change.row.namespace is not None}
    for name in wanted:
        try:
            yield from namespace_rules(configuration, name)
        except NoSuchNamespace:
            continue
    return configuration.namespaces


def load_values(
    configuration: TenantConfiguration, changes: Sequence[Change], with_before: bool
) -> Flow[dict[int, Opened]]:
    """The values of changes by position, opened."""
    fresh = yield from load_configuration(configuration.tenant_id)
    yield from load_rules(fresh, changes)
    rows = [change.row for change in changes]
    sealed = yield from read_values(configuration.tenant_id, rows, with_before=with_before)
    for position, found in sealed.items():
        rules = fresh.namespaces.get(changes[position].row.namespace or "")
        if rules is not None:
            yield from load_keys_of(fresh.keys, rules.id, (found.value, found.before_value))
    return open_changes(fresh, changes, sealed)


def flags(seen: Sequence[Seen]) -> list[bool]:
    """For each change, whether the one after it that the reader sees is of the same transaction."""
    places = [one.change.row.place.transaction for one in seen]
    return [this == following for this, following in zip(places, [*places[1:], None], strict=False)]

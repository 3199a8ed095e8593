"""What rules come to, over everything that is kept: the preview of what would go, and the list that
a sweep goes by. Both walk the same pages and ask the same resolver, so that they cannot differ.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from governance.retention.resolution import Resolver, Verdict
from governance.retention.terms import Item, Rule
from stateward.kernel.flow import Flow
from stateward.state.configuration import TenantConfiguration
from stateward.state.keeping import START, Kept, KeptNamespace, kept_namespaces, scan_kept
from stateward.state.services.purging import held_among

PAGE = 5_000
SAMPLES = 10  # of each kind
FIRST = (START, "")
Place = tuple[UUID, str]


class Found(NamedTuple):
    """One key, and what becomes of it."""

    kept: Kept
    verdict: Verdict


class Ground:
    """What a walk stands on: rules, namespaces, holds, and the database's time."""

    def __init__(
        self,
        rules: Collection[Rule],
        namespaces: Mapping[UUID, KeptNamespace],
        configuration: TenantConfiguration,
        now: datetime,
    ) -> None:
        self.resolver = Resolver(rules)
        self.namespaces = namespaces
        self.configuration = configuration
        self.now = now
        self.past = frozenset(
            one.id
            for one in namespaces.values()
            if self.resolver.plan(one.name, one.classification).needs_past
        )

    def item(self, kept: Kept) -> Item:
        namespace = self.namespaces[kept.namespace_id]
        plan = self.resolver.plan(namespace.name, namespace.classification)
        labels = kept.label_map() if plan.needs_labels else {}
        return Item(
            namespace.name,
            namespace.classification,
            kept.key,
            labels,
            kept.began(),
            kept.updated_at,
            kept.ended(self.now, namespace),
        )

    def resolve(self, kept: Kept, *, is_held: bool = False) -> Verdict:
        return self.resolver.resolve(self.item(kept), self.now, is_held=is_held)

    def judge(self, page: list[Kept]) -> Flow[list[Found]]:
        """The verdict of each; holds are looked at for what a rule wants gone."""
        found = [Found(kept, self.resolve(kept)) for kept in page]
        past = [one.kept for one in found if one.verdict.is_past]
        held = yield from held_among(self.configuration, past, self.namespaces)
        if not held:
            return found
        places = {kept.place for kept in held}
        return [
            one._replace(verdict=one.verdict._replace(state="held"))
            if one.verdict.is_past and one.kept.place in places
            else one
            for one in found
        ]


def ground(
    configuration: TenantConfiguration, rules: Collection[Rule], now: datetime
) -> Flow[Ground]:
    namespaces = yield from kept_namespaces(configuration.tenant_id)
    return Ground(rules, namespaces, configuration, now)


@dataclass(slots=True)
class Tally:
    """How many keys, and how many bytes their current values have."""

    entries: int = 0
    bytes: int = 0

    def add(self, kept: Kept) -> None:
        self.entries += 1
        self.bytes += kept.size_bytes


@dataclass(slots=True)
class Share:
    """What is past a delete rule's date, by what becomes of it."""

    due: Tally = field(default_factory=Tally)
    held: Tally = field(default_factory=Tally)
    retained: Tally = field(default_factory=Tally)

    def add(self, found: Found) -> None:
        tally = {"due": self.due, "held": self.held, "retained": self.retained}
        tally[found.verdict.state].add(found.kept)


@dataclass(slots=True)
class Survey:
    """What a set of rules comes to at a moment."""

    at: datetime
    rules: Mapping[UUID, Rule]
    looked_at: int = 0
    is_complete: bool = True
    total: Share = field(default_factory=Share)
    unruled: Tally = field(default_factory=Tally)
    by_rule: dict[UUID, Share] = field(default_factory=dict)
    by_namespace: dict[UUID, Share] = field(default_factory=dict)
    namespaces: Mapping[UUID, KeptNamespace] = field(default_factory=dict)
    samples: list[Found] = field(default_factory=list)
    _sampled: Counter[str] = field(default_factory=Counter)

    def add(self, found: Found) -> None:
        verdict = found.verdict
        if verdict.state == "unruled":
            self.unruled.add(found.kept)
        if not verdict.is_past or verdict.delete_by is None:
            return
        self.total.add(found)
        self.by_rule.setdefault(verdict.delete_by.id, Share()).add(found)
        self.by_namespace.setdefault(found.kept.namespace_id, Share()).add(found)
        # A few of each kind, so that what is kept back is seen beside what goes.
        if self._sampled[verdict.state] < SAMPLES:
            self._sampled[verdict.state] += 1
            self.samples.append(found)


def survey(base: Ground, *, most: int | None = None) -> Flow[Survey]:
    """Count everything kept, page by page; ``most`` keys, after which it is said to be
    incomplete.
    """
    result = Survey(base.now, {rule.id: rule for rule in base.resolver.rules})
    result.namespaces = base.namespaces
    tenant_id, after = base.configuration.tenant_id, FIRST
    while True:
        page = yield from scan_kept(tenant_id, after=after, limit=PAGE, past=base.past)
        for found in (yield from base.judge(page)):
            result.add(found)
        result.looked_at += len(page)
        if len(page) < PAGE:
            return result
        if most is not None and result.looked_at >= most:
            result.is_complete = False
            return result
        after = page[-1].place


def due_by_rule(found: list[Found]) -> Iterator[tuple[Rule, list[Kept]]]:
    """What is due, by the version of the rule that wants it gone."""
    groups: dict[tuple[UUID, int], tuple[Rule, list[Kept]]] = {}
    for one in found:
        rule = one.verdict.delete_by
        if one.verdict.state == "due" and rule is not None:
            groups.setdefault((rule.id, rule.version), (rule, []))[1].append(one.kept)
    yield from groups.values()

"""Why a decision came out as it did: what determined it, what nearly did, and what could not be
evaluated.

A *near miss* is a permit whose scope matched and one of whose conditions did not hold. Conditions
are evaluated one by one in their order, by Cedar itself, so that a guard (``context has purpose``)
still guards what comes after it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import cedarpy

from stateward.gate.policy.book import PolicyBook
from stateward.gate.policy.decide import decide
from stateward.gate.policy.facts import EntityFacts, Lens
from stateward.gate.policy.index import scope_matches
from stateward.gate.policy.requests import NO_CONTEXT, Resource
from stateward.gate.policy.rules import Rule
from stateward.gate.policy.slices import CONTEXT, context_document, context_value
from stateward.gate.policy.statements import Conjunct
from stateward.gate.policy.tokens import place
from stateward.gate.policy.vocabulary import ACTION_NAMES
from stateward.tenancy.actors import Actor

MOST_NEAR_MISSES = 20
_ALL = Lens(
    frozenset(),
    frozenset(),
    labels=True,
    context=CONTEXT,
    ancestors=frozenset(),
    uids=frozenset(),
    action=True,
    everything=True,
)
_PATH = re.compile(
    r"""\b(?P<of>principal|resource|context)\s*\.\s*
        (?:(?:get|has)Tag\s*\(\s*"(?P<label>(?:[^"\\]|\\.)*)"\s*\)|(?P<name>[A-Za-z_]\w*))
      | \b(?P<holder>principal|resource|context)\s+has\s+(?P<held>[A-Za-z_]\w*)""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class RuleFacts:
    """A rule as an explanation names it. ``line`` and ``column`` place its statement in the
    policy's text.
    """

    kind: Literal["role", "policy", "grant", "override"]
    label: str
    name: str
    version: int | None
    policy_id: str | None
    effect: Literal["permit", "forbid"]
    text: str
    line: int
    column: int
    level: str = "hard"


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A permit that failed at one clause. ``negated``: it is of an ``unless``, and held."""

    rule: RuleFacts
    clause: str
    negated: bool
    line: int
    column: int
    held_before: int  # how many clauses held before it
    values: dict[str, Any]  # what it read
    error: str | None


@dataclass(frozen=True, slots=True)
class RuleError:
    rule: str
    message: str


@dataclass(frozen=True, slots=True)
class Explanation:
    id: str
    outcome: str
    allowed: bool
    code: str
    reason: str
    determining: tuple[RuleFacts, ...]
    advised: tuple[RuleFacts, ...]  # let pass, with a warning
    shadow: tuple[RuleFacts, ...]  # would have changed the outcome, were they in force
    near_misses: tuple[NearMiss, ...]
    errors: tuple[RuleError, ...]
    policy_set: str
    principal_snapshot: str
    resource_snapshot: str
    microseconds: int

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def explain(
    policies: PolicyBook,
    actor: Actor,
    action: str,
    resource: Resource,
    context: Mapping[str, Any] = NO_CONTEXT,
    *,
    delegator: Actor | None = None,
) -> Explanation:
    """The decision, made as any other, with all its grounds. ``microseconds`` is what the decision
    alone took.
    """
    started = time.perf_counter_ns()
    decision = decide(policies, actor, action, resource, context, delegator=delegator)
    took = (time.perf_counter_ns() - started) // 1_000
    # Somebody acted for is asked about only once the caller may: then it is they who were refused.
    denied = delegator if delegator and decision.verdict.delegator else actor
    misses: list[NearMiss] = []
    if decision.outcome in {"deny_no_match", "deny_error"} and action in ACTION_NAMES:
        misses = list(_near_misses(policies, denied, action, resource, context))
    misses.sort(key=lambda miss: (-miss.held_before, miss.rule.label))
    return Explanation(
        id=str(decision.id),
        outcome=decision.outcome,
        allowed=decision.allowed,
        code=decision.code,
        reason=decision.reason,
        determining=tuple(_named(policies, decision.determining)),
        advised=tuple(_named(policies, decision.advised)),
        shadow=tuple(_named(policies, decision.verdict.shadow)),
        near_misses=tuple(misses[:MOST_NEAR_MISSES]),
        errors=tuple(RuleError(fault.rule, fault.message) for fault in decision.faults),
        policy_set=decision.policy_set,
        principal_snapshot=decision.principal_snapshot,
        resource_snapshot=decision.resource_snapshot,
        microseconds=took,
    )


def _named(policies: PolicyBook, labels: Iterable[str]) -> Iterator[RuleFacts]:
    rules = {rule.label: rule for rule in policies.rules}
    for label in labels:
        if label in rules:
            yield _facts(rules[label])
        elif label.startswith("grant:"):
            grant_id = label.removeprefix("grant:")
            yield RuleFacts("grant", label, grant_id, None, None, "permit", "", 0, 0)
        elif label.startswith("override:"):
            override_id = label.removeprefix("override:")
            yield RuleFacts("override", label, override_id, None, None, "permit", "", 0, 0)


def _facts(rule: Rule) -> RuleFacts:
    source = rule.source
    line, column = place(source.text, rule.statement.offset)
    is_policy = source.kind == "policy"
    return RuleFacts(
        source.kind,
        rule.label,
        source.name,
        source.version if is_policy else None,
        source.id if is_policy else None,
        rule.statement.effect,
        rule.statement.text,
        line,
        column,
        source.level,
    )


@dataclass(frozen=True, slots=True)
class _Asked:
    """One request with everything that can be read of it."""

    principal: EntityFacts
    action: str
    resource: EntityFacts
    entities: cedarpy.Entities
    context: dict[str, Any]
    document: str

    def holds(self, conjunct: Conjunct) -> tuple[bool, str | None]:
        """Whether the clause lets the rule apply, and Cedar's error if it has one."""
        result = cedarpy.is_authorized(
            {
                "principal": self.principal.reference,
                "action": {"type": "Action", "id": self.action},
                "resource": self.resource.reference,
                "context": self.document,
            },
            f"permit (principal, action, resource) {conjunct.as_clause()};",
            self.entities,
        )
        errors = result.diagnostics.errors
        message = errors[0].partition("`: ")[2] or errors[0] if errors else None
        return result.allowed, message

    def value(self, path: re.Match[str]) -> tuple[str, Any]:
        """What a path in a clause stands for: its spelling, and the value (None: there is none)."""
        if path["label"] is not None:
            return f"{path['of']} label {path['label']}", self.resource.labels.get(path["label"])
        of, name = path["of"] or path["holder"], path["name"] or path["held"]
        if of == "context":
            return f"context.{name}", self.context.get(name)
        entity = self.principal if of == "principal" else self.resource
        return f"{of}.{name}", entity.attributes.get(name)


def _near_misses(
    policies: PolicyBook,
    actor: Actor,
    action: str,
    resource: Resource,
    context: Mapping[str, Any],
) -> Iterator[NearMiss]:
    principal, facts = policies.principal(actor), policies.resource(resource)
    reads = sorted(CONTEXT)
    values = [context_value(name, actor, context) for name in reads]
    asked = _Asked(
        principal,
        action,
        facts,
        policies.entities(principal, action, facts, _ALL),
        {name: value for name, value in zip(reads, values, strict=True) if value is not None},
        context_document(reads, values),
    )
    for rule in policies.rules:
        if (
            rule.decides
            and not rule.is_forbid
            and scope_matches(rule.statement.tree, ACTION_NAMES[action], principal, facts)
        ):
            miss = _failing_clause(rule, asked)
            if miss is not None:
                yield miss


def _failing_clause(rule: Rule, asked: _Asked) -> NearMiss | None:
    for number, conjunct in enumerate(rule.statement.conjuncts):
        holds, error = asked.holds(conjunct)
        if holds:
            continue
        line, column = place(rule.source.text, conjunct.offset)
        return NearMiss(
            _facts(rule),
            conjunct.text,
            conjunct.negated,
            line,
            column,
            number,
            dict(asked.value(path) for path in _PATH.finditer(conjunct.text)),
            error,
        )
    return None

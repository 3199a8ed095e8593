"""A slice: the few rules that one kind of request can meet, parsed once and kept as a handle."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import cedarpy

from stateward.gate.policy.facts import EntityFacts, Lens
from stateward.gate.policy.rules import Rule
from stateward.tenancy.actors import Actor

CONTEXT = frozenset(
    {
        "time",
        "mfa",
        "auth_method",
        "approved",
        "purpose",
        "run",
        "on_behalf_of",
        "source_address",
        "roles",
    }
)
_FAILED = re.compile(r"^error while evaluating policy `policy([0-9]+)`: ")
_NUMBER = len("policy")


@dataclass(frozen=True, slots=True)
class Answer:
    """What Cedar says of one request: the rules that hold, those that failed, or why it could not
    be asked at all.
    """

    matched: tuple[Rule, ...] = ()
    failed: tuple[tuple[Rule, str], ...] = ()
    refusal: str | None = None


class Slice:
    """``beside``: the slice of those that do not simply decide (``levels.py``); its rules are asked
    ``as_permits``.
    """

    def __init__(
        self, rules: tuple[Rule, ...], beside: Slice | None = None, *, as_permits: bool = False
    ) -> None:
        self.rules = rules
        self.beside = beside
        self.lens = union(rule.lens for rule in rules)
        reads = CONTEXT if self.lens.everything else self.lens.context & CONTEXT
        if beside is not None:
            reads = reads.union(beside.reads)
        self.reads: tuple[str, ...] = tuple(sorted(reads))
        texts = [rule.as_permit if as_permits else rule.asked for rule in rules]
        self._policies = cedarpy.PolicySet.from_str("\n".join(texts)) if texts else None

    def ask(
        self,
        principal: EntityFacts,
        action: str,
        resource: EntityFacts,
        entities: cedarpy.Entities,
        context: str | None,
    ) -> Answer:
        """Evaluate every rule of the slice. Cedar skips a rule that fails, so the failures are read
        out too.
        """
        if self._policies is None:
            return Answer()
        request: dict[str, Any] = {
            "principal": principal.reference,
            "action": {"type": "Action", "id": action},
            "resource": resource.reference,
        }
        if context is not None:
            request["context"] = context
        result = cedarpy.is_authorized(request, self._policies, entities)
        diagnostics = result.diagnostics
        if result.decision is cedarpy.Decision.NoDecision:
            return Answer(refusal="; ".join(diagnostics.errors))
        matched = tuple(self.rules[int(name[_NUMBER:])] for name in diagnostics.reasons)
        if not diagnostics.errors:
            return Answer(matched)
        return Answer(matched, tuple(self._failure(error) for error in diagnostics.errors))

    def _failure(self, error: str) -> tuple[Rule, str]:
        match = _FAILED.match(error)
        if match is None:  # pragma: no cover  # Cedar names the policy in every error of evaluation
            raise RuntimeError(f"an error of Cedar that names no policy: {error}")
        return self.rules[int(match[1])], error[match.end() :]


def union(lenses: Iterable[Lens]) -> Lens:
    each = list(lenses)
    return Lens(
        principal=frozenset().union(*(lens.principal for lens in each)),
        resource=frozenset().union(*(lens.resource for lens in each)),
        labels=any(lens.labels for lens in each),
        context=frozenset().union(*(lens.context for lens in each)),
        ancestors=frozenset().union(*(lens.ancestors for lens in each)),
        uids=frozenset().union(*(lens.uids for lens in each)),
        action=any(lens.action for lens in each),
        everything=any(lens.everything for lens in each),
    )


def context_value(name: str, actor: Actor, context: Mapping[str, Any]) -> Any:
    """One member of the context as policies see it: text, truth, or list of texts; None where there
    is none.
    """
    if name in {"mfa", "auth_method"}:
        return getattr(actor, name)
    if name == "approved":
        return context.get("approved", False)
    value = context.get(name)
    if name == "time":
        moment = value if isinstance(value, datetime) else datetime.now(UTC)
        return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if name == "source_address":
        return _address(value)
    if name == "roles":
        return None if value is None else tuple(sorted(value))
    return str(value) if value else None


def _address(value: Any) -> str | None:
    """The address in the one spelling Cedar takes; what is no address (a socket's path) counts as
    absent.
    """
    try:
        return str(ipaddress.ip_address(str(value).partition("%")[0]))
    except ValueError:
        return None


_FUNCTIONS = {"time": "datetime", "source_address": "ip"}


def context_document(reads: Iterable[str], values: Iterable[Any]) -> str:
    """Cedar's JSON of the members that a slice reads."""
    document = {
        name: {"__extn": {"fn": _FUNCTIONS[name], "arg": value}} if name in _FUNCTIONS else value
        for name, value in zip(reads, values, strict=True)
        if value is not None
    }
    return json.dumps(document)

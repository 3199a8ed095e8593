"""What is asked, what is answered, and what the record keeps of both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from uuid import UUID

from stateward.gate.policy.snapshots import Snapshot, is_recorded
from stateward.gate.policy.vocabulary import ResourceType
from stateward.kernel.clock import rfc3339
from stateward.kernel.ids import uuid7
from stateward.tenancy.actors import Actor, Call

if TYPE_CHECKING:
    from stateward.gate.policy.facts import PrincipalFacts, ResourceFacts

Outcome = Literal["allow", "deny_forbid", "deny_no_match", "deny_error", "deny_invariant"]
Context = Mapping[str, Any]
NO_CONTEXT: Context = MappingProxyType({})

# What the record holds elsewhere and as a commitment, because it may be personal.
PERSONAL = frozenset({"purpose", "source_address"})


@dataclass(frozen=True, slots=True)
class Resource:
    """What an action touches.

    ``attributes`` of a namespace: name, classification, labels, owner (the principal's id), scope;
    of an entry: its namespace's, and its own labels. Also understood: ``held`` (under a hold),
    ``restricted_to`` (a person's, read for this purpose only) and ``tenant_id``. Entries of one
    namespace, classification and labels are one class and share a decision, unless a policy names
    one of them.
    """

    type: ResourceType
    id: str
    attributes: Mapping[str, Any] = field(default_factory=dict)
    content: tuple[Any, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        frozen = [
            (name, value if type(value) is str else _freeze(value))
            for name, value in self.attributes.items()
        ]
        object.__setattr__(self, "content", (self.type, tuple(frozen)))


def _freeze(value: Any) -> Any:
    # Each entry read or written passes here with its labels: a plain dict, and mostly an empty one.
    if type(value) is dict or isinstance(value, Mapping):
        return (
            tuple(sorted([(str(name), str(text)) for name, text in value.items()])) if value else ()
        )
    if isinstance(value, list | tuple | set | frozenset):
        return tuple(sorted([str(item) for item in value]))
    return value


def call_context(call: Call, *, time: datetime | None = None) -> dict[str, Any]:
    """The context of a decision, from what the request says about itself."""
    context: dict[str, Any] = {}
    if call.purpose:
        context["purpose"] = call.purpose
    if call.run:
        context["run"] = call.run
    if call.on_behalf_of:
        context["on_behalf_of"] = call.on_behalf_of
    if call.source_address:
        context["source_address"] = call.source_address
    if time:
        context["time"] = time
    return context


@dataclass(frozen=True, slots=True)
class PolicyFault:
    """A rule that could not be evaluated, and why."""

    rule: str
    message: str


class Verdict(NamedTuple):
    """What a class of requests is answered; shared by all of them."""

    outcome: Outcome
    code: str
    reason: str
    determining: tuple[str, ...]
    faults: tuple[PolicyFault, ...]
    policy_set: str
    principal: PrincipalFacts
    resource: ResourceFacts
    reads: tuple[str, ...] = ()  # members of the context that were looked at
    ends_at: datetime | None = None
    delegator: PrincipalFacts | None = None
    # Rules that do not decide (``levels.py``): those that warn, and those that would have changed
    # the outcome.
    advised: tuple[str, ...] = ()
    shadow: tuple[str, ...] = ()


class Decision:
    """The answer to one request: its class's verdict, and what this request said about itself.

    Cached decisions are this object and nothing else, so its own id is drawn only when somebody
    asks for it.
    """

    __slots__ = ("_facts", "_id", "actor", "context", "verdict")

    def __init__(self, verdict: Verdict, actor: Actor, context: Context) -> None:
        self.verdict = verdict
        self.actor = actor
        self.context = context
        self._id: UUID | None = None
        self._facts: dict[str, Any] | None = None

    @property
    def id(self) -> UUID:
        if self._id is None:
            self._id = uuid7()
        return self._id

    @property
    def allowed(self) -> bool:
        return self.verdict.outcome == "allow"

    @property
    def outcome(self) -> Outcome:
        return self.verdict.outcome

    @property
    def code(self) -> str:
        """Why, as a stable word."""
        return self.verdict.code

    @property
    def reason(self) -> str:
        """Why, as a sentence for people."""
        return self.verdict.reason

    @property
    def determining(self) -> tuple[str, ...]:
        """The rules that decided: ``role:writer``, ``policy:no-export@3``, ``grant:<id>``."""
        return self.verdict.determining

    @property
    def advised(self) -> tuple[str, ...]:
        """The advisory rules that would rather it were not done."""
        return self.verdict.advised

    @property
    def faults(self) -> tuple[PolicyFault, ...]:
        """Rules that could not be evaluated. One among the forbids denies and deserves an alert."""
        return self.verdict.faults

    @property
    def policy_set(self) -> str:
        """The version of all rules in force: SHA-256, hex."""
        return self.verdict.policy_set

    @property
    def principal_snapshot(self) -> str:
        return self.verdict.principal.snapshot.hash

    @property
    def resource_snapshot(self) -> str:
        return self.verdict.resource.snapshot.hash

    @property
    def ends_at(self) -> datetime | None:
        """When what this rests on ends by itself, by the database's clock."""
        ours, theirs = self.actor.ends_at, self.verdict.ends_at
        if ours is None or theirs is None:
            return ours or theirs
        return min(ours, theirs)

    @property
    def snapshots(self) -> tuple[Snapshot, ...]:
        verdict = self.verdict
        delegated = (verdict.delegator.snapshot,) if verdict.delegator else ()
        return (verdict.principal.snapshot, verdict.resource.snapshot, *delegated)

    @property
    def new_snapshots(self) -> tuple[Snapshot, ...]:
        """Those not yet known to be stored: give the decision to ``record_snapshots`` when there
        are any.
        """
        verdict, tenant_id = self.verdict, self.actor.tenant_id
        if (
            verdict.delegator is None
            and verdict.principal.is_recorded(tenant_id)
            and verdict.resource.is_recorded(tenant_id)
        ):
            return ()
        return tuple(
            snapshot for snapshot in self.snapshots if not is_recorded(tenant_id, snapshot.hash)
        )

    def facts(self) -> dict[str, Any]:
        """What the audit record keeps of this decision: enough to make it again. Personal values
        are not among it.
        """
        if self._facts is None:
            self._facts = self._made_facts()
        return dict(self._facts)

    def _made_facts(self) -> dict[str, Any]:
        verdict = self.verdict
        facts: dict[str, Any] = {
            "id": str(self.id),
            "outcome": verdict.outcome,
            "code": verdict.code,
            "determining": list(verdict.determining),
            "policy_set": verdict.policy_set,
            "principal_snapshot": verdict.principal.snapshot.hash,
            "resource_snapshot": verdict.resource.snapshot.hash,
            "context": self._recorded_context(),
        }
        if verdict.delegator:
            facts["delegator_snapshot"] = verdict.delegator.snapshot.hash
        if verdict.advised:
            facts["advised"] = list(verdict.advised)
        if verdict.shadow:
            facts["shadow"] = list(verdict.shadow)
        return facts

    def _recorded_context(self) -> dict[str, Any]:
        recorded: dict[str, Any] = {"auth_method": self.actor.auth_method, "mfa": self.actor.mfa}
        for name, value in self.context.items():
            if name in PERSONAL or value is None:
                continue
            if isinstance(value, datetime):
                if "time" in self.verdict.reads:
                    recorded[name] = rfc3339(value)
            else:
                is_plain = isinstance(value, str | bool)
                recorded[name] = value if is_plain else list(_freeze(value))
        if self.actor.scopes is not None:
            recorded["scopes"] = sorted(self.actor.scopes)
        return recorded

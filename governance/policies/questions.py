"""Questions put to the decision point by others: what would be decided about this principal, action
and resource.

Whoever asks needs ``policy.explain``. What the asker may not know of is answered as what does not
exist.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet

from governance.policies.acts import resource_of
from stateward.gate.policy.book import PolicyBook
from stateward.gate.policy.decide import decide
from stateward.gate.policy.explain import Explanation, explain
from stateward.gate.policy.load import current_policies
from stateward.gate.policy.models import Policy
from stateward.gate.policy.permits import permit, whole_tenant
from stateward.gate.policy.principals import load_principal
from stateward.gate.policy.requests import Decision, Resource, call_context
from stateward.gate.policy.vocabulary import ACTION_NAMES, ENTITY_TYPES
from stateward.kernel.clock import parse_rfc3339
from stateward.kernel.errors import Fault, NotFound, Unprocessable
from stateward.kernel.flow import Flow
from stateward.state.configuration import load_configuration, namespace_rules
from stateward.state.entries import NO_LABELS, parse_labels
from stateward.state.statements import Found, Read
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.models import Credential
from stateward.tenancy.scope import run_flow

PRINCIPAL_TYPES = ("agent", "member")
RESOURCE_TYPES = tuple(name for name in ENTITY_TYPES if name != "system")
M = TypeVar("M", bound=Model)
_TEXTS = ("purpose", "run")


@dataclass(frozen=True, slots=True)
class Question:
    principal_type: str
    principal_id: str
    action: str
    resource_type: str
    resource_id: str
    context: Mapping[str, Any] = field(default_factory=dict)


class Asker:
    """Somebody who may ask, and the rules as of now."""

    def __init__(self, actor: Actor, call: Call) -> None:
        permit(actor, call, "policy.explain", whole_tenant(actor))
        self.actor = actor
        self.call = call
        self.book: PolicyBook = run_flow(current_policies(actor.tenant_id))

    def explain(self, question: Question) -> Explanation:
        """The decision with its grounds. NotFound (404) for a principal or resource that is not
        there.
        """
        principal, resource = self.find(question)
        context = context_of(question.context)
        return explain(self.book, principal, question.action, resource, context)

    def decide(self, question: Question) -> Decision:
        principal, resource = self.find(question)
        context = context_of(question.context)
        return decide(self.book, principal, question.action, resource, context)

    def find(self, question: Question) -> tuple[Actor, Resource]:
        """Whom and what it is about; NotFound (404) also for what the asker may not know of."""
        _check(question)
        kind, tenant_id = question.principal_type, self.actor.tenant_id
        principal = run_flow(load_principal(tenant_id, kind, question.principal_id))
        resource = self._resource(question.resource_type, question.resource_id)
        if principal is None or resource is None:
            raise NotFound
        return principal, resource

    def _resource(self, kind: str, name: str) -> Resource | None:
        if kind in {"namespace", "entry"}:
            return self._of_state(kind, name)
        return find_resource(self.actor, kind, name)

    def _of_state(self, kind: str, name: str) -> Resource | None:
        namespace, resource = run_flow(_state_resource(self.actor.tenant_id, kind, name))
        known = decide(
            self.book, self.actor, "namespace.read", namespace, call_context(self.call)
        ).allowed
        return resource if known else None


def _state_resource(tenant_id: UUID, kind: str, name: str) -> Flow[tuple[Resource, Resource]]:
    """The namespace, and the resource itself. An entry that does not exist is as one without labels
    would be.
    """
    configuration = yield from load_configuration(tenant_id, max_age=0)
    namespace, _, key = name.partition("/")
    if kind == "entry" and not key:
        raise NotFound
    rules = yield from namespace_rules(configuration, namespace if kind == "entry" else name)
    if kind == "namespace":
        return rules.resource(), rules.resource()
    rows = yield Read(tenant_id, rules.id, key)
    found = Found(*rows[0]) if rows else None
    labels = parse_labels(found.labels) if found else NO_LABELS
    is_held = rules.holds.keeps(key, (found.actor_id,) if found else ())
    return rules.resource(), rules.entry(key, labels, is_held=is_held)


def find_resource(actor: Actor, kind: str, name: str) -> Resource | None:
    """A resource that is not of state, with what policies read of it; None if there is none."""
    match kind:
        case "tenant":
            own = name in (actor.tenant_slug, str(actor.tenant_id))
            return whole_tenant(actor) if own else None
        case "agent" | "member":
            return _principal(actor, kind, name)
        case "policy":
            policy = _row(Policy.objects.filter(tenant_id=actor.tenant_id), name)
            return resource_of(policy) if policy else None
        case "credential":
            return _credential(actor, name)
    return Resource(kind, name, {"name": name})  # type: ignore[arg-type]  # checked by _check


def _principal(actor: Actor, kind: str, name: str) -> Resource | None:
    found = run_flow(load_principal(actor.tenant_id, kind, name))
    if found is None:
        return None
    attributes = {**found.attributes, "name": found.name, "roles": found.roles}
    return Resource(found.type, name, attributes)  # type: ignore[arg-type]  # agent or member


def _credential(actor: Actor, name: str) -> Resource | None:
    found = _row(Credential.objects.filter(tenant_id=actor.tenant_id), name)
    if found is None:
        return None
    holder = str(found.agent_id or found.member_id)
    return Resource("credential", str(found.id), {"name": found.label, "holder": holder})


def _row(rows: QuerySet[M, M], name: str) -> M | None:
    try:
        return rows.filter(id=UUID(name)).first()
    except ValueError:
        return None


def _check(question: Question) -> None:
    """Unprocessable (422) for words that are not in the vocabulary."""
    if question.action not in ACTION_NAMES:
        raise _unfit("/action", "there is no such action")
    if question.principal_type not in PRINCIPAL_TYPES:
        raise _unfit("/principal/type", f"one of {', '.join(PRINCIPAL_TYPES)}")
    if question.resource_type not in RESOURCE_TYPES:
        raise _unfit("/resource/type", f"one of {', '.join(RESOURCE_TYPES)}")


def context_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """The members of a question's context that policies know; others are left out."""
    context: dict[str, Any] = {name: given[name] for name in _TEXTS if given.get(name)}
    for name, value in context.items():
        if not isinstance(value, str):
            raise _unfit(f"/context/{name}", "a text")
    if "time" in given:
        if not isinstance(given["time"], str):
            raise _unfit("/context/time", "an RFC 3339 time")
        context["time"] = parse_rfc3339(given["time"], pointer="/context/time")
    if "source_address" in given:
        context["source_address"] = _address(given["source_address"])
    return context


def _address(value: Any) -> str:
    try:
        return str(ipaddress.ip_address(value if isinstance(value, str) else ""))
    except ValueError:
        raise _unfit("/context/source_address", "an IP address") from None


def _unfit(pointer: str, message: str) -> Unprocessable:
    return Unprocessable(f"{pointer}: {message}.", errors=(Fault(pointer, message),))

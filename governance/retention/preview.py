"""What rules would delete, for whoever may ask. Nothing is changed by looking."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from governance.retention.acts import resource_for
from governance.retention.fitness import check_terms
from governance.retention.queries import newest_rules, rule_state, unruled_namespaces
from governance.retention.survey import Found, Share, Survey, ground, survey
from governance.retention.terms import NEVER, Rule, Scope, Terms
from stateward.gate.policy.decide import decide
from stateward.gate.policy.load import current_policies
from stateward.gate.policy.permits import permit
from stateward.gate.policy.requests import Resource, call_context
from stateward.kernel.clock import rfc3339
from stateward.kernel.flow import Flow, Statement
from stateward.state.configuration import load_configuration
from stateward.state.services.clocks import NOW
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.scope import run_flow, tenant_scope

MOST = 1_000_000  # keys that one request looks at
DRAFT = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Draft:
    """A rule as it might be: new, or in the place of ``rule_id``'s."""

    terms: Terms
    name: str = "this rule"
    rule_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """A survey, what is unruled, and which samples the asker may see by name."""

    survey: Survey
    unruled: list[str]
    samples: list[Found]
    draft: UUID | None  # the id that the draft's share is under

    @property
    def of_draft(self) -> Share:
        return self.survey.by_rule.get(self.draft, Share()) if self.draft else Share()


def preview(actor: Actor, call: Call, *, draft: Draft | None = None, most: int = MOST) -> Preview:
    """What the rules, as they are newly written, would delete today; with ``draft``, as they would
    be with it. Rules that wait out their grace are counted as if it were over.
    """
    with tenant_scope(actor.tenant_id):
        permit(actor, call, "retention.read", resource_for(actor, Scope()))
        now = run_flow(_now())
        rules = newest_rules(actor.tenant_id, now)
        own = None
        if draft is not None:
            check_terms(draft.terms)
            own = draft.rule_id or DRAFT
            if draft.rule_id is not None:
                rule_state(actor, call, draft.rule_id, now)
            rules = [rule for rule in rules if rule.id != own]
            rules.append(Rule(own, draft.name, 0, draft.terms))
        found = look_at(actor.tenant_id, rules, most=most)
        unruled = unruled_namespaces(actor.tenant_id, now, rules=rules)
        return Preview(found, unruled, _nameable(actor, call, found), own)


def look_at(tenant_id: UUID, rules: list[Rule], *, most: int | None = None) -> Survey:
    """The survey of these rules, now. In the tenant's scope."""

    def flow() -> Flow[Survey]:
        now = yield from _now()
        configuration = yield from load_configuration(tenant_id, max_age=0)
        base = yield from ground(configuration, rules, now)
        return (yield from survey(base, most=most))

    return run_flow(flow())


def _now() -> Flow[Any]:
    rows = yield Statement(NOW)
    return rows[0][0]


def _nameable(actor: Actor, call: Call, found: Survey) -> list[Found]:
    """Samples of namespaces whose keys the asker may list."""
    book = run_flow(current_policies(actor.tenant_id))
    context = call_context(call)
    allowed: dict[UUID, bool] = {}
    for one in found.samples:
        namespace = found.namespaces[one.kept.namespace_id]
        if namespace.id not in allowed:
            about = Resource(
                "namespace",
                namespace.name,
                {"name": namespace.name, "classification": namespace.classification},
            )
            allowed[namespace.id] = decide(book, actor, "state.read_meta", about, context).allowed
    return [one for one in found.samples if allowed[one.kept.namespace_id]]


def body(tenant: str, found: Survey, unruled: list[str]) -> dict[str, Any]:
    """The counts as JSON, for the REST answer and the command alike."""
    return {
        "tenant": tenant,
        "at": rfc3339(found.at),
        "entries": found.total.due.entries,
        "bytes": found.total.due.bytes,
        "held": found.total.held.entries,
        "retained": found.total.retained.entries,
        "unruled": found.unruled.entries,
        "unruled_namespaces": unruled,
        "looked_at": found.looked_at,
        "complete": found.is_complete,
        "by_rule": [
            {"rule": rule.name, "id": str(rule.id), "version": rule.version}
            | _share(found.by_rule.get(rule.id, Share()))
            for rule in found.rules.values()
            if rule.terms.kind == "delete"
        ],
        "by_namespace": [
            {"namespace": found.namespaces[namespace_id].name} | _share(share)
            for namespace_id, share in found.by_namespace.items()
        ],
    }


def sample_body(found: Survey, one: Found) -> dict[str, Any]:
    verdict = one.verdict
    until = verdict.retain_until
    return {
        "namespace": found.namespaces[one.kept.namespace_id].name,
        "key": one.kept.key,
        "version": one.kept.version,
        "size_bytes": one.kept.size_bytes,
        "deleted": not one.kept.is_alive,
        "becomes": verdict.state,
        "delete_at": rfc3339(verdict.delete_at) if verdict.delete_at else None,
        "rule": verdict.delete_by.name if verdict.delete_by else None,
        "retain_until": rfc3339(until) if until is not None and until != NEVER else None,
        "retained_by": verdict.retain_by.name if verdict.retain_by else None,
    }


def _share(share: Share) -> dict[str, int]:
    return {
        "entries": share.due.entries,
        "bytes": share.due.bytes,
        "held": share.held.entries,
        "retained": share.retained.entries,
    }

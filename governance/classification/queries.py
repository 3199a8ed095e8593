"""Reading suggestions, findings, scans and rules: each as far as the caller may know of what it is
about.

A namespace's own are for whoever may ``classification.read`` it; which entry a finding is in for
whoever may know of the entry, and where in it for whoever may read its value.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count, Max, Sum

from governance.classification.advice import Tally
from governance.classification.models import (
    ClassificationFinding,
    ClassificationRule,
    ClassificationScan,
    ClassificationStanding,
    ClassificationSuggestion,
)
from governance.people.acts import judge
from stateward.gate.policy.permits import permit, whole_tenant
from stateward.gate.policy.requests import Resource
from stateward.kernel.flow import Flow, Statement
from stateward.state.configuration import load_configuration_for, namespace_rules
from stateward.state.entries import parse_labels
from stateward.state.judging import judge_for
from stateward.state.models import Namespace
from stateward.state.queries import Reader, row_decision
from stateward.state.services.namespaces import find_namespace, resource_of
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.scope import run_flow

LABELS = """
SELECT key, labels::text FROM stateward_entry
WHERE tenant_id = %s AND namespace_id = %s AND key = ANY (%s) AND is_alive
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """A finding as a reader may see it; ``pointer`` is None where its value is not for them."""

    finding: ClassificationFinding
    pointer: str | None


@dataclass(frozen=True, slots=True)
class Overview:
    """One namespace: how it is kept, what was found in it, when it was last looked through."""

    namespace: Namespace
    tallies: tuple[Tally, ...]
    standing: ClassificationStanding | None


Readable = dict[UUID, Namespace]


def readable(actor: Actor, call: Call) -> Readable:
    """The namespaces that the caller may read this of; Denied (403) for who may read it neither of
    the tenant nor of any namespace. Lists take it, so that a page looks once.
    """
    may = judge(actor, call)
    rows = Namespace.objects.filter(tenant_id=actor.tenant_id, deleted_at=None).defer("schema")
    found = {
        one.id: one
        for one in rows
        if may("classification.read", resource_of(one)) and may("namespace.read", resource_of(one))
    }
    if not found:
        permit(actor, call, "classification.read", whole_tenant(actor))
    return found


def suggestions(
    actor: Actor,
    call: Call,
    *,
    state: str = "",
    namespace: str = "",
    before: UUID | None = None,
    limit: int = 100,
    known: Readable | None = None,
) -> tuple[list[ClassificationSuggestion], UUID | None]:
    """Newest first; those of namespaces that the caller may read this of."""
    known = readable(actor, call) if known is None else known
    found = ClassificationSuggestion.objects.select_related("namespace").filter(
        tenant_id=actor.tenant_id, namespace_id__in=list(known)
    )
    if state:
        found = found.filter(state=state)
    if namespace:
        found = found.filter(namespace__name=namespace)
    if before is not None:
        found = found.filter(id__lt=before)
    rows = list(found.order_by("-id")[: limit + 1])
    return rows[:limit], rows[limit - 1].id if len(rows) > limit else None


def overview(actor: Actor, call: Call, known: Readable | None = None) -> list[Overview]:
    """Every namespace that the caller may read this of, by name, with what was found in it."""
    known = readable(actor, call) if known is None else known
    tallies: dict[UUID, list[Tally]] = {}
    rows = (
        ClassificationFinding.objects.filter(
            tenant_id=actor.tenant_id, namespace_id__in=list(known)
        )
        .values("namespace_id", "kind")
        .annotate(entries=Count("key", distinct=True), findings=Sum("times"), best=Max("score"))
        .order_by("namespace_id", "kind")
    )
    for one in rows:
        tally = Tally(one["kind"], one["entries"], one["findings"], one["best"])
        tallies.setdefault(one["namespace_id"], []).append(tally)
    standings = ClassificationStanding.objects.filter(
        tenant_id=actor.tenant_id, namespace_id__in=list(known)
    ).in_bulk()
    return [
        Overview(one, tuple(tallies.get(one.id, ())), standings.get(one.id))
        for one in sorted(known.values(), key=lambda each: each.name)
    ]


def findings(
    actor: Actor,
    call: Call,
    name: str,
    *,
    kind: str = "",
    key: str = "",
    before: UUID | None = None,
    limit: int = 100,
) -> tuple[list[Seen], UUID | None]:
    """What was found in a namespace, newest first. Those in entries that are gone, or that the
    caller may not know of, are left out.
    """
    namespace = find_namespace(actor, call, name)
    permit(actor, call, "classification.read", resource_of(namespace))
    found = ClassificationFinding.objects.filter(
        tenant_id=actor.tenant_id, namespace_id=namespace.id
    )
    if kind:
        found = found.filter(kind=kind)
    if key:
        found = found.filter(key=key)
    seen: list[Seen] = []
    while True:
        some = found.filter(id__lt=before) if before is not None else found
        rows = list(some.order_by("-id")[: limit + 1])
        visible = run_flow(_visible(actor, call, name, rows[:limit]))
        for one in visible:
            if len(seen) == limit:
                return seen, seen[-1].finding.id
            seen.append(one)
        if len(rows) <= limit:
            return seen, None
        before = rows[limit - 1].id


def _visible(
    actor: Actor, call: Call, name: str, rows: Iterable[ClassificationFinding]
) -> Flow[list[Seen]]:
    configuration = yield from load_configuration_for(actor)
    rules = yield from namespace_rules(configuration, name)
    ask = (yield from judge_for(configuration, actor, call)).sharing()
    reader = Reader(actor, call, configuration, rules, ask)
    rows = list(rows)
    keys = sorted({one.key for one in rows})
    living = yield Statement(LABELS, (actor.tenant_id, rules.id, keys))
    labels = {key: parse_labels(text) for key, text in living}
    seen = []
    for one in rows:
        if one.key not in labels:
            continue
        if not row_decision(reader, "state.read_meta", one.key, labels[one.key]).allowed:
            continue
        reads = row_decision(reader, "state.read_value", one.key, labels[one.key]).allowed
        seen.append(Seen(one, one.pointer if reads else None))
    return seen


def scans(
    actor: Actor,
    call: Call,
    *,
    before: UUID | None = None,
    limit: int = 100,
    known: Readable | None = None,
) -> tuple[list[ClassificationScan], UUID | None]:
    """Newest first; those of the whole tenant, and of namespaces that the caller may read this
    of.
    """
    known = readable(actor, call) if known is None else known
    names = [one.name for one in known.values()]
    found = ClassificationScan.objects.filter(tenant_id=actor.tenant_id, namespace__in=["", *names])
    if before is not None:
        found = found.filter(id__lt=before)
    rows = list(found.order_by("-id")[: limit + 1])
    return rows[:limit], rows[limit - 1].id if len(rows) > limit else None


def rules(actor: Actor, call: Call) -> list[ClassificationRule]:
    """By the namespaces they are about."""
    readable(actor, call)
    may = judge(actor, call)
    found = ClassificationRule.objects.filter(tenant_id=actor.tenant_id).order_by("namespace")
    return [one for one in found if may("classification.read", _about(actor, one))]


def _about(actor: Actor, rule: ClassificationRule) -> Resource:
    if not rule.namespace:
        return whole_tenant(actor)
    return Resource("namespace", rule.namespace, {"name": rule.namespace})

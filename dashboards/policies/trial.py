"""Try it: who, does what, on what; the gate's answer with its grounds.

The question stands in the address. It is asked of the rules in force, or of the same rules with
the shown version of a policy among them, so that a text can be tried before it decides anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import CharField, F, Value
from django.db.models.functions import Coalesce, NullIf

from dashboards.requests import ConsoleRequest, record
from governance.policies.questions import RESOURCE_TYPES, Asker, Question
from stateward.gate.policy.book import PolicyBook
from stateward.gate.policy.explain import Explanation
from stateward.gate.policy.models import Policy, PolicyVersion
from stateward.gate.policy.rules import Source
from stateward.gate.policy.vocabulary import ACTIONS
from stateward.kernel.errors import Forbidden, NotFound, StatewardError
from stateward.tenancy.models import Agent, Member
from stateward.tenancy.scope import tenant_scope

MOST_PRINCIPALS = 200
ASKED = ("who", "does", "kind", "on", "purpose", "address", "with")


@dataclass(frozen=True, slots=True)
class Family:
    """Actions that begin alike."""

    name: str
    actions: tuple[str, ...]


FAMILIES = tuple(
    Family(family, tuple(one for one in ACTIONS if one.startswith(f"{family}.")))
    for family in dict.fromkeys(action.split(".")[0] for action in ACTIONS)
)
KINDS = sorted(RESOURCE_TYPES, key=lambda kind: kind not in {"entry", "namespace"})


@dataclass(frozen=True, slots=True)
class Answer:
    """What the gate said; or why it was not asked."""

    explanation: Explanation | None = None
    refusal: StatewardError | None = None
    marks: str = ""  # lines of the shown text that decided, for the editor


def trial(
    request: ConsoleRequest, policy: Policy | None = None, version: PolicyVersion | None = None
) -> dict[str, Any]:
    """The panel: its choices, what was asked, the answer."""
    given = {name: request.GET.get(name, "").strip() for name in ASKED}
    given["does"] = given["does"] or "state.write"
    given["kind"] = given["kind"] or "entry"
    with tenant_scope(request.tenant.tenant_id):
        principals = _principals(request)
    return {
        "given": given,
        "principals": principals,
        "families": FAMILIES,
        "kinds": KINDS,
        "answer": _answer(request, given, policy, version) if given["who"] else None,
        "kept": [(name, given[name]) for name in ASKED if name != "with"],
        "may_draft": version is not None and policy is not None,
    }


def _principals(request: ConsoleRequest) -> dict[str, list[tuple[str, str]]]:
    """Whom one may ask about, by name; one query for both kinds."""
    tenant_id = request.tenant.tenant_id
    kind = CharField()
    agents = Agent.objects.filter(tenant_id=tenant_id).order_by("name")
    people = Member.objects.filter(tenant_id=tenant_id).order_by("person__name")
    known_as = Coalesce(NullIf("person__name", Value("")), F("person__email"), output_field=kind)
    rows = agents.annotate(kind=Value("agent", kind)).values_list("kind", "id", "name")
    others = people.annotate(kind=Value("member", kind), known_as=known_as)
    found = rows[:MOST_PRINCIPALS].union(
        others.values_list("kind", "id", "known_as")[:MOST_PRINCIPALS], all=True
    )
    listed: dict[str, list[tuple[str, str]]] = {"Agents": [], "Members": []}
    for kind_name, principal_id, name in found:
        group = listed["Agents" if kind_name == "agent" else "Members"]
        group.append((f"{kind_name}:{principal_id}", name))
    return {title: sorted(group, key=lambda one: one[1]) for title, group in listed.items()}


def _answer(
    request: ConsoleRequest,
    given: Mapping[str, str],
    policy: Policy | None,
    version: PolicyVersion | None,
) -> Answer:
    kind, _, principal = given["who"].partition(":")
    resource = given["on"] or (request.tenant.tenant_slug if given["kind"] == "tenant" else "")
    context = {"purpose": given["purpose"], "source_address": given["address"]}
    context = {name: text for name, text in context.items() if text}
    question = Question(kind, principal, given["does"], given["kind"], resource, context)
    try:
        with tenant_scope(request.tenant.tenant_id):
            asker = Asker(request.actor, request.call)
            if given["with"] == "draft" and policy is not None and version is not None:
                asker.book = _with_draft(request, asker.book, policy, version)
            found = asker.explain(question)
    except Forbidden as refusal:
        record(request, refusal)
        return Answer(refusal=refusal)
    except NotFound:
        return Answer(refusal=NotFound("There is no such thing, or none that you may know of."))
    except StatewardError as refusal:
        return Answer(refusal=refusal)
    return Answer(found, marks=_marks(found, policy, version))


def _with_draft(
    request: ConsoleRequest, book: PolicyBook, policy: Policy, version: PolicyVersion
) -> PolicyBook:
    """The rules in force, with this version in the place of the policy's own."""
    sources = {rule.source.name: rule.source for rule in book.rules if rule.source.kind == "policy"}
    sources[policy.name] = Source(
        "policy", policy.name, version.text, version.number, str(policy.id)
    )
    return PolicyBook(
        request.tenant.tenant_id,
        sources.values(),
        tenant_slug=request.tenant.tenant_slug,
        tenant_is_active=not request.tenant.is_closed,
        grants=book.grants,
        overrides=book.overrides,
    )


def _marks(found: Explanation, policy: Policy | None, version: PolicyVersion | None) -> str:
    """``line:tone`` for each line of the shown text that decided, or nearly did."""
    if policy is None or version is None:
        return ""
    tones = {}
    for miss in found.near_misses:
        if _is_of(miss.rule, policy, version):
            tones[miss.line] = "warn"
    for rule in found.determining:
        if _is_of(rule, policy, version):
            tone = "bad" if rule.effect == "forbid" else "ok"
            last = rule.line + rule.text.rstrip().count("\n")
            tones |= dict.fromkeys(range(rule.line, last + 1), tone)
    return ",".join(f"{line}:{tone}" for line, tone in sorted(tones.items()))


def _is_of(rule: Any, policy: Policy, version: PolicyVersion) -> bool:
    return bool(rule.policy_id == str(policy.id) and rule.version == version.number)

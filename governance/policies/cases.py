"""Tests stored beside a policy: who, what, which, and what must come out of it.

A case describes its principal and resource instead of naming some, so that it says the same in a
year. It is decided by the rules in force with the tried text in the policy's place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from governance.policies.acts import resource_of
from governance.policies.books import books_with
from governance.policies.models import PolicyTest
from governance.policies.questions import (
    PRINCIPAL_TYPES,
    RESOURCE_TYPES,
    Question,
    context_of,
)
from stateward.gate.policy.book import PolicyBook
from stateward.gate.policy.decide import decide
from stateward.gate.policy.models import Policy
from stateward.gate.policy.permits import permit, record
from stateward.gate.policy.requests import Resource
from stateward.gate.policy.vocabulary import ACTION_NAMES
from stateward.kernel.errors import NotFound, unfit
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.models import AGENT_ROLES, MEMBER_ROLES
from stateward.tenancy.scope import tenant_scope

MOST = 100
MAX_NAME = 100
MAX_TEXT = 640
SOMEBODY = UUID(int=1)  # the id of a principal that a case gives none
ROLES = {"agent": AGENT_ROLES, "member": MEMBER_ROLES}
Expected = Literal["allow", "deny"]


@dataclass(frozen=True, slots=True)
class Result:
    name: str
    expected: Expected
    outcome: str
    reason: str
    determining: tuple[str, ...]

    @property
    def passed(self) -> bool:
        return (self.outcome == "allow") is (self.expected == "allow")


def set_cases(
    actor: Actor, call: Call, policy_id: UUID, cases: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Replace a policy's tests; 422 with the place of what is not understood."""
    with tenant_scope(actor.tenant_id):
        rows = Policy.objects.select_for_update().filter(tenant_id=actor.tenant_id, id=policy_id)
        policy = rows.first()
        if policy is None:
            raise NotFound
        permit(actor, call, "policy.read", resource_of(policy), hide=True)
        decision = permit(actor, call, "policy.draft", resource_of(policy))
        if len(cases) > MOST:
            raise unfit("items", f"at most {MOST}")
        checked = [_checked(case, f"items/{number}") for number, case in enumerate(cases)]
        PolicyTest.objects.filter(tenant_id=actor.tenant_id, policy=policy).delete()
        PolicyTest.objects.bulk_create(
            PolicyTest(tenant_id=actor.tenant_id, policy=policy, number=number, case=case)
            for number, case in enumerate(checked, start=1)
        )
        details = {"event": "policy.tested", "name": policy.name, "tests": len(checked)}
        record(call, decision, "policy.draft", resource_of(policy), details)
        return checked


def case_about(
    name: str, expected: str, question: Question, found: tuple[Actor, Resource]
) -> dict[str, Any]:
    """A case that says of a principal and a resource what they are like now."""
    principal, resource = found
    attributes = {one: str(value) for one, value in principal.attributes.items() if one != "status"}
    given = dict(resource.attributes)
    labels = given.pop("labels", None) or {}
    return {
        "name": name,
        "principal": {
            "type": principal.type,
            "id": str(principal.id),
            "roles": list(principal.roles),
            "attributes": attributes | {"name": principal.name},
        },
        "action": question.action,
        "resource": {
            "type": resource.type,
            "id": resource.id,
            "attributes": {one: value for one, value in given.items() if isinstance(value, str)},
            "labels": {one: str(value) for one, value in dict(labels).items()},
        },
        "context": dict(question.context),
        "expected": expected,
    }


def cases_of(policy: Policy) -> list[dict[str, Any]]:
    rows = PolicyTest.objects.filter(tenant_id=policy.tenant_id, policy=policy)
    return list(rows.order_by("number").values_list("case", flat=True))


def results_of(policy: Policy, text: str, number: int) -> list[Result]:
    """Every test's outcome, were ``text`` in force as a hard policy."""
    cases = cases_of(policy)
    if not cases:
        return []
    _, tried = books_with(policy.tenant_id, policy, text, number)
    return [result_of(tried, case) for case in cases]


def failing(policy: Policy, text: str, number: int) -> list[Result]:
    return [one for one in results_of(policy, text, number) if not one.passed]


def result_of(book: PolicyBook, case: Mapping[str, Any]) -> Result:
    decision = decide(
        book,
        _principal(book, case["principal"]),
        case["action"],
        _resource(case["resource"]),
        context_of(case["context"]),
    )
    return Result(
        case["name"], case["expected"], decision.outcome, decision.reason, decision.determining
    )


def _principal(book: PolicyBook, said: Mapping[str, Any]) -> Actor:
    tenant_id, slug, _ = book.tenant
    return Actor(
        type=said["type"],
        id=UUID(said["id"]) if said.get("id") else SOMEBODY,
        name=said["attributes"].get("name", "somebody"),
        tenant_id=UUID(tenant_id),
        tenant_slug=slug,
        roles=tuple(said["roles"]),
        attributes=said["attributes"],
        auth_method="session" if said["type"] == "member" else "api_key",
        mfa=bool(said.get("mfa")),
    )


def _resource(said: Mapping[str, Any]) -> Resource:
    attributes = {**said["attributes"]}
    attributes.setdefault("name", said["id"].partition("/")[0])
    attributes["labels"] = said["labels"]
    return Resource(said["type"], said["id"], attributes)


def _checked(case: Mapping[str, Any], at: str) -> dict[str, Any]:
    """The case with every member it may have."""
    principal, resource = case.get("principal") or {}, case.get("resource") or {}
    kind = principal.get("type")
    if kind not in PRINCIPAL_TYPES:
        raise unfit(f"{at}/principal/type", f"one of {', '.join(PRINCIPAL_TYPES)}")
    roles = list(principal.get("roles") or ())
    unknown = [role for role in roles if role not in ROLES[kind]]
    if unknown:
        raise unfit(f"{at}/principal/roles", f"the roles of an {kind} are {', '.join(ROLES[kind])}")
    if case.get("action") not in ACTION_NAMES:
        raise unfit(f"{at}/action", "there is no such action")
    if resource.get("type") not in RESOURCE_TYPES:
        raise unfit(f"{at}/resource/type", f"one of {', '.join(RESOURCE_TYPES)}")
    if case.get("expected") not in {"allow", "deny"}:
        raise unfit(f"{at}/expected", "allow or deny")
    name = str(case.get("name") or "").strip()
    if not 1 <= len(name) <= MAX_NAME:
        raise unfit(f"{at}/name", f"1 to {MAX_NAME} characters")
    context = dict(case.get("context") or {})
    context_of(context)
    return {
        "name": name,
        "principal": {
            "type": kind,
            "id": _id(principal.get("id"), f"{at}/principal/id"),
            "roles": roles,
            "mfa": bool(principal.get("mfa")),
            "attributes": _texts(principal.get("attributes"), f"{at}/principal/attributes"),
        },
        "action": case["action"],
        "resource": {
            "type": resource["type"],
            "id": str(resource.get("id") or "")[:MAX_TEXT],
            "attributes": _texts(resource.get("attributes"), f"{at}/resource/attributes"),
            "labels": _texts(resource.get("labels"), f"{at}/resource/labels"),
        },
        "context": context,
        "expected": case["expected"],
    }


def _id(value: Any, at: str) -> str | None:
    if not value:
        return None
    try:
        return str(UUID(str(value)))
    except ValueError:
        raise unfit(at, "an id, or none") from None


def _texts(given: Any, at: str) -> dict[str, str]:
    if given is None:
        return {}
    fits = isinstance(given, Mapping) and all(
        isinstance(value, str) and len(value) <= MAX_TEXT for value in given.values()
    )
    if not fits or len(given) > 50:
        raise unfit(at, f"texts of at most {MAX_TEXT} characters, by name")
    return {str(name): value for name, value in given.items()}

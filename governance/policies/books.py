"""Rule sets that are not in force: the tenant's own with one text in another's place."""

from __future__ import annotations

from uuid import UUID

from stateward.gate.policy.book import PolicyBook
from stateward.gate.policy.load import load_policies
from stateward.gate.policy.models import Policy, PolicyVersion
from stateward.gate.policy.rules import Source
from stateward.tenancy.scope import run_flow


def books_with(
    tenant_id: UUID, policy: Policy, text: str, number: int
) -> tuple[PolicyBook, PolicyBook]:
    """The rules in force, and the same with ``text`` in the policy's place, as a hard one."""
    now = run_flow(load_policies(tenant_id))
    sources = sources_in_force(tenant_id, leaving_out=policy.id)
    sources.append(Source("policy", policy.name, text, number, str(policy.id)))
    sources.sort(key=lambda source: source.name)
    _, slug, is_active = now.tenant
    tried = PolicyBook(
        tenant_id,
        sources,
        tenant_slug=slug,
        tenant_is_active=is_active,
        grants=now.grants,
        overrides=now.overrides,
    )
    return now, tried


def sources_in_force(tenant_id: UUID, *, leaving_out: UUID | None = None) -> list[Source]:
    """The tenant's own texts in force, each with its level."""
    rows = PolicyVersion.objects.select_related("policy").filter(
        tenant_id=tenant_id, policy__active_version__isnull=False
    )
    return [
        source_of(one.policy, one)
        for one in rows
        if one.number == one.policy.active_version and one.policy_id != leaving_out
    ]


def source_of(policy: Policy, version: PolicyVersion) -> Source:
    return Source("policy", policy.name, version.text, version.number, str(policy.id), policy.level)

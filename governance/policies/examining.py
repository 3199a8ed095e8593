"""Findings about a text as one tenant has it: beside its rules in force, with its names."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Q

from governance.policies.books import sources_in_force
from governance.policies.findings import Finding, find
from stateward.gate.policy.rules import shipped_roles
from stateward.state.models import Namespace
from stateward.tenancy.models import Agent, Member
from stateward.tenancy.scope import tenant_scope

MOST_NAMES = 500  # of a type, that are looked up


def findings_of(tenant_id: UUID, text: str, *, instead_of: UUID | None = None) -> list[Finding]:
    """``instead_of``: the policy whose text it would be, which it is not compared with."""

    def known(kind: str, names: frozenset[str]) -> frozenset[str]:
        return _existing(tenant_id, kind, names)

    with tenant_scope(tenant_id):
        others = [*shipped_roles(), *sources_in_force(tenant_id, leaving_out=instead_of)]
        return find(text, others=others, known=known)


def _existing(tenant_id: UUID, kind: str, names: frozenset[str]) -> frozenset[str]:
    if len(names) > MOST_NAMES or kind not in {"Agent", "Member", "Namespace"}:
        return names
    if kind == "Namespace":
        return _namespaces(tenant_id, names)
    model = Agent if kind == "Agent" else Member
    ids = {name: one for name in names if (one := _uuid(name)) is not None}
    there = set(
        model.objects.filter(tenant_id=tenant_id, id__in=ids.values()).values_list("id", flat=True)
    )
    return frozenset(name for name, one in ids.items() if one in there)


def _namespaces(tenant_id: UUID, names: frozenset[str]) -> frozenset[str]:
    """Those that are there, or under which some are."""
    wanted = Q()
    for name in names:
        wanted |= Q(name=name) | Q(name__startswith=f"{name}.")
    rows = Namespace.objects.filter(wanted, tenant_id=tenant_id, deleted_at__isnull=True)
    there = list(rows.values_list("name", flat=True)[:10_000])
    return frozenset(
        name for name in names if any(f"{one}.".startswith(f"{name}.") for one in there)
    )


def _uuid(name: str) -> UUID | None:
    try:
        return UUID(name)
    except ValueError:
        return None

"""Search finds by name what the searcher may know of, and nothing of another tenant."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from django.test import Client

from stateward.gate.keys.services import ensure_tenant_keys
from stateward.gate.policy.models import Policy
from stateward.state.services.namespaces import create_namespace
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.models import Member, Tenant
from stateward.tenancy.scope import run_flow, tenant_scope
from tests.factories.tenants import make_agent, make_member, make_person, make_tenant


def member_of(tenant: Tenant, *roles: str) -> Member:
    return make_member(tenant, *roles, person=make_person(name="Ines Okafor"))


def make_namespace(member: Member, name: str) -> None:
    tenant = member.tenant
    actor = Actor("member", member.id, "Ines", tenant.id, tenant.slug, tuple(member.roles))
    with tenant_scope(tenant.id):
        run_flow(ensure_tenant_keys(tenant.id))
        create_namespace(actor, Call(request_id="r"), name, {"classification": "internal"})


def find(member: Member, words: str) -> dict[str, list[str]]:
    """Titles by group, as the palette gets them."""
    client = Client()
    client.force_login(member.person)
    answer = client.get(
        f"/t/{member.tenant.slug}/find", {"q": words}, headers={"Accept": "application/json"}
    )
    assert answer.status_code == 200
    groups: list[dict[str, Any]] = answer.json()["groups"]
    return {one["title"]: [item["title"] for item in one["items"]] for one in groups}


def test_agents_namespaces_policies_and_members_are_found_by_name(database: None) -> None:
    owner = member_of(make_tenant(), "owner")
    make_agent(owner.tenant, name="refund-desk")
    make_namespace(owner, "airline.refunds")
    with tenant_scope(owner.tenant_id):
        Policy.objects.create(tenant_id=owner.tenant_id, name="Refund limits")

    found = find(owner, "refund")

    assert found["Agents"] == ["refund-desk"]
    assert found["Namespaces"] == ["airline.refunds"]
    assert found["Policies"] == ["Refund limits"]
    assert find(owner, "okafor")["Members"] == ["Ines Okafor"]


def test_nothing_of_another_tenant_is_found(database: None) -> None:
    make_agent(make_tenant(), name="refund-desk")

    assert find(member_of(make_tenant(), "owner"), "refund") == {}


def test_what_one_may_not_read_is_not_found(database: None) -> None:
    tenant = make_tenant()
    viewer = member_of(tenant, "viewer")

    assert "Members" in find(member_of(tenant, "owner"), "okafor")
    assert "Members" not in find(viewer, "okafor")


def test_an_id_leads_to_its_records_for_who_reads_the_audit(database: None) -> None:
    tenant, wanted = make_tenant(), str(uuid4())

    assert find(member_of(tenant, "auditor"), wanted)["Records"] == [wanted]
    assert "Records" not in find(member_of(tenant, "viewer"), wanted)


def test_odd_words_find_nothing_and_break_nothing(database: None) -> None:
    owner = member_of(make_tenant(), "owner")

    for words in ("%", "_", "'; --", "x" * 5000, "\U0001f600", "   "):
        assert find(owner, words).get("Agents") is None

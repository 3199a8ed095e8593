"""A tenant as pages meet one: people, agents, namespaces with a history, made by the services."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Page

from governance.people.acts import system_actor, system_call
from governance.people.services.agents import create_agent
from governance.people.services.credentials import issue_credential
from governance.people.services.members import add_member
from governance.people.services.tenants import create_tenant
from governance.policies import services as policies
from stateward.gate.policy.models import Policy
from stateward.kernel.ids import uuid7
from stateward.state.services.entries import (
    Conditions,
    Patch,
    Put,
    delete_entry,
    patch_entry,
    put_entry,
    roll_back_entry,
)
from stateward.state.services.namespaces import create_namespace
from stateward.tenancy.actors import Actor
from stateward.tenancy.models import Agent, Member, Person, Tenant
from stateward.tenancy.scope import run_flow, tenant_scope
from tests.factories.tenants import make_person

CALL = system_call


@dataclass
class World:
    """One tenant, the person who owns it, and who acts in it."""

    tenant: Tenant
    person: Person
    owner: Actor
    agents: dict[str, Actor] = field(default_factory=dict)

    def path(self, rest: str = "") -> str:
        return f"/t/{self.tenant.slug}/{rest}"

    def member(self, *roles: str, name: str = "Vera Viewer") -> Person:
        """Another person of this tenant."""
        person = make_person(name=name)
        with tenant_scope(self.tenant.id):
            add_member(
                actor=system_actor(self.tenant, "test"), call=CALL(), person=person, roles=roles
            )
        return person

    def agent(self, name: str, role: str = "writer", **fields: Any) -> Actor:
        with tenant_scope(self.tenant.id):
            made = create_agent(
                actor=self.owner, call=CALL(), fields={"name": name, "roles": [role], **fields}
            )
        self.agents[name] = agent_actor(made, self.tenant)
        return self.agents[name]

    def key_of(self, agent: Actor, **fields: Any) -> Any:
        with tenant_scope(self.tenant.id):
            holder = Agent.objects.get(id=agent.id)
            return issue_credential(actor=self.owner, call=CALL(), holder=holder, **fields)

    def namespace(self, name: str, by: Actor | None = None, **fields: Any) -> Any:
        with tenant_scope(self.tenant.id):
            return create_namespace(by or self.owner, CALL(), name, fields)

    def put(
        self, namespace: str, key: str, value: Any, by: Actor | None = None, **fields: Any
    ) -> Any:
        if_version = fields.pop("if_version", None)
        conditions = Conditions(if_version=if_version)
        with tenant_scope(self.tenant.id):
            put = Put(value, **fields)
            flow = put_entry(by or self.owner, CALL(), namespace, key, put, conditions=conditions)
            return run_flow(flow).entry

    def patch(self, namespace: str, key: str, document: Any, by: Actor | None = None) -> Any:
        with tenant_scope(self.tenant.id):
            patch = Patch(document, is_merge=True)
            return run_flow(patch_entry(by or self.owner, CALL(), namespace, key, patch)).entry

    def roll_back(self, namespace: str, key: str, version: int) -> Any:
        with tenant_scope(self.tenant.id):
            return run_flow(roll_back_entry(self.owner, CALL(), namespace, key, version)).entry

    def delete(self, namespace: str, key: str) -> None:
        with tenant_scope(self.tenant.id):
            run_flow(delete_entry(self.owner, CALL(), namespace, key))

    def policy(self, name: str, text: str, *, active: bool = True) -> Policy:
        made = policies.create_policy(self.owner, CALL(), name=name, text=text)
        return policies.activate(self.owner, CALL(), made.id, version=1) if active else made


def make_world(name: str = "Meridian Air") -> World:
    person = make_person(name="Ines Okafor")
    tenant = create_tenant(
        actor=system_actor(None, "test"),
        call=CALL(),
        slug=f"w-{uuid7()}",
        name=name,
        owner=person,
    )
    return World(tenant, person, actor_of(tenant, person))


def actor_of(tenant: Tenant, person: Person) -> Actor:
    with tenant_scope(tenant.id):
        member = Member.objects.get(tenant=tenant, person=person)
    return Actor(
        type="member",
        id=member.id,
        name=person.name,
        tenant_id=tenant.id,
        tenant_slug=tenant.slug,
        roles=tuple(member.roles),
        attributes={"email": person.email},
        auth_method="session",
    )


def agent_actor(agent: Agent, tenant: Tenant) -> Actor:
    names = ("framework", "team", "environment", "risk_class", "purpose")
    return Actor(
        type="agent",
        id=agent.id,
        name=agent.name,
        tenant_id=tenant.id,
        tenant_slug=tenant.slug,
        roles=tuple(agent.roles),
        attributes={one: getattr(agent, one) for one in names},
    )


def paste(tab: Page, text: str) -> None:
    """Put ``text`` into the page's editor in place of what is there, as from the clipboard."""
    tab.locator(".cm-content").click()
    tab.keyboard.press("Control+A")
    tab.locator(".cm-content").evaluate(
        """(target, text) => {
            const clipboardData = new DataTransfer();
            clipboardData.setData("text/plain", text);
            const options = { clipboardData, bubbles: true, cancelable: true };
            target.dispatchEvent(new ClipboardEvent("paste", options));
        }""",
        text,
    )


def booking(**changes: Any) -> dict[str, Any]:
    return {
        "user_id": "emma_kim_9957",
        "trip": "round_trip",
        "cabin": "economy",
        "flights": [
            {"no": "MA198", "route": "SEA-ORD", "on": "2026-12-02"},
            {"no": "MA087", "route": "ORD-SEA", "on": "2026-12-09"},
        ],
        "passengers": [{"name": "Emma Kim", "seat": "14C", "meal": "vegetarian"}],
        "bags": 1,
        "insurance": False,
        "paid": {"card": "…4417", "usd": 612.4},
        **changes,
    }

"""Who is there when a stack starts for the first time: two tenants, two people, some agents.

Everything goes through the services that the console and the control plane use, so it is decided,
recorded and sealed like any other change. Run again, it keeps who is there and gives everyone new
secrets: the old ones cannot be read back.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from governance.people.acts import system_actor, system_call
from governance.people.services.agents import create_agent
from governance.people.services.credentials import issue_credential
from governance.people.services.members import add_member
from governance.people.services.tenants import create_tenant
from governance.policies import services as policies
from stateward.gate.policy.models import Policy
from stateward.tenancy.actors import Actor
from stateward.tenancy.models import Agent, Member, Person, Tenant
from stateward.tenancy.scope import tenant_scope

DEMO, NEIGHBOUR = "skarv-line", "quiet-harbour"
TENANTS = {DEMO: "Skarv Line", NEIGHBOUR: "Quiet Harbour"}
PEOPLE = {
    "admin": ("admin@example.org", "Ada Admin"),
    "auditor": ("auditor@example.org", "Odo Audit"),
}
MAKER = "first start"

POLICY_NAME = "Statistics looks from afar"
POLICY_TEXT = """\
// The statistics team counts conversations. What customers booked is none of its business.
@id("statistics-no-records")
forbid (principal is Agent, action in Action::"state.read", resource)
when { principal.team == "statistics" && resource.classification == "confidential" };
"""


@dataclass(frozen=True)
class Cast:
    """An agent of the first start: its role, and what is told of it."""

    name: str
    role: str
    framework: str
    team: str
    purpose: str
    risk_class: str = "limited"

    @property
    def fields(self) -> dict[str, Any]:
        told = {name: getattr(self, name) for name in ("name", "framework", "team", "purpose")}
        return told | {
            "roles": [self.role],
            "environment": "demo",
            "risk_class": self.risk_class,
        }


# quickstart.json promises these three, in this order; the third is the neighbour's.
BUILDER = Cast("builder", "builder", "your own", "visitors", "Yours to try things with.")
READER = Cast("reader", "reader", "your own", "visitors", "May look, not touch.", "minimal")
STRANGER = Cast("stranger", "builder", "your own", "visitors", "Sees nothing of its neighbour.")

OWNER = Cast("concierge", "builder", "tool calling", "desk", "Keeps the desk's namespaces.", "high")
WORKERS = (
    Cast("desk-north", "writer", "tool calling", "desk", "Books and changes sailings."),
    Cast("desk-south", "writer", "tool calling", "desk", "Books and changes sailings."),
    Cast("claims", "writer", "graph", "desk", "Complaints and refunds."),
)
ONLOOKER = Cast("headcount", "reader", "script", "statistics", "Counts conversations.", "minimal")


def seed() -> tuple[dict[str, Any], dict[str, Any]]:
    """Make what is missing; answers quickstart.json without its address, and the demo's keys."""
    people = {role: _person(*who) for role, who in PEOPLE.items()}
    passwords = {role: secrets.token_urlsafe(12) for role in people}
    for role, person in people.items():
        person.set_password(passwords[role])
        person.save(update_fields=["password"])
    demo, neighbour = (_tenant(slug, people["admin"]) for slug in TENANTS)
    with tenant_scope(demo.id):
        actor = system_actor(demo, MAKER)
        _member(actor, people["auditor"], "auditor")
        agents = [_agent(actor, cast) for cast in (BUILDER, READER)]
        keys = {
            "owner": _agent(actor, OWNER)["api_key"],
            "workers": [_agent(actor, cast)["api_key"] for cast in WORKERS],
            "onlooker": _agent(actor, ONLOOKER)["api_key"],
        }
    _policy(_acting(demo, people["admin"]))
    with tenant_scope(neighbour.id):
        agents.append(_agent(system_actor(neighbour, MAKER), STRANGER))
    quickstart: dict[str, Any] = {"tenant": demo.slug}
    for role, person in people.items():
        quickstart[role] = {"username": person.email, "password": passwords[role]}
    return quickstart | {"agents": agents}, keys


def _person(email: str, name: str) -> Person:
    found = Person.objects.filter(email=email).first()
    return found or Person.objects.create_user(email=email, name=name)


def _tenant(slug: str, owner: Person) -> Tenant:
    found = Tenant.objects.filter(slug=slug).first()
    return found or create_tenant(
        actor=system_actor(None, MAKER),
        call=system_call(),
        slug=slug,
        name=TENANTS[slug],
        owner=owner,
    )


def _member(actor: Actor, person: Person, role: str) -> None:
    if not Member.objects.filter(tenant_id=actor.tenant_id, person=person).exists():
        add_member(actor=actor, call=system_call(), person=person, roles=[role])


def _agent(actor: Actor, cast: Cast) -> dict[str, str]:
    agent = Agent.objects.filter(tenant_id=actor.tenant_id, name=cast.name).first()
    agent = agent or create_agent(actor=actor, call=system_call(), fields=cast.fields)
    issued = issue_credential(actor=actor, call=system_call(), holder=agent, label=MAKER)
    return {"name": agent.name, "id": str(agent.id), "api_key": issued.api_key}


def _acting(tenant: Tenant, person: Person) -> Actor:
    """The owner, as if they sat at the console: a rule is drafted by a person."""
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
        auth_method="system",
    )


def _policy(actor: Actor) -> None:
    with tenant_scope(actor.tenant_id):
        if Policy.objects.filter(tenant_id=actor.tenant_id, name=POLICY_NAME).exists():
            return
    description = "Shows what a tenant's own rule looks like. Change it, or take it out of force."
    policy = policies.create_policy(
        actor, system_call(), name=POLICY_NAME, text=POLICY_TEXT, description=description
    )
    policies.activate(actor, system_call(), policy.id, version=1)

"""A tenant with an owner, an admin, a viewer, an agent, and namespaces of two classifications."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest

from stateward.tenancy.models import Agent, Member, Tenant
from tests.factories.api import Api, new_tenant
from tests.factories.tenants import make_agent, make_member


@dataclass
class House:
    tenant: Tenant
    owner: Api
    admin: Api
    viewer: Api
    agent: Api

    @property
    def holders(self) -> dict[str, Agent | Member]:
        return {name: getattr(self, name).holder for name in ("owner", "admin", "viewer", "agent")}

    def grant(self, by: Api, to: Any, on: str, *actions: str, **more: Any) -> Any:
        """POST /grants: ``to`` is a holder or ("group", id), ``on`` is type:id."""
        kind, _, name = on.partition(":")
        body = {
            "principal": {"type": kind_of(to)[0], "id": kind_of(to)[1]},
            "object": {"type": kind, "id": name},
            "actions": list(actions),
            "reason": "On call this week",
            **more,
        }
        return by("POST", "/grants", body)

    def group(self, *members: Member, name: str = "desk") -> str:
        made = self.owner("POST", "/groups", {"name": name})
        assert made.status_code == 201, made.content
        for member in members:
            answer = self.owner("PUT", f"/groups/{made.json()['id']}/members/{member.id}")
            assert answer.status_code == 200, answer.content
        return str(made.json()["id"])


def kind_of(to: Any) -> tuple[str, str]:
    if isinstance(to, tuple):
        return to
    return ("agent" if isinstance(to, Agent) else "member"), str(to.id)


def make_house() -> House:
    tenant = new_tenant()
    house = House(
        tenant,
        *(Api(make_member(tenant, role)) for role in ("owner", "admin", "viewer")),
        Api(make_agent(tenant, "reader")),
    )
    for name, classification in (
        ("airline.bookings", "internal"),
        ("airline.customers", "restricted"),
        ("desk", "confidential"),
    ):
        body = {"name": name, "classification": classification}
        assert house.owner("POST", "/namespaces", body).status_code == 201
    return house


@pytest.fixture
def house(database: None) -> House:
    return make_house()


@cache
def _shared() -> House:
    return make_house()


@pytest.fixture
def shared(database: None) -> House:
    """One house for tests that change nothing in it."""
    return _shared()

"""A namespace, and someone who may write there: what tests of state begin from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.db import connection

from stateward.kernel.flow import Flow, T
from stateward.state import queries
from stateward.state.models import Namespace
from stateward.state.services import entries
from stateward.state.services.namespaces import create_namespace
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.models import Agent, Tenant
from stateward.tenancy.scope import run_flow, tenant_scope
from tests.factories.api import new_tenant
from tests.factories.tenants import make_agent

CALL = Call(request_id="test", source_address="192.0.2.7")


def actor_of(agent: Agent, tenant: Tenant) -> Actor:
    return Actor("agent", agent.id, agent.name, tenant.id, tenant.slug, tuple(agent.roles))


@dataclass
class World:
    """One tenant, its agent and a namespace of the agent's, driven synchronously."""

    tenant: Tenant
    agent: Agent
    actor: Actor
    namespace: Namespace

    def run(self, flow: Flow[T]) -> T:
        with tenant_scope(self.tenant.id):
            return run_flow(flow)

    def put(self, key: str, value: Any, *, name: str | None = None, **how: Any) -> entries.Outcome:
        conditions = entries.Conditions(how.pop("if_version", None), how.pop("if_none", False))
        repeat = how.pop("repeat", None)
        change = entries.Put(value, **how)
        where = name or self.namespace.name
        return self.run(
            entries.put_entry(
                self.actor, CALL, where, key, change, conditions=conditions, repeat=repeat
            )
        )

    def patch(
        self, key: str, document: Any, *, is_merge: bool = True, **how: Any
    ) -> entries.Outcome:
        conditions = entries.Conditions(how.pop("if_version", None))
        patch = entries.Patch(document, is_merge)
        flow = entries.patch_entry(
            self.actor, CALL, self.namespace.name, key, patch, conditions=conditions, **how
        )
        return self.run(flow)

    def act(self, key: str, kind: str, payload: Any, **how: Any) -> entries.Outcome:
        conditions = entries.Conditions(how.pop("if_version", None), how.pop("if_none", False))
        flow = entries.act_on_entry(
            self.actor,
            CALL,
            self.namespace.name,
            key,
            entries.Action(kind, payload),
            conditions=conditions,
            **how,
        )
        return self.run(flow)

    def delete(self, key: str, *, if_version: int | None = None) -> entries.Outcome:
        conditions = entries.Conditions(if_version)
        return self.run(
            entries.delete_entry(self.actor, CALL, self.namespace.name, key, conditions=conditions)
        )

    def get(self, key: str) -> Any:
        return self.run(queries.get_entry(self.actor, CALL, self.namespace.name, key))

    def at(self, key: str, **when: Any) -> Any:
        return self.run(queries.get_entry_at(self.actor, CALL, self.namespace.name, key, **when))

    def history(self, key: str) -> list[tuple[int, str]]:
        page = self.run(queries.entry_history(self.actor, CALL, self.namespace.name, key))
        return [(item.version, item.operation) for item in page.items]

    def another(self, **fields: Any) -> World:
        """The same world, with another namespace."""
        name = f"ns-{len(str(fields))}-{self.namespace.name}"
        return replace(self, namespace=make_namespace(self.actor, name, **fields))


def make_namespace(actor: Actor, name: str = "notes", **fields: Any) -> Namespace:
    with tenant_scope(actor.tenant_id):
        return create_namespace(actor, CALL, name, fields)


def make_world(*roles: str, **fields: Any) -> World:
    tenant = new_tenant()
    agent = make_agent(tenant, *(roles or ("builder",)))
    actor = actor_of(agent, tenant)
    return World(tenant, agent, actor, make_namespace(actor, **fields))


def audit_records(tenant_id: UUID) -> list[tuple[str, str, str | None]]:
    """(action, outcome, the entry's key) of the tenant's records, in order."""
    with tenant_scope(tenant_id), connection.cursor() as cursor:
        cursor.execute(
            "SELECT action, outcome, payload ->> 'key' FROM stateward_audit_record "
            "WHERE tenant_id = %s ORDER BY seq",
            (tenant_id,),
        )
        return list(cursor.fetchall())

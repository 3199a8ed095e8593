"""A tenant whose owner rules and holds, and whose agent writes: tests of retention begin here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
from django.db import connection

from governance.people.acts import system_call
from governance.retention.queries import RuleState
from governance.retention.services.holds import Custodian, place_hold, release_hold
from governance.retention.services.rules import create_rule
from governance.retention.terms import Scope, Terms
from stateward.operations.jobs.services import run_here
from stateward.state.models import Hold
from stateward.tenancy.actors import Actor
from stateward.tenancy.models import Member
from stateward.tenancy.scope import tenant_scope
from tests.factories.approvals import set_number
from tests.factories.state import World, make_world
from tests.factories.tenants import make_member

PARTS = ("namespace", "key_pattern", "classification", "label")


@dataclass
class Keeper:
    """One tenant: its owner, its agent with a namespace, and hands on its clocks."""

    world: World
    member: Member
    owner: Actor

    @property
    def tenant_id(self) -> UUID:
        return self.world.tenant.id

    def rule(self, name: str, kind: str = "delete", **said: Any) -> RuleState:
        return create_rule(self.owner, system_call(), name=name, terms=terms(kind, **said))

    def hold(self, matter: str = "DOT-114", **scope: Any) -> Hold:
        who = scope.pop("custodian", None)
        custodian = Custodian(who.type, who.id) if who else None
        fields = {"matter": matter, "reason": "A regulator asked.", **scope}
        return place_hold(self.owner, system_call(), custodian=custodian, **fields)

    def release(self, hold: Hold) -> Hold:
        """Released by its owner alone, as in a tenant that asks nobody else."""
        set_number(self.tenant_id, "hold.release", 0)
        return release_hold(self.owner, system_call(), hold.id, reason="The matter is closed.")

    def sweep(self) -> dict[str, Any]:
        return dict(run_here("retention.sweep", tenant_id=self.tenant_id).result)

    def rows(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with tenant_scope(self.tenant_id), connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return list(cursor.fetchall()) if cursor.description else []

    def values_left(self, key: str) -> int:
        """How many values of ``key`` are still in any table."""
        tables = ("stateward_entry", "stateward_revision")
        one = "SELECT count(*) FROM {} WHERE tenant_id = %s AND key = %s AND value IS NOT NULL"
        return sum(self.rows(one.format(table), self.tenant_id, key)[0][0] for table in tables)

    def age(self, superuser: str, days: float, key: str | None = None) -> None:
        """Make entries, and what is behind them, so many days older."""
        back = timedelta(days=days)
        which = "tenant_id = %s AND (%s::text IS NULL OR key = %s)"
        with psycopg.connect(superuser, autocommit=True) as session:
            session.execute(
                "UPDATE stateward_entry SET created_at = created_at - %s,"
                " updated_at = updated_at - %s, expires_at = expires_at - %s,"
                f" purged_at = purged_at - %s WHERE {which}",
                (back, back, back, back, self.tenant_id, key, key),
            )
            session.execute(
                "UPDATE stateward_revision SET created_at = created_at - %s WHERE " + which,
                (back, self.tenant_id, key, key),
            )


def terms(kind: str = "delete", **said: Any) -> Terms:
    scope = Scope(**{name: said.pop(name) for name in PARTS if name in said})
    return Terms(kind, scope, **{"clock": "created", "days": 30, **said})  # type: ignore[arg-type]


def make_keeper(**fields: Any) -> Keeper:
    world = make_world(**fields)
    member = make_member(world.tenant, "owner")
    owner = Actor(
        "member", member.id, "Ines Okafor", world.tenant.id, world.tenant.slug, ("owner",)
    )
    return Keeper(world, member, owner)

"""Whatever two agents, an admin, the clock and the sweep do to one key: at most one holds it,
tokens only rise, and a write goes through exactly when nobody has the key or it carries the newest.
"""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from hypothesis.strategies import booleans, integers, sampled_from

from stateward.kernel.errors import Forbidden, Locked, NotFound, PreconditionFailed
from stateward.state.exceptions import Leased
from stateward.state.services.entries import Conditions, Put, delete_entry, put_entry
from stateward.state.services.leases import (
    Granted,
    acquire_lease,
    list_leases,
    release_lease,
    renew_lease,
)
from stateward.state.services.tidying import tidy
from stateward.tenancy.actors import Actor
from stateward.tenancy.scope import tenant_scope
from tests.factories.state import CALL, World, actor_of, make_world
from tests.factories.tenants import make_agent, make_member

TTL = 3600


class Key(RuleBasedStateMachine):
    world: World

    @initialize()
    def begin(self) -> None:
        self.world = make_world()
        other = make_agent(self.world.tenant, "writer")
        admin = make_member(self.world.tenant, "owner")
        tenant = self.world.tenant
        self.actors = [self.world.actor, actor_of(other, tenant)]
        self.admin = Actor("member", admin.id, "Ada", tenant.id, tenant.slug, ("owner",))
        self.lease: tuple[int, Any] | None = None  # whose, and the lease
        self.leases: list[Any] = []  # all ever granted
        self.newest: int | None = None  # the newest token, where its holder may still use it
        self.version = 0

    @rule(who=integers(0, 1), ttl=integers(60, TTL))
    def acquire(self, who: int, ttl: int) -> None:
        flow = acquire_lease(self.actors[who], CALL, "notes", "k", ttl)
        if self.lease is not None:
            with pytest.raises(Leased):
                self.world.run(flow)
            return
        granted = self.world.run(flow)
        assert isinstance(granted, Granted)
        assert all(granted.lease.fencing_token > one.fencing_token for one in self.leases)
        self.lease, self.newest = (who, granted.lease), granted.lease.fencing_token
        self.leases.append(granted.lease)

    @rule(who=integers(0, 1), which=integers(0, 50), release=booleans())
    def renew_or_release(self, who: int, which: int, release: bool) -> None:
        if not self.leases:
            return
        lease = self.leases[which % len(self.leases)]
        actor = self.actors[who]
        flow: Any = (
            release_lease(actor, CALL, "notes", lease.id)
            if release
            else renew_lease(actor, CALL, "notes", lease.id, TTL)
        )
        if self.lease is None or self.lease[1].id != lease.id:
            with pytest.raises(NotFound):
                self.world.run(flow)
        elif self.lease[0] != who:
            with pytest.raises(Forbidden):
                self.world.run(flow)
        else:
            self.world.run(flow)
            self.lease = None if release else self.lease

    @rule()
    def end(self) -> None:
        if self.lease is not None:
            lease_id = self.lease[1].id
            self.world.run(release_lease(self.admin, CALL, "notes", lease_id, reason="stuck"))
            self.lease = self.newest = None

    @rule(long_ago=booleans())
    def run_out(self, long_ago: bool) -> None:
        with tenant_scope(self.world.tenant.id), connection.cursor() as cursor:
            cursor.execute(
                "UPDATE stateward_entry SET lease_until = clock_timestamp() - %s::interval "
                "WHERE lease_id IS NOT NULL",
                ("2 hours" if long_ago else "1 second",),
            )
        self.lease = None
        tidy(self.world.tenant.id, 100)
        if long_ago and self.version == 0:
            self.newest = None  # the row went with its lease

    @rule(which=integers(-1, 50), op=sampled_from(["put", "delete"]))
    def write(self, which: int, op: str) -> None:
        """Under one of the tokens ever granted, or without one."""
        has_token = which >= 0 and bool(self.leases)
        token = self.leases[which % len(self.leases)].fencing_token if has_token else None
        conditions = Conditions(fencing_token=token)
        if op == "put":
            flow = put_entry(self.actors[0], CALL, "notes", "k", Put(1), conditions=conditions)
        else:
            flow = delete_entry(self.actors[0], CALL, "notes", "k", conditions=conditions)
        if token is not None and token != self.newest:
            with pytest.raises(PreconditionFailed):
                self.world.run(flow)
        elif token is None and self.lease is not None:
            with pytest.raises(Locked):
                self.world.run(flow)
        else:
            try:
                self.world.run(flow)
                self.version += 1
            except NotFound:
                assert op == "delete"

    @invariant()
    def one_holds_it_at_most(self) -> None:
        if hasattr(self, "lease"):
            page = self.world.run(list_leases(self.admin, CALL, "notes"))
            held = [one.lease.id for one in page.items]
            assert held == ([self.lease[1].id] if self.lease is not None else [])


@pytest.mark.usefixtures("database")
def test_one_key_under_everything_that_can_happen_to_it() -> None:
    Key.TestCase.settings = settings(
        max_examples=12,
        stateful_step_count=25,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    Key.TestCase("runTest").runTest()  # type: ignore[attr-defined]  # made by hypothesis

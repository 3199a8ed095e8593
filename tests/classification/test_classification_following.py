"""What is written is looked at soon after, where a rule says so; what is gone is put away."""

from __future__ import annotations

import os
import time
from typing import Any

import psycopg
import pytest

from governance.classification.models import ClassificationFinding
from stateward.operations.jobs.services import run_here
from stateward.tenancy.scope import tenant_scope
from tests.factories.api import Api
from tests.factories.state import World, make_world
from tests.factories.tenants import make_member
from tests.feed.feeding import Numbering
from tests.patience import PATIENCE

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def world() -> World:
    return make_world("builder")


@pytest.fixture
def owner(world: World) -> Api:
    return Api(make_member(world.tenant, "owner"))


@pytest.fixture(scope="module")
def numbering(django_db_setup: None) -> Any:
    found = Numbering()
    yield found
    found.end()


def follow(world: World) -> dict[str, Any]:
    return dict(run_here("classification.follow", tenant_id=world.tenant.id).result)


def found(world: World) -> list[tuple[str, str]]:
    with tenant_scope(world.tenant.id):
        return list(ClassificationFinding.objects.order_by("key").values_list("key", "kind"))


def numbered(world: World) -> None:
    """Wait until all that was written so far lies in a pass, before which a new rule begins."""
    waits = """
    SELECT EXISTS (SELECT FROM stateward_change c WHERE c.tenant_id = %s AND NOT EXISTS (
        SELECT FROM stateward_feed_pass p WHERE pg_visible_in_snapshot(c.xid, p.snapshot)))
    """
    ends = time.monotonic() + PATIENCE
    with psycopg.connect(os.environ["STATEWARD_SUPERUSER_DATABASE_URL"]) as session:
        while session.execute(waits, (world.tenant.id,)).fetchone() != (False,):
            assert time.monotonic() < ends, "nobody numbers"
            time.sleep(0.05)


def until(world: World, wanted: list[tuple[str, str]]) -> None:
    """Follow until what was written is numbered and seen."""
    for _ in range(200):
        follow(world)
        if found(world) == wanted:
            return
    assert found(world) == wanted


def test_what_is_written_is_looked_at_where_a_rule_follows(
    world: World, owner: Api, numbering: Numbering
) -> None:
    world.put("before", {"email": "a@example.org"})
    numbered(world)
    assert follow(world) == {}
    owner("POST", "/classification/rules", {"acts": "raise", "follows": True})
    until(world, [])
    world.put("mia", {"email": "mia@example.org"})
    world.put("plain", {"n": 1})

    until(world, [("mia", "email")])

    name = world.namespace.name
    assert owner("GET", f"/namespaces/{name}").json()["classification"] == "confidential"
    world.put("mia", {"dob": "1990-04-05"})
    until(world, [("mia", "birth_date")])
    world.delete("mia")
    until(world, [])


def test_without_a_rule_nothing_is_read(world: World, owner: Api, numbering: Numbering) -> None:
    world.put("mia", {"email": "mia@example.org"})

    assert follow(world) == {}
    assert found(world) == []

"""Masking: who may not decrypt restricted values sees a mask wherever the value is read."""

from __future__ import annotations

from typing import Any

import pytest

from stateward.kernel import clock
from stateward.kernel.errors import StatewardError
from stateward.state import queries
from stateward.state.configuration import forget_configurations
from stateward.state.exceptions import MaskedForYou, MaskedValue
from stateward.state.gathering import Place, get_entries
from stateward.state.past import list_entries_at
from stateward.state.services.branches import make_branch
from stateward.state.services.entries import Patch, Put, patch_entry, put_entry
from stateward.tenancy.actors import Actor
from stateward.tenancy.scope import tenant_scope
from tests.factories.api import Api
from tests.factories.state import CALL, World, actor_of, make_world
from tests.factories.tenants import make_agent, make_member

pytestmark = pytest.mark.usefixtures("database")

MIA = {"email": "mia@example.org", "dob": "1990-04-05", "seat": "12A"}
MASKED = {"email": "‹masked: email›", "dob": "‹masked: birth_date›", "seat": "12A"}


@pytest.fixture
def world() -> World:
    return make_world("builder")


@pytest.fixture
def reader(world: World) -> Actor:
    return actor_of(make_agent(world.tenant, "writer"), world.tenant)


@pytest.fixture
def name(world: World) -> str:
    """A namespace that masks personal data, with an entry of two versions."""
    world.put("mia", MIA | {"seat": "1A"})
    world.put("mia", MIA)
    owner = Api(make_member(world.tenant, "owner"))
    path = f"/namespaces/{world.namespace.name}/masking"
    assert owner("PUT", path, {"kinds": ["personal"]}).json() == {"kinds": ["personal"]}
    forget_configurations()  # reads may go by rules of the second before
    return world.namespace.name


def test_a_reader_sees_masks_and_where_they_are(world: World, name: str, reader: Actor) -> None:
    seen: Any = world.run(queries.get_entry(reader, CALL, name, "mia"))

    assert seen.value == MASKED
    assert seen.masked == ("/dob", "/email")
    mine: Any = world.get("mia")
    assert (mine.value, mine.masked) == (MIA, ())


def test_every_read_masks_the_same(world: World, name: str, reader: Actor) -> None:
    run = world.run
    listed = run(queries.list_entries(reader, CALL, name)).entries
    gathered = run(get_entries(reader, CALL, [Place(name, "mia")]))
    past: Any = run(queries.get_entry_at(reader, CALL, name, "mia", version=2))
    cut = run(list_entries_at(reader, CALL, name, clock.now())).entries

    for entries in (listed, gathered, [past], cut):
        assert [one.value for one in entries] == [MASKED]
    diff = run(queries.entry_diff(reader, CALL, name, "mia", before=1, after=2))
    assert diff.patch == [{"op": "replace", "path": "/seat", "value": "12A"}]
    first = run(queries.entry_diff(reader, CALL, name, "mia", before=0, after=2))
    assert "1990" not in str(first.patch)


def test_what_was_masked_is_not_written_back(world: World, name: str, reader: Actor) -> None:
    seen: Any = world.run(queries.get_entry(reader, CALL, name, "mia"))

    with pytest.raises(MaskedValue) as refused:
        world.run(put_entry(reader, CALL, name, "mia", Put(seen.value)))
    assert refused.value.errors[0].pointer in {"/value/dob", "/value/email"}
    patch = Patch({"seat": "14C"}, is_merge=True)
    written = world.run(patch_entry(reader, CALL, name, "mia", patch)).entry
    assert written is not None
    assert written.value == MASKED | {"seat": "14C"}
    assert world.get("mia").value == MIA | {"seat": "14C"}


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "test", "path": "/dob", "value": "1990-04-05"},
        {"op": "copy", "from": "/dob", "path": "/seat"},
        {"op": "move", "from": "/dob", "path": "/seat"},
    ],
)
def test_a_patch_tells_nothing_of_what_is_masked(
    world: World, name: str, reader: Actor, operation: dict[str, Any]
) -> None:
    patch = Patch([operation], is_merge=False)

    with pytest.raises(MaskedForYou):
        world.run(patch_entry(reader, CALL, name, "mia", patch))
    world.run(patch_entry(world.actor, CALL, name, "mia", patch))


def test_a_branch_is_no_way_around_it(world: World, name: str) -> None:
    builder = actor_of(make_agent(world.tenant, "writer", "builder"), world.tenant)

    with tenant_scope(world.tenant.id), pytest.raises(StatewardError) as refused:
        make_branch(builder, CALL, name, "mine")
    assert refused.value.status == 403


def test_a_branch_masks_what_its_parent_masks(world: World, name: str) -> None:
    owner = Api(make_member(world.tenant, "owner"))

    made = owner("POST", f"/namespaces/{name}/branches", {"name": "mine"})

    assert made.status_code == 201, made.content
    assert owner("GET", "/namespaces/mine/masking").json() == {"kinds": ["personal"]}


def test_only_a_person_lets_it_mask_less_and_says_why(world: World, name: str) -> None:
    path = f"/namespaces/{name}/masking"
    owner = Api(make_member(world.tenant, "owner"))

    assert Api(world.agent)("PUT", path, {"kinds": []}).json()["code"] == "only_people_lower"
    assert owner("PUT", path, {"kinds": ["email"]}).status_code == 422
    assert Api(world.agent)("PUT", path, {"kinds": ["personal", "secret"]}).status_code == 200
    assert owner("PUT", path, {"kinds": [], "reason": "Invented people."}).status_code == 200
    assert owner("GET", path).json() == {"kinds": []}
    assert owner("PUT", path, {"kinds": ["smell"]}).status_code == 422


def test_another_tenant_neither_sees_nor_sets_it(world: World, name: str) -> None:
    stranger = Api(make_member(make_world("builder").tenant, "owner"))
    path = f"/namespaces/{name}/masking"

    assert stranger("GET", path).json() == {"kinds": []}  # of its own namespace of that name
    stranger("PUT", path, {"kinds": ["secret"]})
    mine = Api(make_member(world.tenant, "owner"))
    assert mine("GET", path).json() == {"kinds": ["personal"]}

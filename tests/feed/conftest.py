"""One numbering and one data plane for each test that asks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.factories.state import World, make_world
from tests.factories.tenants import make_key
from tests.feed.feeding import Feed, Numbering


@pytest.fixture
def world(database: None) -> World:
    return make_world()


@pytest.fixture
def key(world: World) -> str:
    return make_key(world.agent).text


@pytest.fixture(scope="module")
def numbering() -> Iterator[Numbering]:
    found = Numbering()
    yield found
    found.end()


@pytest.fixture(scope="module")
def feed(numbering: Numbering, django_db_setup: None) -> Iterator[Feed]:
    found = Feed()
    yield found
    found.close()

"""An installation with a model, and a tenant that asks it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.assist.model_server import SECRET, ModelServer, model_server
from tests.factories.api import Api
from tests.factories.state import World, make_namespace, make_world
from tests.factories.tenants import make_member


@pytest.fixture(scope="module")
def served() -> Iterator[ModelServer]:
    with model_server() as server:
        yield server


@pytest.fixture
def model(served: ModelServer, settings: Any) -> ModelServer:
    """The scripted model, and settings that lead to it."""
    served.asked.clear()
    served.keys.clear()
    served.answers = [{"summary": "All is well.", "points": []}]
    settings.ASSIST_URL = served.url
    settings.ASSIST_MODEL = "scripted"
    settings.ASSIST_API_KEY = SECRET
    settings.ASSIST_PRIVATE_HOSTS = ["127.0.0.1"]
    settings.ASSIST_SECONDS = 5
    settings.ASSIST_CALLS_A_MINUTE = 100
    settings.ASSIST_TOKENS_A_DAY = 1_000_000
    return served


@pytest.fixture
def world(database: None) -> World:
    return make_world()


@pytest.fixture
def owner(world: World) -> Api:
    return Api(make_member(world.tenant, "owner"))


def another_namespace(world: World, name: str, **fields: str) -> str:
    return str(make_namespace(world.actor, name, **fields).name)

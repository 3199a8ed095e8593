"""The data plane in the test's own event loop, over the real database; and sessions of others that
get in its way.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx
import psycopg
import pytest
import pytest_asyncio
from django.db import connection

from governance.policies.services import activate, create_policy
from stateward.operations.plane import Plane
from stateward.state.configuration import forget_configurations
from stateward.tenancy.actors import Actor
from stateward.tenancy.scope import tenant_scope
from tests.factories.state import CALL, World, make_world
from tests.factories.tenants import make_key, make_member


@dataclass
class Caller:
    """Someone who calls the data plane over HTTP with a key of their own."""

    http: httpx.AsyncClient
    key: str
    namespace: str = "notes"
    headers: dict[str, str] = field(default_factory=dict)

    async def __call__(
        self, method: str, key: str | None = None, body: Any = None, *, raw: bytes | None = None,
        kind: str = "application/json", then: str = "", **headers: str,
    ) -> httpx.Response:  # fmt: skip
        path = f"/api/v1/namespaces/{self.namespace}/entries"
        if key is not None:
            path += f"/{quote(key, safe='')}"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        content = (
            raw if raw is not None else (json.dumps(body).encode() if body is not None else None)
        )
        if content is not None:
            named["content-type"] = kind
        named = {"authorization": f"Bearer {self.key}", **self.headers, **named}
        return await self.http.request(method, path + then, content=content, headers=named)

    async def transact(self, *operations: dict[str, Any], **headers: str) -> httpx.Response:
        return await self.post("transactions", {"operations": operations}, **headers)

    async def post(self, collection: str, body: Any, **headers: str) -> httpx.Response:
        return await self.http.post(
            f"/api/v1/namespaces/{self.namespace}/{collection}",
            content=json.dumps(body),
            headers={
                "authorization": f"Bearer {self.key}",
                "content-type": "application/json",
                **{name.replace("_", "-"): value for name, value in headers.items()},
            },
        )

    async def put(self, key: str, value: Any, **headers: str) -> httpx.Response:
        return await self("PUT", key, {"value": value}, **headers)


@pytest.fixture
def world(database: None) -> World:
    return make_world()


@pytest.fixture
def key(world: World) -> str:
    return make_key(world.agent).text


@pytest_asyncio.fixture
async def plane() -> AsyncIterator[Plane]:
    forget_configurations()
    plane = Plane()
    await plane.travel.open()
    yield plane
    await plane.changes.close()
    await plane.travel.close()


@pytest_asyncio.fixture
async def http(plane: Plane) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=plane, client=("192.0.2.9", 4711))
    async with httpx.AsyncClient(transport=transport, base_url="http://stateward.test") as client:
        yield client


@pytest_asyncio.fixture
async def call(http: httpx.AsyncClient, key: str) -> Caller:
    return Caller(http, key)


Sessions = Callable[[], psycopg.Connection[Any]]


@pytest.fixture
def sessions(world: World) -> Iterator[Sessions]:
    """Makes sessions of the application's role that show the world's tenant, each in a transaction
    of its own.
    """
    opened: list[psycopg.Connection[Any]] = []

    def make() -> psycopg.Connection[Any]:
        session = psycopg.connect(os.environ["STATEWARD_DATABASE_URL"])
        session.execute("SELECT set_config('stateward.tenant', %s, false)", (str(world.tenant.id),))
        session.commit()
        opened.append(session)
        return session

    yield make
    for session in opened:
        session.close()


@pytest.fixture
def forbid(world: World, django_db_blocker: Any) -> Any:
    """Puts a policy in force, as the console does: in a transaction of its own that raises the
    epoch.
    """
    member = make_member(world.tenant, "owner")
    owner = Actor(
        "member",
        member.id,
        "Pat",
        world.tenant.id,
        world.tenant.slug,
        ("owner",),
        auth_method="session",
    )

    def put_in_force(text: str) -> None:
        with django_db_blocker.unblock(), tenant_scope(world.tenant.id):
            policy = create_policy(owner, CALL, name=f"rule-{hash(text) % 10**6}", text=text)
            activate(owner, CALL, policy.id, version=1)

    return put_in_force


async def in_thread(work: Any, *arguments: Any) -> Any:
    """Run what blocks, or what Django's connection is for, beside the event loop."""

    def run() -> Any:
        try:
            return work(*arguments)
        finally:
            connection.close()  # Django's, which each thread has for itself

    return await asyncio.to_thread(run)

"""The contract is tested over HTTP against the running product, as any other program would see
it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.e2e.shared_stack import SharedStack, shared_stack


@dataclass(frozen=True)
class Party:
    """An agent with its key, and a client that calls as it."""

    id: str
    name: str
    api_key: str
    http: httpx.Client


Enter = Callable[..., Party]


@pytest.fixture(scope="session")
def running_stack() -> SharedStack:
    return shared_stack()


@pytest.fixture(scope="session")
def enter(running_stack: SharedStack) -> Iterator[Enter]:
    """Makes agents: ``enter("writer")``."""
    made: list[httpx.Client] = []
    with running_stack.admin() as admin:

        def enter(*roles: str, **fields: Any) -> Party:
            agent = admin.agents.create(f"contract-{uuid4().hex[:12]}", roles=roles, **fields)
            key = str(admin.agents.issue_credential(agent.id).api_key)
            made.append(caller(running_stack.url, key))
            return Party(agent.id, agent.name, key, made[-1])

        yield enter
    for client in made:
        client.close()


def caller(url: str, key: str | None) -> httpx.Client:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    return httpx.Client(base_url=f"{url}/api/v1", headers=headers, timeout=30)


@pytest.fixture(scope="session")
def builder(enter: Enter) -> Party:
    return enter("builder")


@pytest.fixture(scope="session")
def reader(enter: Enter) -> Party:
    return enter("reader")


@pytest.fixture(scope="session")
def http(builder: Party) -> httpx.Client:
    return builder.http


@pytest.fixture(scope="session")
def admin(running_stack: SharedStack) -> Iterator[httpx.Client]:
    """The tenant's owner, by a personal token."""
    with caller(running_stack.url, running_stack.token) as client:
        yield client


@pytest.fixture
def namespace(http: httpx.Client) -> str:
    return make_namespace(http)


def make_namespace(http: httpx.Client, **settings: Any) -> str:
    name = f"contract.n{uuid4().hex}"
    answer = http.post("/namespaces", json={"name": name, **settings})
    assert answer.status_code == 201, answer.text
    return name


@pytest.fixture
def place(namespace: str) -> str:
    """The path of an entry that is not there yet."""
    return f"/namespaces/{namespace}/entries/k"

"""The contract is tested over HTTP against the running product, as any other program would see
it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.contract.parties import Enter, Party, caller, make_namespace
from tests.e2e.shared_stack import SharedStack, shared_stack


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


@pytest.fixture
def place(namespace: str) -> str:
    """The path of an entry that is not there yet."""
    return f"/namespaces/{namespace}/entries/k"

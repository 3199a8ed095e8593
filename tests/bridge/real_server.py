"""The running product as the adapters' tests use it: a namespace of a test's own."""

from __future__ import annotations

from uuid import uuid4

from agents_bridge import Client
from tests.e2e.shared_stack import SharedStack


def new_namespace(stack: SharedStack, **settings: str) -> str:
    name = f"bridge.n{uuid4().hex}"
    with Client(stack.url, stack.builder) as client:
        client.namespaces.create(name, **settings)  # type: ignore[arg-type]
    return name

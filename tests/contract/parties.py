"""Who calls in the contract's tests, and where they write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx


@dataclass(frozen=True)
class Party:
    """An agent with its key, and a client that calls as it."""

    id: str
    name: str
    api_key: str
    http: httpx.Client


Enter = Callable[..., Party]


def caller(url: str, key: str | None) -> httpx.Client:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    return httpx.Client(base_url=f"{url}/api/v1", headers=headers, timeout=30)


def make_namespace(http: httpx.Client, **settings: Any) -> str:
    name = f"contract.n{uuid4().hex}"
    answer = http.post("/namespaces", json={"name": name, **settings})
    assert answer.status_code == 201, answer.text
    return name

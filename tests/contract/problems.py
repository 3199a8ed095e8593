"""What every refusal has in common."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx

from tests.patience import at_most


def refused(answer: httpx.Response, status: int, code: str | None = None) -> dict[str, Any]:
    """The problem document, which must be a proper one."""
    assert answer.status_code == status, answer.text[:300]
    assert answer.headers["content-type"].split(";")[0] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert document["type"] == f"urn:stateward:problem:{document['code']}"
    assert document["status"] == status
    assert document["instance"] == answer.headers["x-request-id"]
    assert document["title"]
    assert document["detail"]
    if code is not None:
        assert document["code"] == code
    return document


def pointers(document: dict[str, Any]) -> list[str]:
    return [each["pointer"] for each in document["errors"]]


def soon(ask: Callable[[], httpx.Response], status: int) -> httpx.Response:
    """Reads may lag behind a change of rules by up to a second; not longer."""
    until = time.monotonic() + at_most(1)
    while (answer := ask()).status_code != status and time.monotonic() < until:
        time.sleep(0.05)
    return answer

"""One running product for all tests of a worker that only use it, started at the first need."""

from __future__ import annotations

import atexit
import json
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import httpx

from agents_bridge import Client
from tests.operations.running_stack import RunningStack
from tests.servers import temporary_folder

HOME = "STATEWARD_TEST_STACK_HOME"


@dataclass(frozen=True)
class SharedStack:
    """Where it is, and the keys to it."""

    url: str
    token: str
    """A personal token of the first tenant's owner."""
    builder: str
    reader: str
    stranger: str
    """Keys of the first start's agents; the last one's is of a second tenant."""

    def admin(self) -> Client:
        return Client(self.url, self.token)


@lru_cache(maxsize=1)
def shared_stack() -> SharedStack:
    """Started as ``make up`` does; one that runs already can be named by its home, for one who
    writes tests and does not want to wait.
    """
    if HOME in os.environ:
        return _entered(json.loads(Path(os.environ[HOME], "quickstart.json").read_bytes()))
    stack = RunningStack(temporary_folder("stateward-shared-") / "home")
    atexit.register(stack.stop)
    stack.start(STATEWARD_DEMO="no")
    return _entered(stack.quickstart)


def _entered(quickstart: dict[str, Any]) -> SharedStack:
    url = quickstart["url"]
    token = sign_in_for_token(url, **quickstart["admin"])
    builder, reader, stranger = (agent["api_key"] for agent in quickstart["agents"])
    return SharedStack(url, token, builder, reader, stranger)


def sign_in_for_token(url: str, *, username: str, password: str) -> str:
    """What a person does once: sign in at the console, and ask for a personal token."""
    with httpx.Client(base_url=url, follow_redirects=True, timeout=30) as browser:
        page = browser.get("/account/login/")
        fields = {
            "login": username,
            "password": password,
            "csrfmiddlewaretoken": browser.cookies["stateward_csrf"],
        }
        browser.post(page.url.path, data=fields, headers={"Referer": str(page.url)})
        answer = browser.post(
            "/api/v1/credentials",
            json={"label": "tests"},
            headers={"X-CSRFToken": browser.cookies["stateward_csrf"], "Referer": str(page.url)},
        )
        assert answer.status_code == 201, answer.text
        return str(answer.json()["api_key"])

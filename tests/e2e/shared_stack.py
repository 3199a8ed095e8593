"""One running product for all tests of a worker that only use it, started at the first need."""

from __future__ import annotations

import atexit
import os
from functools import lru_cache

import httpx

from agents_bridge import Client
from tests.operations.running_stack import RunningStack
from tests.servers import temporary_folder

URL, TOKEN = "STATEWARD_TEST_STACK_URL", "STATEWARD_TEST_STACK_TOKEN"


class SharedStack:
    """Where it is, and the keys to it. ``token`` is a personal token of the tenant's owner."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self.token = token

    def admin(self) -> Client:
        return Client(self.url, self.token)


@lru_cache(maxsize=1)
def shared_stack() -> SharedStack:
    """Started as ``make up`` does; one that runs already can be named in the environment."""
    if URL in os.environ:
        return SharedStack(os.environ[URL], os.environ[TOKEN])
    stack = RunningStack(temporary_folder("stateward-shared-") / "home")
    atexit.register(stack.stop)
    stack.start(STATEWARD_DEMO="no")
    person = stack.quickstart["admin"]
    return SharedStack(stack.url, sign_in_for_token(stack.url, **person))


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

"""A real Chromium before the real console. Whatever a test does, no page may write an error to the
console, break the content security policy, or ask anything of another origin.
"""

from __future__ import annotations

import gzip
import os
import shutil
import threading
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from django.conf import settings
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.contrib.staticfiles.views import serve
from django.core.handlers.wsgi import WSGIHandler
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.test import Client
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Error,
    Page,
    Response,
    expect,
    sync_playwright,
)

from stateward.tenancy.models import Person

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# What a theme can spoil of a page that is otherwise the same.
OF_COLOUR = ["color-contrast", "link-in-text-block"]
CHARTS = "plotly"
WIDE = {"width": 1440, "height": 900}
NARROW = {"width": 390, "height": 844}

# How long a page is waited for, in milliseconds: a bound on a hang, not a claim about speed.
expect.set_options(timeout=20_000)


def chromium() -> str:
    """The browser of ``CHROMIUM``, else the system's. Without one, these tests fail."""
    named = os.environ.get("CHROMIUM")
    found = named or shutil.which("chromium") or shutil.which("google-chrome")
    if not found:
        pytest.fail("The browser tests need Chromium: install it, or name it in CHROMIUM.")
    return found


class _Silent(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """Requests are the browser's to tell."""


class _Static(StaticFilesHandler):
    def serve(self, request: Any) -> Any:
        return serve(request, self.file_path(request.path), insecure=True)


@pytest.fixture(scope="session")
def console_url(django_db_blocker: Any, django_db_setup: None) -> Generator[str, None, None]:
    """Where the console answers, on the run's own database."""
    with django_db_blocker.unblock():
        server = ThreadedWSGIServer(("127.0.0.1", 0), _Silent, allow_reuse_address=True)
        server.set_app(_Static(WSGIHandler()))
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="module")
def chrome() -> Generator[Browser, None, None]:
    """One browser a module: while it runs no asynchronous test can, its loop is the thread's."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        yield browser
        browser.close()


# Every transition that ends has ended; a paused one is not waited for. What a change of theme sets
# going is known two frames later.
SETTLED = """() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))
    .then(() => Promise.race([
    new Promise((done) => setTimeout(done, 2000)),
    Promise.all(document.getAnimations()
        .filter((one) => one.effect.getComputedTiming().endTime !== Infinity)
        .map((one) => one.finished.catch(() => null)))]))"""


@dataclass
class Console:
    """A browser window that is signed in as somebody, and everything it complained about."""

    url: str
    context: BrowserContext
    tab: Page
    complaints: list[str] = field(default_factory=list)
    answers: list[Response] = field(default_factory=list)
    expected: set[int] = field(default_factory=set)

    def sign_in(self, person: Person) -> None:
        """Put a session of ``person`` into the window, as the sign-in form would."""
        client = Client()
        client.force_login(person, settings.AUTHENTICATION_BACKENDS[0])
        value = client.cookies[settings.SESSION_COOKIE_NAME].value
        cookie = {"name": settings.SESSION_COOKIE_NAME, "value": value, "url": self.url}
        self.context.add_cookies([cookie])  # type: ignore[list-item]

    def open(self, path: str, status: int = 200) -> Page:
        self.answers.clear()
        if status >= 400:
            self.expected.add(status)
        answer = self.tab.goto(self.url + path)
        assert answer is not None
        assert answer.status == status, f"{path} answered {answer.status}"
        return self.tab

    def axe(self, *, only_colours: bool = False) -> list[str]:
        """What WCAG 2.2 AA and good practice find wrong with the page as it stands."""
        # Half-faded colours are no colours of ours.
        self.tab.evaluate(SETTLED)
        if not self.tab.evaluate("'axe' in window"):
            self.tab.evaluate(AXE_SCRIPT)
        which = {"type": "rule", "values": OF_COLOUR} if only_colours else WCAG
        # What is right is not told: of a long page that alone takes longer than the looking.
        violations = self.tab.evaluate(
            "options => axe.run(options).then(found => found.violations)",
            {"runOnly": which, "resultTypes": ["violations"]},
        )
        return [
            f"{one['id']}: {node['html'][:160]} {node.get('failureSummary', '')[:200]}"
            for one in violations
            for node in one["nodes"]
        ]

    def faults(self) -> list[str]:
        """What is wrong with the page as it stands in either theme, wide and narrow. It is loaded
        once: a theme changes its colours only, and narrow is so for the style sheets alone.
        """
        found = self.axe()
        self.tab.emulate_media(color_scheme="dark")
        found += [f"dark: {one}" for one in self.axe(only_colours=True)]
        self.tab.emulate_media(color_scheme="light")
        wide = self.overflow()
        self.tab.set_viewport_size(NARROW)
        found += [f"narrow: {one}" for one in self.axe()]
        narrow = self.overflow()
        self.tab.set_viewport_size(WIDE)
        return found + [f"{pixels} px too wide" for pixels in (wide, narrow) if pixels]

    def weight(self) -> int:
        """Bytes of the page as they travel compressed, charts apart."""
        asked = [answer for answer in self.answers if answer.ok and CHARTS not in answer.url]
        return sum(compressed_size(answer) for answer in asked)

    def overflow(self) -> int:
        """Pixels that the page can be scrolled sideways."""
        return int(
            self.tab.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
        )

    def watch(self) -> None:
        own = urlsplit(self.url).netloc

        def said(message: Any) -> None:
            failed_answer = any(f"status of {status} " in message.text for status in self.expected)
            if message.type in {"error", "warning"} and not failed_answer:
                self.complaints.append(f"{message.type}: {message.text}")

        def asked(request: Any) -> None:
            address = urlsplit(request.url)
            if address.scheme in {"http", "https", "ws", "wss"} and address.netloc != own:
                self.complaints.append(f"foreign request: {request.url}")

        def answered(response: Response) -> None:
            self.answers.append(response)

        self.tab.on("console", said)
        self.tab.on("pageerror", lambda error: self.complaints.append(f"uncaught: {error}"))
        self.tab.on("request", asked)
        self.tab.on("response", answered)


def compressed_size(answer: Response) -> int:
    try:
        return len(gzip.compress(answer.body(), 6))
    except Error:  # what the page before had asked for, and was left before it came
        return 0


@pytest.fixture(autouse=True)
def orm_beside_the_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    """Playwright's loop runs in this thread once a browser was started; the ORM is used between
    its turns, never within.
    """
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")


@pytest.fixture
def console(
    request: pytest.FixtureRequest,
    chrome: Browser,
    console_url: str,
    database: None,
) -> Generator[Console, None, None]:
    """A window of 1440 by 900, light; ``parametrize("console", [{…}], indirect=True)`` differs."""
    options = getattr(request, "param", {})
    context = chrome.new_context(**{"viewport": WIDE, "color_scheme": "light", **options})
    window = Console(console_url, context, context.new_page())
    window.watch()
    yield window
    context.close()
    assert not window.complaints, "\n".join(window.complaints)

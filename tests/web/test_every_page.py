"""F80: no page is framed, kept by a cache, sent to another site, or written into by a header.

On every address of the console and of signing in, taken from the list of addresses itself, for
somebody who is signed in and for nobody.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from urllib.parse import unquote, urlsplit

import pytest
from django.core.cache import cache as cache_of_limits
from django.http import HttpResponseBase
from django.test import Client, override_settings
from django.urls import URLPattern, URLResolver, get_resolver

from stateward.web.drf.views import ApiView
from tests.console.console_world import World, make_world
from tests.factories.api import new_tenant
from tests.factories.tenants import PASSWORD, make_member, make_person

pytestmark = pytest.mark.usefixtures("database")

SAMPLES = {
    "uuid": "0192f3a1-7c5e-7c55-8000-5f0c3b8d2a11",
    "int": "7",
    "str": "some-thing",
    "slug": "some-thing",
    "path": "some/thing",
}
EVIL = "evil.example"
NEXTS = (
    f"//{EVIL}/", f"https://{EVIL}/", f"/\\{EVIL}", f"\\\\{EVIL}", f"https:{EVIL}",
    f"///{EVIL}", f"http:///{EVIL}", "javascript:alert(1)", f"/%09/{EVIL}", f"%2f%2f{EVIL}",
)  # fmt: skip
MARK = "/a-mark-of-our-own"
SPLITTING = "x%0d%0aX-Evil:%20yes"


def addresses(resolver: URLResolver, before: str = "/") -> Iterator[str]:
    """Every address that is no resource of the control plane, with something in each place."""
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            yield from addresses(entry, before + filled(entry))
        elif isinstance(entry, URLPattern) and not is_api(entry):
            yield before + filled(entry)


def is_api(entry: URLPattern) -> bool:
    view = getattr(entry.callback, "cls", None) or getattr(entry.callback, "view_class", None)
    return view is not None and issubclass(view, ApiView)


def filled(entry: URLPattern | URLResolver) -> str:
    path = str(entry.pattern)
    for name, converter in entry.pattern.converters.items():
        kind = type(converter).__name__.removesuffix("Converter").lower()
        kind = {"string": "str"}.get(kind, kind)
        sample = "{tenant}" if name == "tenant" else SAMPLES.get(kind, "some-thing")
        for spelt in (f"<{kind}:{name}>", f"<str:{name}>", f"<{name}>"):
            path = path.replace(spelt, sample)
    return path.removeprefix("^").removesuffix("$").removesuffix("\\Z")


PAGES = sorted({one for one in addresses(get_resolver()) if "(?P" not in one})


@cache
def world() -> World:
    return make_world()


@cache
def clients() -> tuple[Client, Client]:
    """Nobody, and an owner who is signed in."""
    owner = Client(raise_request_exception=False)
    owner.force_login(world().person)
    return Client(), owner


def visit(client: Client, page: str, query: str = "", **headers: str) -> HttpResponseBase:
    path = page.format(tenant=world().tenant.slug)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.get(f"{path}{query}", headers=named)  # type: ignore[return-value]  # is one


def test_there_are_pages() -> None:
    assert len(PAGES) > 60
    assert {"/account/login/", "/t/{tenant}/audit/"} <= set(PAGES)


@pytest.mark.parametrize("page", PAGES)
def test_no_page_is_framed_or_kept_or_written_into(page: str) -> None:
    query = f"?next={MARK}&cursor={SPLITTING}&range={SPLITTING}&{SPLITTING}=1"
    for client in clients():
        answer = visit(client, page, query, X_Request_ID="a\r\nX-Evil: yes")

        assert answer.status_code != 500
        assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]
        assert answer["X-Frame-Options"] == "DENY"
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert "no-store" in answer["Cache-Control"]
        assert "public" not in answer["Cache-Control"]
        assert not answer.has_header("X-Evil")
        assert all("\r" not in value and "\n" not in value for value in answer.headers.values())
        if MARK in told(answer):
            sends_nobody_away(client, page)


def told(answer: HttpResponseBase) -> str:
    body = b"" if answer.streaming else answer.content  # type: ignore[attr-defined]  # no stream
    return body.decode() + answer.headers.get("Location", "")


def sends_nobody_away(client: Client, page: str) -> None:
    """The page does something with ``next``: whatever that is, it stays here."""
    for target in NEXTS:
        answer = visit(client, page, f"?next={target}")

        location = answer.headers.get("Location", "")
        there = urlsplit(location)
        assert not there.netloc, (target, location)
        assert there.scheme == ""
        assert not location.startswith(("//", "/\\", "\\"))


@pytest.mark.parametrize("page", PAGES)
@override_settings(ALLOWED_HOSTS=["stateward.example"])
def test_another_hosts_name_gets_no_page(page: str) -> None:
    _, owner = clients()

    assert visit(owner, page, Host=EVIL).status_code == 400
    behind = visit(owner, page, Host="stateward.example", X_Forwarded_Host=EVIL)
    assert behind.status_code != 500
    assert EVIL not in told(behind)


@pytest.mark.parametrize("target", NEXTS)
def test_signing_in_leads_nowhere_else(target: str) -> None:
    person = make_person()
    make_member(new_tenant(), "owner", person=person)
    body = {"login": person.email, "password": PASSWORD, "next": unquote(target)}
    cache_of_limits.clear()

    answer = Client().post("/account/login/", body)

    assert (answer.status_code, answer["Location"]) == (302, "/")

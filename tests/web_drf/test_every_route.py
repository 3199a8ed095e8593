"""Promises that every control-plane route keeps, whoever wrote it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from stateward.tenancy.models import Tenant
from stateward.web.drf.views import ApiView
from tests.factories.api import Api, Browser, new_tenant
from tests.factories.tenants import epoch_of, make_agent, make_member

pytestmark = pytest.mark.usefixtures("database")

UNSAFE = ("post", "put", "patch", "delete")
SAMPLES = {
    "uuid": "0192f3a1-7c5e-7c55-8000-5f0c3b8d2a11",
    "int": "7",
    "str": "some-thing",
    "slug": "some-thing",
}


def routes(resolver: URLResolver, before: str = "/") -> Iterator[tuple[str, type[ApiView]]]:
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            yield from routes(entry, before + str(entry.pattern))
        elif isinstance(entry, URLPattern):
            view = getattr(entry.callback, "cls", None) or getattr(
                entry.callback, "view_class", None
            )
            if view is not None and issubclass(view, ApiView):
                yield before + filled(entry), view


def filled(entry: URLPattern) -> str:
    """The pattern with something in each place."""
    path = str(entry.pattern)
    for name, converter in entry.pattern.converters.items():
        kind = type(converter).__name__.removesuffix("Converter").lower()
        sample = SAMPLES.get({"string": "str"}.get(kind, kind), "some-thing")
        for spelt in (f"<{kind}:{name}>", f"<str:{name}>", f"<path:{name}>", f"<{name}>"):
            path = path.replace(spelt, sample)
    return path


ROUTES = sorted(routes(get_resolver()), key=lambda one: one[0])
WRITES = [
    (path, method, view) for path, view in ROUTES for method in UNSAFE if hasattr(view, method)
]
GUARDED = [
    (path, method)
    for path, view in ROUTES
    for method in ("get", *UNSAFE)
    if hasattr(view, method) and not view.public
]


def call(client: Client, method: str, path: str, body: Any, headers: dict[str, str]) -> Any:
    data = json.dumps(body)
    return client.generic(
        method.upper(), path, data, content_type="application/json", headers=headers
    )


def test_there_are_routes() -> None:
    assert len(ROUTES) > 15


@pytest.mark.parametrize(("path", "method"), GUARDED)
def test_nobody_is_let_in_without_a_credential(path: str, method: str) -> None:
    answer = call(Client(), method, path, {}, {})

    assert answer.status_code == 401, (method, path)
    assert answer["Content-Type"] == "application/problem+json"
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.parametrize(("path", "method"), [one for one in GUARDED if one[1] != "get"])
def test_a_cookie_alone_changes_nothing(path: str, method: str) -> None:
    tenant = new_tenant()
    browser = Browser(make_member(tenant, "owner"))
    before = epoch_of(tenant)

    answer = call(browser.client, method, path, {}, {})

    assert (answer.status_code, answer.json()["code"]) == (403, "csrf_failed"), (method, path)
    for origin in ("null", "https://evil.example"):
        headers = {"X-CSRFToken": browser.token, "Origin": origin}
        assert call(browser.client, method, path, {}, headers).status_code == 403
    assert epoch_of(tenant) == before


SMUGGLED = ("tenant", "tenant_id", "is_superuser", "is_operator", "groups", "permissions",
            "legal_hold", "created_at", "id")  # fmt: skip


# AuthZEN wants unknown members ignored; its calls write nothing.
BODIES = [one for one in WRITES if one[1] != "delete" and not one[0].startswith("/access/")]


@pytest.mark.parametrize(("path", "method", "view"), BODIES)
def test_members_that_are_not_named_are_never_taken(
    path: str, method: str, view: type[ApiView]
) -> None:
    tenant = new_tenant()
    owner = Api(make_member(tenant, "owner"))
    before = epoch_of(tenant)

    for name in SMUGGLED:
        answer = call(Client(), method, path, {name: "x"}, owner.headers)
        assert answer.status_code in {400, 403, 404, 405, 410, 422}, (name, answer.content)
    assert epoch_of(tenant) == before


@pytest.mark.parametrize(("path", "method", "view"), WRITES)
def test_odd_bodies_are_refused_and_never_a_fault(
    path: str, method: str, view: type[ApiView]
) -> None:
    owner = Api(make_member(new_tenant(), "owner"))
    bodies = [b"{", b"[]", b"null", b"1", b'"x"', b"\xff", b"\xef\xbb\xbf{}", b'{"a":1,"a":2}',
              b'{"a":NaN}', b'{"a":1e999}', b'{"a":"\\ud800"}', b'{"a":"\\u0000"}',
              b"[" * 100_000, b"{" + b'"a":{' * 200 + b"}" * 201]  # fmt: skip

    for body in bodies:
        answer = Client().generic(
            method.upper(), path, body, content_type="application/json", headers=owner.headers
        )
        assert answer.status_code < 500, (method, path, body[:20])


@pytest.mark.parametrize(("path", "view"), [one for one in ROUTES if hasattr(one[1], "get")])
def test_odd_queries_are_never_a_fault(path: str, view: type[ApiView]) -> None:
    owner = Api(make_member(new_tenant(), "owner"))

    for query in ("limit=x", "limit=-1", "limit=99999", "cursor=x", "cursor=AAAA", "cursor=bnVsbA",
                  "cursor=%00", "prefix=%ff", "from=x&to=y", "unknown=1"):  # fmt: skip
        answer = Client().get(f"{path}?{query}", headers=owner.headers)
        assert answer.getvalue() is not None  # read to the end, streamed ones too
        assert answer.status_code < 500, (path, query)


def ids_of(tenant: Tenant) -> set[str]:
    """Every id that any table holds for the tenant, as a superuser sees them."""
    with psycopg.connect(os.environ["STATEWARD_SUPERUSER_DATABASE_URL"]) as session:
        tables = session.execute(
            "SELECT c.table_name FROM information_schema.columns c "
            "JOIN information_schema.columns i USING (table_schema, table_name) "
            "WHERE table_schema = 'public' AND c.column_name = 'tenant_id' "
            "AND i.column_name = 'id' AND i.data_type = 'uuid'"
        ).fetchall()
        found: set[str] = set()
        for (table,) in tables:
            rows = session.execute(f"SELECT id FROM {table} WHERE tenant_id = %s", (tenant.id,))
            found |= {str(row[0]) for row in rows}
        return found


def populated() -> Tenant:
    """A tenant with one of each thing that has an id."""
    tenant = new_tenant()
    owner = Api(make_member(tenant, "owner"))
    agent = Api(make_agent(tenant, "builder"))
    text = 'forbid (principal, action == Action::"state.purge", resource);'
    assert owner("POST", "/policies", {"name": "p", "text": text}).status_code == 201
    assert agent("POST", "/namespaces", {"name": "some-thing"}).status_code == 201
    email = f"{uuid4()}@example.org"
    invitation = {"email": email, "roles": ["viewer"]}
    assert owner("POST", "/invitations", invitation).status_code == 201
    return tenant


def test_another_tenants_ids_answer_as_ids_nobody_has() -> None:
    """F58, for every route that takes an id and every kind of id there is."""
    theirs, ours = populated(), new_tenant()
    owner = Api(make_member(ours, "owner"))
    sample = SAMPLES["uuid"]
    foreign = sorted(ids_of(theirs) - {str(theirs.id)})
    before = epoch_of(theirs)
    assert len(foreign) > 8

    for path, method in GUARDED:
        if sample not in path:
            continue
        nobody = call(Client(), method, path, {}, owner.headers)
        for one in foreign:
            answer = call(Client(), method, path.replace(sample, one), {}, owner.headers)
            assert answer.status_code == nobody.status_code, (method, path)
            if answer.status_code >= 400:
                assert answer.json() | {"instance": ""} == nobody.json() | {"instance": ""}
    assert epoch_of(theirs) == before
    assert ids_of(theirs) >= set(foreign)

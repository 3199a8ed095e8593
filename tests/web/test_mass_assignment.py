"""F60: what a write does not name is never written, on each write of the published document.

Each body is one that the document accepts, for something that exists, with members too many.
Whatever is answered, no row of any table says anything else afterwards.
"""

from __future__ import annotations

import json
import os
import re
from functools import cache
from typing import Any

import psycopg
import pytest
from django.test import Client
from django.urls import Resolver404, resolve

from governance.detection.looking import look_at
from stateward.kernel.ids import uuid7
from stateward.tenancy.models import Tenant
from tests.detection.scenes import acting, alerts, write
from tests.factories.api import Api, new_tenant
from tests.factories.tenants import make_agent, make_member
from tests.web.written import Operation, example, operations

pytestmark = pytest.mark.usefixtures("database")

TOO_MANY: dict[str, Any] = {
    "tenant": "0192f3a1-7c5e-7c55-8000-5f0c3b8d2a11",
    "tenant_id": "0192f3a1-7c5e-7c55-8000-5f0c3b8d2a11",
    "id": "0192f3a1-7c5e-7c55-8000-5f0c3b8d2a11",
    "owner": "0192f3a1-7c5e-7c55-8000-5f0c3b8d2a11",
    "is_superuser": True,
    "is_operator": True,
    "is_staff": True,
    "groups": ["owners"],
    "permissions": ["*"],
    "role": "owner",
    "roles": ["owner"],
    "classification": "public",
    "legal_hold": False,
    "held": False,
    "version": 99,
    "status": "active",
    "created_at": "2020-01-01T00:00:00Z",
    "created_by": "somebody else",
    "secret_hash": "AAAA",
    "approved_by": "0192f3a1-7c5e-7c55-8000-5f0c3b8d2a11",
}
# What may be written down although the call was refused: who called when, and that it was refused.
BESIDE = re.compile("audit|metric|tally|epoch|idempotency|snapshot|storage|spool|credential$")


def is_ours(operation: Operation) -> bool:
    """Whether the control plane answers it; the data plane has tests of its own."""
    try:
        resolve(re.sub(r"{[^}]*}", "0192f3a1-7c5e-7c55-8000-5f0c3b8d2a11", operation.path))
    except Resolver404:
        return False
    return True


WRITES = [
    one
    for one in operations()
    if one.method in {"post", "put", "patch"}
    and one.body is not None
    and not one.path.startswith(
        "/access/"
    )  # AuthZEN ignores what it does not know; nothing is kept
    and is_ours(one)
]


@cache
def furnished() -> tuple[Tenant, Api, dict[str, str]]:
    """A tenant with one of each thing, whoever owns it, and the ids by the names of addresses."""
    tenant = new_tenant()
    owner, other = Api(make_member(tenant, "owner")), make_member(tenant, "viewer")
    agent = make_agent(tenant, "builder")
    key = Api(agent)
    text = 'forbid (principal, action == Action::"state.purge", resource);'
    policy = owner("POST", "/policies", {"name": "p", "text": text}).json()
    assert key("POST", "/namespaces", {"name": "some-thing"}).status_code == 201
    write(acting(agent), "state.write", outcome="deny_error")
    look_at(tenant.id)
    ids = {
        "agent_id": str(agent.id),
        "member_id": str(other.id),
        "credential_id": str(key.key.id),
        "policy_id": policy["id"],
        "alert_id": str(alerts(tenant.id)[0].id),
        "rule": "policy_errors",
        "slug": tenant.slug,
        "tenant": tenant.slug,
        "namespace": "some-thing",
        "ns": "some-thing",
        "name": "some-thing",
    }
    return tenant, owner, ids


def address(operation: Operation, ids: dict[str, str]) -> str:
    return re.sub(r"{([^}]*)}", lambda found: ids.get(found[1], str(uuid7())), operation.path)


def contents(tenant: Tenant) -> dict[str, list[str]]:
    """Every row of the tenant, of every table, as text."""
    with psycopg.connect(os.environ["STATEWARD_SUPERUSER_DATABASE_URL"]) as session:
        tables = session.execute(
            "SELECT c.table_name FROM information_schema.columns c "
            "JOIN information_schema.tables t USING (table_schema, table_name) "
            "JOIN pg_class p ON p.relname = c.table_name AND NOT p.relispartition "
            "WHERE c.table_schema = 'public' AND c.column_name = 'tenant_id' "
            "AND t.table_type = 'BASE TABLE' ORDER BY 1"
        ).fetchall()
        return {
            name: [
                row[0]
                for row in session.execute(
                    f"SELECT r::text FROM {name} r WHERE tenant_id = %s ORDER BY 1", (tenant.id,)
                ).fetchall()
            ]
            for (name,) in tables
            if not BESIDE.search(name)
        }


def test_there_is_much_to_write() -> None:
    assert len(WRITES) > 25


@pytest.mark.parametrize("operation", WRITES, ids=str)
def test_what_is_not_named_is_never_written(operation: Operation) -> None:
    tenant, owner, ids = furnished()
    assert operation.body is not None
    path, body = address(operation, ids), example(operation.body)
    named = operation.body.get("properties", {})
    before = contents(tenant)

    extra = {name: value for name, value in TOO_MANY.items() if name not in named}

    answer = Client().generic(
        operation.method.upper(),
        path,
        json.dumps(body | extra).encode(),
        content_type="application/json",
        headers=owner.headers,
    )

    assert answer.status_code in {400, 403, 404, 409, 410, 422}, answer.content
    if answer.status_code == 400:
        pointers = {one["pointer"] for one in answer.json()["errors"]}
        assert {f"/{name}" for name in extra} <= pointers
    assert contents(tenant) == before


def test_most_bodies_reach_the_point_where_members_are_read() -> None:
    """The test above would say little if calls were refused for another reason first."""
    _, owner, ids = furnished()
    told = 0
    for operation in WRITES:
        assert operation.body is not None
        body = example(operation.body) | {"is_superuser": True}
        answer = Client().generic(
            operation.method.upper(),
            address(operation, ids),
            json.dumps(body).encode(),
            content_type="application/json",
            headers=owner.headers,
        )
        told += answer.status_code == 400 and b"is_superuser" in answer.content

    assert told >= len(WRITES) * 0.8, f"{told} of {len(WRITES)}"

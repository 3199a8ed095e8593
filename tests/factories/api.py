"""Calling the control plane as somebody, in tests."""

from __future__ import annotations

import json
import time
from typing import Any
from uuid import UUID

from django.db import connection
from django.test import Client

from governance.people.acts import system_actor, system_call
from governance.people.services.tenants import create_tenant
from stateward.kernel.ids import uuid7
from stateward.tenancy.models import Agent, Member, Tenant
from stateward.tenancy.scope import tenant_scope
from tests.factories.tenants import make_key


def new_tenant() -> Tenant:
    """A tenant with its keys, as an operator makes one."""
    slug = f"t-{uuid7()}"
    return create_tenant(actor=system_actor(None, "test"), call=system_call(), slug=slug, name="T")


class Api:
    """A client that calls as one agent or member, by key."""

    def __init__(self, holder: Agent | Member, *, scopes: list[str] | None = None) -> None:
        self.holder = holder
        self.key = make_key(holder, scopes=scopes)
        self.headers = {"Authorization": f"Bearer {self.key.text}"}

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        data = b"" if body is None else json.dumps(body).encode()
        return Client().generic(
            method,
            f"/api/v1{path}",
            data,
            content_type="application/json",
            headers=self.headers | named,
        )


class Browser:
    """A member's browser: a session, and the CSRF token with every unsafe call."""

    def __init__(self, member: Member, *, recently: bool = True) -> None:
        self.client = Client(enforce_csrf_checks=True)
        self.client.force_login(member.person)
        if recently:
            session = self.client.session
            session["account_authentication_methods"] = [{"method": "password", "at": time.time()}]
            session["account_authentication_methods_user"] = str(member.person_id)
            session.save()
        self.client.cookies["stateward_csrf"] = self.token = "a" * 32

    def __call__(self, method: str, path: str, body: Any = None) -> Any:
        data = b"" if body is None else json.dumps(body).encode()
        return self.client.generic(
            method,
            f"/api/v1{path}",
            data,
            content_type="application/json",
            headers={"X-CSRFToken": self.token},
        )


def audit_events(tenant_id: UUID) -> list[tuple[str, str, str]]:
    """(action, event, outcome) of the tenant's records, oldest first."""
    with tenant_scope(tenant_id), connection.cursor() as cursor:
        cursor.execute(
            "SELECT action, convert_from(record, 'UTF8')::jsonb #>> '{details,event}', outcome "
            "FROM stateward_audit_record WHERE tenant_id = %s ORDER BY at, id",
            (tenant_id,),
        )
        return cursor.fetchall()

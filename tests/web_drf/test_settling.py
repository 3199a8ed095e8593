"""A right that is taken while a request is under way changes nothing: two real sessions each."""

from __future__ import annotations

import os
from typing import Any

import psycopg
import pytest

from governance.people.services import agents
from stateward.tenancy.models import Agent, Tenant
from stateward.tenancy.scope import tenant_scope
from tests.factories.api import Api, Browser, new_tenant
from tests.factories.tenants import epoch_of, make_member

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def tenant() -> Tenant:
    return new_tenant()


class Meanwhile:
    """Lets another session commit something after a request was decided and before it writes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *statements: tuple[str, Any]) -> None:
        self.times = 0
        self.limit = 1
        self._statements = statements
        self._save = agents._save
        monkeypatch.setattr(agents, "_save", self)

    def __call__(self, *given: Any, **named: Any) -> None:
        if self.times < self.limit:
            self.times += 1
            self._commit()
        self._save(*given, **named)

    def _commit(self) -> None:
        with psycopg.connect(os.environ["STATEWARD_SUPERUSER_DATABASE_URL"]) as other:
            for sql, parameters in self._statements:
                other.execute(sql, parameters)


def bump(tenant: Tenant) -> tuple[str, Any]:
    sql = "UPDATE stateward_epoch SET epoch = epoch + 1, principals = principals + 1 "
    return sql + "WHERE tenant_id = %s", (tenant.id,)


def agents_of(tenant: Tenant) -> int:
    with tenant_scope(tenant.id):
        return Agent.objects.count()


BODY = {"name": "booker", "roles": ["reader"]}


def test_a_key_that_is_revoked_meanwhile_creates_nothing(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = Api(make_member(tenant, "admin"))
    revoke = "UPDATE stateward_credential SET revoked_at = now() WHERE id = %s"
    Meanwhile(monkeypatch, (revoke, (admin.key.id,)), bump(tenant))

    answer = admin("POST", "/agents", BODY)

    assert answer.status_code == 401
    assert agents_of(tenant) == 0


@pytest.mark.parametrize("kind", [Api, Browser])
def test_a_role_that_is_taken_meanwhile_creates_nothing(
    kind: Any, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = make_member(tenant, "admin")
    caller = kind(member)
    demote = "UPDATE stateward_member SET roles = '{viewer}' WHERE id = %s"
    Meanwhile(monkeypatch, (demote, (member.id,)), bump(tenant))

    answer = caller("POST", "/agents", BODY)

    assert answer.status_code == 403
    assert agents_of(tenant) == 0


@pytest.mark.parametrize(
    "end",
    ["UPDATE stateward_member SET is_active = false WHERE id = %s",
     "UPDATE stateward_person SET is_active = false WHERE id = "
     "(SELECT person_id FROM stateward_member WHERE id = %s)"],
)  # fmt: skip
def test_a_member_who_is_put_out_meanwhile_creates_nothing(
    end: str, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = make_member(tenant, "admin")
    browser = Browser(member)
    Meanwhile(monkeypatch, (end, (member.id,)), bump(tenant))

    assert browser("POST", "/agents", BODY).status_code == 401
    assert agents_of(tenant) == 0


def test_what_others_change_meanwhile_is_no_hindrance(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = Api(make_member(tenant, "admin"))
    before = epoch_of(tenant)
    meanwhile = Meanwhile(monkeypatch, bump(tenant))

    answer = admin("POST", "/agents", BODY, Idempotency_Key="k")

    assert answer.status_code == 201
    assert meanwhile.times == 1
    assert agents_of(tenant) == 1
    assert epoch_of(tenant) == before + 2
    assert admin("POST", "/agents", BODY, Idempotency_Key="k").status_code == 201


def test_where_rights_change_all_the_while_nothing_is_done(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = Api(make_member(tenant, "admin"))
    Meanwhile(monkeypatch, bump(tenant)).limit = 100

    answer = admin("POST", "/agents", BODY)

    assert (answer.status_code, answer.json()["code"]) == (503, "rights_changed")
    assert agents_of(tenant) == 0

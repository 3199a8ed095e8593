"""Scopes: whose rows the database shows, and for how long."""

from __future__ import annotations

import pytest
from django.db import connection

from stateward.tenancy.models import Agent, Member
from stateward.tenancy.scope import person_scope, tenant_scope
from tests.factories.tenants import make_agent, make_member, make_tenant

pytestmark = pytest.mark.usefixtures("database")


def shown() -> list[str]:
    return sorted(Agent.objects.values_list("name", flat=True))


def test_after_a_scope_within_a_scope_the_outer_one_holds_again() -> None:
    ours, theirs = make_tenant(), make_tenant()
    make_agent(ours, name="ours")
    make_agent(theirs, name="theirs")

    with tenant_scope(ours.id):
        with tenant_scope(theirs.id):
            assert shown() == ["theirs"]
            with tenant_scope(theirs.id):
                assert shown() == ["theirs"]
        assert shown() == ["ours"]
    assert shown() == []


def test_so_it_does_after_an_error_in_the_inner_one() -> None:
    ours, theirs = make_tenant(), make_tenant()
    make_agent(ours, name="ours")

    with tenant_scope(ours.id):
        with pytest.raises(ZeroDivisionError), tenant_scope(theirs.id):
            raise ZeroDivisionError
        assert shown() == ["ours"]


def test_a_persons_scope_ends_within_a_tenants() -> None:
    ours, theirs = make_tenant(), make_tenant()
    member = make_member(theirs, "viewer")

    with tenant_scope(ours.id):
        with person_scope(member.person_id):
            assert Member.objects.count() == 1
        assert Member.objects.count() == 0


def test_a_scope_of_its_own_costs_one_statement() -> None:
    tenant = make_tenant()
    statements: list[str] = []

    def asking(execute: object, sql: str, *rest: object) -> object:
        statements.append(sql)
        return execute(sql, *rest)  # type: ignore[operator]

    with connection.execute_wrapper(asking), tenant_scope(tenant.id):
        pass

    assert len(statements) == 1

"""Cases of the checks about people, keys, rights, policies and agents."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.sessions.models import Session
from django.test import override_settings

from governance.people.services.agents import pause_agent, resume_agent
from governance.policies import services as policies
from stateward.gate.audit.services import flush
from stateward.kernel.clock import now
from stateward.kernel.ids import uuid7
from stateward.state.models import Namespace
from stateward.tenancy.actors import Actor
from stateward.tenancy.models import Agent, Credential, Member, Tenant
from stateward.tenancy.scope import tenant_scope
from tests.audit.audit_helpers import a_call, connect, seal
from tests.compliance.case_book import Expected, case, fails, not_applicable, passes
from tests.factories.api import Api
from tests.factories.state import make_namespace
from tests.factories.tenants import make_agent, make_key, make_member

LONG_AGO = timedelta(days=400)
SEALS = Path(settings.HOME) / "seals"


def member_actor(member: Member) -> Actor:
    roles = tuple(member.roles)
    slug = member.tenant.slug
    return Actor("member", member.id, "Ann", member.tenant_id, slug, roles, auth_method="session")


def change(rows: Any, tenant: Tenant, **fields: Any) -> None:
    with tenant_scope(tenant.id):
        assert rows.update(**fields) == 1


@case("C01")
def second_factors(tenant: Tenant) -> Iterator[Expected]:
    make_member(tenant, "viewer")
    yield not_applicable()
    member = make_member(tenant, "editor")
    factor = Authenticator.objects.create(user=member.person, type="totp", data={})
    codes = Authenticator.objects.create(user=member.person, type="recovery_codes", data={})
    yield passes()
    factor.delete()
    yield fails(member.id)  # recovery codes alone are no factor
    codes.delete()


@case("C02")
def idle_accounts(tenant: Tenant) -> Iterator[Expected]:
    member, agent = make_member(tenant), make_agent(tenant)
    yield passes()
    for rows in (Member.objects.filter(id=member.id), Agent.objects.filter(id=agent.id)):
        change(rows, tenant, created_at=now() - LONG_AGO)
    yield fails(member.id, agent.id)
    key = make_key(agent, last_used_at=now())
    member.person.last_login = now()
    member.person.save()
    yield passes()
    change(Credential.objects.filter(id=key.id), tenant, last_used_at=now() - LONG_AGO)
    yield fails(agent.id)


@case("C03")
def disabled_accounts(tenant: Tenant) -> Iterator[Expected]:
    member = make_member(tenant, is_active=False)
    agent = make_agent(tenant, status="retired")
    make_key(member, revoked_at=now())
    yield passes()
    key, other = make_key(member), make_key(agent)
    yield fails(member.id, agent.id)
    for one in (key, other):
        change(Credential.objects.filter(id=one.id), tenant, expires_at=now())
    yield passes()
    member.person.is_active = False
    member.person.save()
    session = Session.objects.create(
        session_key=uuid7().hex, session_data="", expire_date=now() + timedelta(hours=1)
    )
    UserSession.objects.create(
        user=member.person, session_key=session.session_key, ip="192.0.2.1", user_agent="x"
    )
    yield fails(member.id)


@case("C05")
def keys_age_and_use(tenant: Tenant) -> Iterator[Expected]:
    agent = make_agent(tenant)
    key = make_key(agent)
    rows = Credential.objects.filter(id=key.id)
    yield passes()
    change(rows, tenant, expires_at=None)
    yield fails(key.id)
    change(rows, tenant, expires_at=now() + timedelta(days=500))
    yield fails(key.id)
    change(rows, tenant, expires_at=now() + timedelta(days=1), created_at=now() - LONG_AGO)
    yield fails(key.id)
    long_unused = now() - timedelta(days=100)
    change(rows, tenant, created_at=long_unused, last_used_at=long_unused)
    yield fails(key.id)
    change(rows, tenant, last_used_at=now())
    yield passes()


@case("C06")
def keys_within_rights(tenant: Tenant) -> Iterator[Expected]:
    reader = make_agent(tenant, "reader")
    make_namespace(member_actor(make_member(tenant, "owner")), "notes")
    make_key(reader)
    make_key(reader, scopes=["state.read", "namespace.*"])
    yield passes()
    key = make_key(reader, scopes=["state.read", "state.delete"])
    yield fails(key.id)
    change(Agent.objects.filter(id=reader.id), tenant, roles=["writer"])
    yield passes()


@case("C08")
def toxic_pairs(tenant: Tenant) -> Iterator[Expected]:
    make_agent(tenant, "builder")
    member = make_member(tenant, "editor")
    yield passes()
    change(Member.objects.filter(id=member.id), tenant, roles=["admin"])
    yield fails(member.id)


@case("C09")
def number_of_admins(tenant: Tenant) -> Iterator[Expected]:
    make_member(tenant, "owner")
    yield fails(tenant.slug)
    second = make_member(tenant, "admin")
    yield passes()
    change(Member.objects.filter(id=second.id), tenant, is_active=False)
    yield fails(tenant.slug)
    for _ in range(5):
        make_member(tenant, "admin")
    yield fails(tenant.slug)


@case("C10")
def session_limits(tenant: Tenant) -> Iterator[Expected]:
    member = make_member(tenant)
    session = UserSession.objects.create(
        user=member.person, session_key=uuid7().hex, ip="192.0.2.1", user_agent="x"
    )
    yield passes()
    with override_settings(SESSION_IDLE_SECONDS=0):
        yield fails("SESSION_IDLE_SECONDS")
    with override_settings(SESSION_ABSOLUTE_SECONDS=30 * 24 * 3600):
        yield fails("SESSION_ABSOLUTE_SECONDS")
    later = session.created_at + timedelta(hours=13)
    UserSession.objects.filter(pk=session.pk).update(last_seen_at=later)
    yield fails(f"{member.id}/{session.pk}")
    session.delete()
    yield passes()


@case("C12")
def default_deny(tenant: Tenant) -> Iterator[Expected]:
    owner = member_actor(make_member(tenant, "owner"))
    make_namespace(owner, "notes")
    narrow = 'permit (principal in Role::"viewer", action == Action::"state.write", resource);'
    policies.create_policy(owner, a_call(), name="narrow", text=narrow)
    yield passes()
    wide = "permit (principal, action, resource);"
    made = policies.create_policy(owner, a_call(), name="open house", text=wide)
    yield passes()  # a draft allows nothing
    policies.activate(owner, a_call(), made.id, version=1)
    yield fails("policy:open house")
    policies.deactivate(owner, a_call(), made.id)
    yield passes()


@case("C13")
def walls_hold(tenant: Tenant) -> Iterator[Expected]:
    make_member(tenant, "owner")
    yield passes()
    with connect(autocommit=True) as superuser:
        superuser.execute("CREATE TABLE stateward_leak (tenant_id uuid, what text)")
        try:
            superuser.execute("INSERT INTO stateward_leak VALUES (%s, 'x')", (tenant.id,))
            yield fails("stateward_leak")  # no one reads it yet, and no wall is there
            superuser.execute("GRANT SELECT ON stateward_leak TO stateward_app")
            superuser.execute("ALTER TABLE stateward_leak ENABLE ROW LEVEL SECURITY")
            superuser.execute("ALTER TABLE stateward_leak FORCE ROW LEVEL SECURITY")
            yield passes()  # walled, and no policy shows anything
            superuser.execute("CREATE POLICY all_see ON stateward_leak USING (true)")
            yield fails("stateward_leak")
        finally:
            superuser.execute("DROP TABLE stateward_leak")
    yield passes()


@case("C14")
def second_pair_of_eyes(tenant: Tenant) -> Iterator[Expected]:
    author = member_actor(make_member(tenant, "owner"))
    other = member_actor(make_member(tenant, "owner"))
    text = 'forbid (principal, action == Action::"state.purge", resource);'
    made = policies.create_policy(author, a_call(), name="no purge", text=text)
    yield not_applicable()
    policies.activate(other, a_call(), made.id, version=1)
    yield passes()
    policies.deactivate(other, a_call(), made.id)
    policies.activate(author, a_call(), made.id, version=1)
    yield fails(made.id)


@case("C17")
def policies_reviewed(tenant: Tenant) -> Iterator[Expected]:
    owner = member_actor(make_member(tenant, "owner"))
    text = 'forbid (principal, action == Action::"state.purge", resource);'
    made = policies.create_policy(owner, a_call(), name="no purge", text=text)
    policies.activate(owner, a_call(), made.id, version=1)
    yield passes()
    with connect(autocommit=True) as superuser:
        for table, column in (("version", "created_at"), ("activation", "at")):
            superuser.execute(
                f"UPDATE stateward_policy_{table} SET {column} = {column} - interval '400 days'"
                " WHERE tenant_id = %s",
                (tenant.id,),
            )
    yield fails(made.id)
    policies.deactivate(owner, a_call(), made.id)
    policies.activate(owner, a_call(), made.id, version=1)
    yield passes()


@case("C24")
def log_reviewed(tenant: Tenant) -> Iterator[Expected]:
    auditor = Api(make_member(tenant, "auditor"))
    yield fails(tenant.slug)
    seal(SEALS)
    answer = auditor("GET", "/audit/bundle")
    assert (answer.status_code, bool(answer.getvalue())) == (200, True)
    yield passes()
    with connect(autocommit=True) as superuser:
        superuser.execute(
            "DELETE FROM stateward_audit_record WHERE tenant_id = %s AND action = 'audit.export'",
            (tenant.id,),
        )
    yield fails(tenant.slug)
    assert auditor("GET", "/audit/records").status_code == 200
    flush()
    yield passes()


@case("C25")
def agents_described(tenant: Tenant) -> Iterator[Expected]:
    owner = make_member(tenant)
    agent = make_agent(tenant, owner=owner, purpose="Books flights", risk_class="high")
    make_agent(tenant, status="retired")
    rows = Agent.objects.filter(id=agent.id)
    yield passes()
    change(rows, tenant, purpose=" ")
    yield fails(agent.id)
    change(rows, tenant, purpose="Books flights", risk_class="unheard")
    yield fails(agent.id)
    change(rows, tenant, risk_class="high", owner=None)
    yield fails(agent.id)
    change(rows, tenant, owner=owner)
    yield passes()
    change(Member.objects.filter(id=owner.id), tenant, is_active=False)
    yield fails(agent.id)


@case("C26")
def pause_tried(tenant: Tenant) -> Iterator[Expected]:
    owner = member_actor(make_member(tenant, "owner"))
    make_agent(tenant, risk_class="limited")
    yield not_applicable()
    agent = make_agent(tenant, risk_class="high")
    yield fails(agent.id)
    with tenant_scope(tenant.id):
        pause_agent(actor=owner, call=a_call(), agent_id=agent.id, reason="a drill")
        resume_agent(actor=owner, call=a_call(), agent_id=agent.id)
    yield passes()
    with connect(autocommit=True) as superuser:
        superuser.execute(
            "DELETE FROM stateward_audit_record WHERE tenant_id = %s AND action = 'agent.manage'",
            (tenant.id,),
        )
    yield fails(agent.id)


@case("C31")
def namespaces_classified(tenant: Tenant) -> Iterator[Expected]:
    owner = member_actor(make_member(tenant, "owner"))
    yield not_applicable()
    make_namespace(owner, "notes")
    yield passes()
    change(Namespace.objects.filter(tenant_id=tenant.id), tenant, classification="secretish")
    yield fails("notes")

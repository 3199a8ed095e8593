"""A tenant's life: made, closed, reopened, deleted by two people after a grace."""

from __future__ import annotations

import os
from datetime import timedelta
from io import StringIO
from uuid import uuid4

import psycopg
import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.test import Client, override_settings

from governance.people.acts import system_actor, system_call
from governance.people.exceptions import OperatorsOnly, SlugTaken, Unfit
from governance.people.models import Closure
from governance.people.services.tenants import create_tenant, delete_due_tenants
from stateward.kernel.clock import now
from stateward.kernel.ids import uuid7
from stateward.operations.jobs.services import run_here
from stateward.schedule import TIMETABLE
from stateward.tenancy.actors import Actor
from stateward.tenancy.models import PLATFORM, CredentialIndex, Epoch, Member, Person, Tenant
from stateward.tenancy.scope import tenant_scope
from tests.factories.api import Api, Browser, audit_events, new_tenant
from tests.factories.tenants import make_agent, make_member, make_person

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def tenant() -> Tenant:
    return new_tenant()


def operator() -> Browser:
    person = make_person(is_operator=True)
    return Browser(Member(person=person, tenant=Tenant()))


def test_an_operator_makes_tenants_and_sees_no_data() -> None:
    browser, slug = operator(), f"t-{uuid7()}"

    made = browser("POST", "/tenants", {"slug": slug, "name": "New"})

    assert made.status_code == 201, made.content
    assert Epoch.objects.filter(tenant_id=made.json()["id"]).exists()
    assert any(one["slug"] == slug for one in listed(browser))
    for path in ("/agents", "/members", "/tenant", "/namespaces"):
        assert browser("GET", path).status_code == 401
    assert ("tenant.manage", "tenant.created", "allow") in audit_events(made.json()["id"])
    assert browser("POST", "/tenants", {"slug": slug}).json()["code"] == "slug_taken"


def listed(browser: Browser) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = []
    cursor = ""
    while cursor is not None:
        page = browser("GET", f"/tenants?limit=1000{cursor and '&cursor=' + cursor}").json()
        rows += page["items"]
        cursor = page["next_cursor"]
    return rows


def test_nobody_else_makes_or_lists_tenants(tenant: Tenant) -> None:
    owner = Api(make_member(tenant, "owner"))

    assert owner("GET", "/tenants").json()["code"] == "operators_only"
    assert owner("POST", "/tenants", {"slug": "mine"}).json()["code"] == "operators_only"


@pytest.mark.parametrize("slug", ["", "-a", "a-", "A", "a_b", "x" * 64, "a.b"])
def test_odd_slugs_are_refused(slug: str) -> None:
    with pytest.raises(Unfit):
        create_tenant(actor=system_actor(None, "t"), call=system_call(), slug=slug, name="")


def test_a_slug_is_taken_once_and_an_owner_comes_with_it() -> None:
    actor, slug, person = system_actor(None, "t"), f"t-{uuid7()}", make_person()

    made = create_tenant(actor=actor, call=system_call(), slug=slug, name="", owner=person)

    with tenant_scope(made.id):
        assert Member.objects.get(person=person).roles == ["owner"]
    assert made.name == slug
    with pytest.raises(SlugTaken):
        create_tenant(actor=actor, call=system_call(), slug=slug, name="")
    owner = Actor("member", uuid4(), "x", uuid4(), "x", ("owner",))
    with pytest.raises(OperatorsOnly):
        create_tenant(actor=owner, call=system_call(), slug="x", name="")


def test_limits_are_shown_and_set(tenant: Tenant) -> None:
    owner = Api(make_member(tenant, "owner"))

    assert owner("GET", "/tenant").json()["limits"]["deletion_grace_days"] == 30
    changed = owner("PATCH", "/tenant", {"name": "Ours", "limits": {"invitation_days": 2}})

    assert changed.json()["name"] == "Ours"
    assert changed.json()["limits"]["invitation_days"] == 2
    assert owner("PATCH", "/tenant", {"limits": {"invitation_days": 91}}).status_code == 422


def test_a_closed_tenant_answers_its_owners_about_the_closure_alone(tenant: Tenant) -> None:
    owner, agent = make_member(tenant, "owner"), Api(make_agent(tenant, "builder"))
    key, browser, viewer = Api(owner), Browser(owner), Browser(make_member(tenant, "viewer"))

    assert browser("PUT", "/tenant/closure", {"reason": "moving"}).json()["reason"] == "moving"

    assert agent("GET", "/namespaces").status_code == 403
    assert key("GET", "/tenant").status_code == 403
    assert browser("GET", "/agents").json()["code"] == "not_active"
    assert browser("GET", "/tenant").json()["status"] == "closed"
    assert viewer("DELETE", "/tenant/closure").status_code == 403
    assert browser("DELETE", "/tenant/closure").json()["status"] == "active"
    assert agent("GET", "/namespaces").status_code == 200
    assert browser("GET", "/tenant/closure").json()["code"] == "tenant_not_closed"
    assert browser("DELETE", "/tenant/closure").status_code == 409


def close(tenant: Tenant, owner: Member) -> Browser:
    browser = Browser(owner)
    browser("PUT", "/tenant/closure")
    slug = {"slug": tenant.slug}
    assert browser("PUT", "/tenant/closure/deletion", slug).status_code == 200
    return browser


def test_deletion_takes_two_people(tenant: Tenant) -> None:
    owner, second = make_member(tenant, "owner"), make_member(tenant, "owner")
    browser = close(tenant, owner)

    alone = browser("PUT", "/tenant/closure/approval")
    approved = Browser(second)("PUT", "/tenant/closure/approval")

    assert alone.json()["code"] == "second_person_needed"
    assert approved.json()["approved_by"] == str(second.person_id)
    wrong = browser("PUT", "/tenant/closure/deletion", {"slug": "another"})
    assert wrong.status_code == 422
    asked_again = browser("PUT", "/tenant/closure/deletion", {"slug": tenant.slug})
    assert asked_again.json()["approved_by"] is None


def test_an_operator_may_be_the_second_person(tenant: Tenant) -> None:
    close(tenant, make_member(tenant, "owner"))

    approved = operator()("PUT", f"/tenants/{tenant.id}/closure/approval")

    assert approved.status_code == 200, approved.content
    assert operator()("PUT", f"/tenants/{uuid4()}/closure/approval").status_code == 404


def test_an_operators_repeat_is_answered_from_the_platforms_side(tenant: Tenant) -> None:
    close(tenant, make_member(tenant, "owner"))
    path = f"/api/v1/tenants/{tenant.id}/closure/approval"
    browser = operator()
    headers = {"X-CSRFToken": browser.token, "Idempotency-Key": "k"}

    first = browser.client.put(path, headers=headers)
    second = browser.client.put(path, headers=headers)

    assert (first.status_code, second.status_code) == (200, 200), second.content
    assert second.json() == first.json()
    assert second["Idempotency-Replayed"] == "true"


def test_nothing_is_deleted_before_the_grace_is_over(tenant: Tenant) -> None:
    close(tenant, make_member(tenant, "owner"))
    operator()("PUT", f"/tenants/{tenant.id}/closure/approval")

    assert tenant.slug not in delete_due_tenants()
    with pytest.raises(DatabaseError, match="not to be deleted"), transaction.atomic():
        purge(tenant)


def purge(tenant: Tenant) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT stateward_purge_tenant(%s, 10)", (tenant.id,))


def test_an_approved_deletion_removes_every_row_and_no_other(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("governance.people.services.tenants.PURGE_ROWS", 2)
    neighbour = new_tenant()
    theirs = Api(make_agent(neighbour, "builder"))
    owner = make_member(tenant, "owner")
    for _ in range(3):
        key = Api(make_agent(tenant, "builder")).key
    both = make_member(tenant, "viewer", person=make_member(neighbour, "viewer").person)
    close(tenant, owner)
    operator()("PUT", f"/tenants/{tenant.id}/closure/approval")
    with tenant_scope(tenant.id):
        Closure.objects.update(delete_after=now() - timedelta(seconds=1))

    assert tenant.slug in delete_due_tenants()

    assert not Tenant.objects.filter(id=tenant.id).exists()
    assert left_of(tenant) == {}
    assert not CredentialIndex.objects.filter(key_id=key.key_id).exists()
    assert not Person.objects.filter(id=owner.person_id).exists()
    assert Person.objects.filter(id=both.person_id).exists()
    assert theirs("GET", "/namespaces").status_code == 200
    assert audit_events(PLATFORM)[-1] == ("tenant.manage", "tenant.deleted", "allow")
    assert delete_due_tenants() == []


def left_of(tenant: Tenant) -> dict[str, int]:
    """Rows that still carry the tenant, in any table, as a superuser sees them."""
    with psycopg.connect(os.environ["STATEWARD_SUPERUSER_DATABASE_URL"]) as session:
        tables = session.execute(
            "SELECT table_name FROM information_schema.columns "
            "WHERE table_schema = 'public' AND column_name = 'tenant_id'"
        ).fetchall()
        counts = {}
        for (table,) in tables:
            row = session.execute(
                f"SELECT count(*) FROM {table} WHERE tenant_id = %s", (tenant.id,)
            ).fetchone()
            if row and row[0]:
                counts[table] = row[0]
    return counts


# Commands


def run(*words: str) -> str:
    out = StringIO()
    call_command(*words, stdout=out, stderr=StringIO())
    return out.getvalue().strip()


@override_settings(PUBLIC_URL="https://stateward.example")
def test_bootstrap_makes_a_tenant_and_a_link_until_an_owner_has_joined() -> None:
    slug, email = f"t-{uuid7()}", f"{uuid4()}@example.org"

    first = run("bootstrap", "--tenant", slug, "--email", email)
    second = run("bootstrap", "--tenant", slug, "--email", email)

    assert first.startswith("https://stateward.example/join/")
    assert first != second
    link = second.rsplit("/", 1)[1]
    body = {"link": link, "name": "Ada", "password": "a long enough passphrase"}
    path = "/api/v1/invitations/acceptance"
    answer = Client().post(path, body, content_type="application/json")
    assert answer.json()["roles"] == ["owner"]
    with pytest.raises(CommandError, match="has an owner already"):
        run("bootstrap", "--tenant", slug, "--email", email)
    with pytest.raises(CommandError, match="slug"):
        run("bootstrap", "--tenant", "No Slug", "--email", email)


def test_an_operator_is_made_and_unmade_by_command() -> None:
    person = make_person()

    run("operator", "--email", person.email)
    person.refresh_from_db()
    assert person.is_operator
    run("operator", "--email", person.email, "--remove")
    person.refresh_from_db()
    assert not person.is_operator
    with pytest.raises(CommandError):
        run("operator", "--email", "nobody@example.org")


def test_a_person_is_helped_and_disabled_by_command() -> None:
    person = make_person()

    link = run("person", "password-link", "--email", person.email)
    page = Client().get(link.removeprefix("http://testserver"), follow=True)
    assert "Set a new password" in page.content.decode()
    run("person", "disable", "--email", person.email)
    person.refresh_from_db()
    assert not person.is_active
    run("person", "enable", "--email", person.email)
    person.refresh_from_db()
    assert person.is_active
    with pytest.raises(CommandError):
        run("person", "enable", "--email", "nobody@example.org")


# Jobs


def test_the_jobs_of_people_are_on_the_timetable_and_run() -> None:
    slots = {slot.name for slot in TIMETABLE}

    assert {"delete_closed_tenants", "clear_sessions"} <= slots
    assert run_here("delete_closed_tenants", tenant_id=None).result == {"deleted": 0}


def test_ended_sessions_are_forgotten_and_living_ones_kept() -> None:
    member = make_member(new_tenant(), "viewer")
    old, new = Browser(member), Browser(member)
    ended = old.client.cookies["stateward_session"].value
    Session.objects.filter(session_key=ended).update(expire_date=now() - timedelta(days=1))

    assert run_here("clear_sessions", tenant_id=None).result["cleared"] >= 1

    assert not UserSession.objects.filter(session_key=ended).exists()
    assert new("GET", "/tenant").status_code == 200

"""Members and invitations: who may change whom, and how people come and go."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core import mail
from django.db import connection
from django.test import Client

from governance.people.acts import system_actor, system_call
from governance.people.exceptions import AlreadyMember, LastOwner
from governance.people.models import Invitation
from governance.people.services.invitations import invite
from governance.people.services.members import (
    add_member,
    change_roles,
    disable_person,
    enable_person,
)
from stateward.kernel.clock import now
from stateward.tenancy.models import Member, Person, Tenant
from stateward.tenancy.scope import tenant_scope
from tests.factories.api import Api, Browser, audit_events, new_tenant
from tests.factories.tenants import PASSWORD, epoch_of, make_agent, make_member, make_person

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def tenant() -> Tenant:
    return new_tenant()


@pytest.fixture
def owner(tenant: Tenant) -> Api:
    return Api(make_member(tenant, "owner"))


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_members_are_listed_and_seen(owner: Api, tenant: Tenant) -> None:
    member = make_member(tenant, "viewer", person=make_person(name="Vera"))

    listed = owner("GET", "/members").json()["items"]

    assert [one["id"] for one in listed] == [str(owner.holder.id), str(member.id)]
    assert owner("GET", f"/members/{member.id}").json()["name"] == "Vera"
    viewer = Api(member)
    assert viewer("GET", f"/members/{member.id}").status_code == 200
    assert viewer("GET", f"/members/{owner.holder.id}").status_code == 404
    assert viewer("GET", "/members").status_code == 403


def test_a_members_roles_are_changed(owner: Api, tenant: Tenant) -> None:
    member = make_member(tenant, "viewer")

    answer = owner("PATCH", f"/members/{member.id}", {"roles": ["editor", "auditor"]})

    assert answer.json()["roles"] == ["auditor", "editor"]
    assert audit_events(tenant.id)[-1] == ("member.manage", "member.roles_changed", "allow")


@pytest.mark.parametrize("body", [{"roles": []}, {"roles": ["god"]}, {}])
def test_roles_that_are_none_are_refused(body: object, owner: Api, tenant: Tenant) -> None:
    assert owner("PATCH", f"/members/{make_member(tenant).id}", body).status_code == 422


def test_nobody_changes_their_own_membership(tenant: Tenant) -> None:
    make_member(tenant, "owner")
    for role in ("owner", "admin"):
        me = Api(make_member(tenant, role))
        place = f"/members/{me.holder.id}"

        for method, path, body in (
            ("PATCH", place, {"roles": ["owner"]}),
            ("PUT", f"{place}/suspension", None),
            ("DELETE", place, None),
        ):
            answer = me(method, path, body)
            assert answer.status_code == 403, answer.content
    denied = [one for *_, one in audit_events(tenant.id) if one.startswith("deny")]
    assert len(denied) == 2  # one for each; what is repeated within the minute is counted


def test_nobody_grants_more_than_they_hold(tenant: Tenant) -> None:
    admin, viewer = Api(make_member(tenant, "admin")), make_member(tenant, "viewer")
    mail_to = {"email": f"{uuid4()}@example.org", "roles": ["owner"]}

    assert admin("PATCH", f"/members/{viewer.id}", {"roles": ["owner"]}).status_code == 403
    assert admin("POST", "/invitations", mail_to).status_code == 403
    assert admin("PATCH", f"/members/{viewer.id}", {"roles": ["admin"]}).status_code == 200


def test_an_admin_does_not_touch_an_owner(tenant: Tenant) -> None:
    admin, owner = Api(make_member(tenant, "admin")), make_member(tenant, "owner")
    make_member(tenant, "owner")
    place = f"/members/{owner.id}"

    assert code(admin("PATCH", place, {"roles": ["viewer"]})) == (403, "above_own_rights")
    assert code(admin("DELETE", place)) == (403, "above_own_rights")
    assert code(admin("PUT", f"{place}/suspension")) == (403, "above_own_rights")


def test_an_admin_issues_no_personal_token_for_another(tenant: Tenant) -> None:
    """There is no way at all: tokens of people are made by themselves."""
    admin, owner = Api(make_member(tenant, "admin")), make_member(tenant, "owner")

    assert admin("POST", f"/members/{owner.id}/credentials", {}).status_code == 404


def test_the_last_owner_stays(tenant: Tenant) -> None:
    first, second = Api(make_member(tenant, "owner")), Api(make_member(tenant, "owner"))

    assert first("DELETE", f"/members/{second.holder.id}").status_code == 204
    assert second("DELETE", f"/members/{first.holder.id}").status_code == 401
    other = make_member(tenant, "owner", is_active=False)
    helper = Api(make_member(tenant, "owner", person=make_person(is_active=False)))
    assert helper("DELETE", f"/members/{first.holder.id}").status_code == 403
    with tenant_scope(tenant.id):
        actor, call = system_actor(tenant, "test"), system_call()
        with pytest.raises(LastOwner):
            change_roles(actor=actor, call=call, member_id=first.holder.id, roles=["admin"])
        change_roles(actor=actor, call=call, member_id=other.id, roles=["admin"])


def test_two_owners_who_remove_each_other_do_not_both_succeed(tenant: Tenant) -> None:
    pair = [Api(make_member(tenant, "owner")) for _ in range(2)]
    answers: list[int] = []

    def remove(me: Api, other: Api) -> None:
        answers.append(me("DELETE", f"/members/{other.holder.id}").status_code)
        connection.close()

    threads = [threading.Thread(target=remove, args=(pair[i], pair[1 - i])) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answers) in ([204, 401], [204, 404], [204, 409])
    with tenant_scope(tenant.id):
        assert Member.objects.count() == 1


def test_a_suspended_member_is_out_until_resumed(owner: Api, tenant: Tenant) -> None:
    member = make_member(tenant, "viewer")
    key, browser = Api(member), Browser(member)
    assert browser("GET", "/tenant").status_code == 200

    owner("PUT", f"/members/{member.id}/suspension")

    assert key("GET", "/tenant").status_code == 403
    assert browser("GET", "/tenant").status_code == 401
    owner("DELETE", f"/members/{member.id}/suspension")
    assert key("GET", "/tenant").status_code == 200
    assert browser("GET", "/tenant").status_code == 401  # the session is gone for good


def test_a_removed_members_keys_and_sessions_are_worth_nothing(owner: Api, tenant: Tenant) -> None:
    member = make_member(tenant, "admin")
    key, browser = Api(member), Browser(member)
    agent = make_agent(tenant, owner=member)

    assert owner("DELETE", f"/members/{member.id}").status_code == 204

    assert key("GET", "/tenant").status_code == 401
    assert browser("GET", "/tenant").status_code == 401
    assert owner("GET", f"/agents/{agent.id}").json()["owner"] is None


def test_a_disabled_person_is_out_everywhere_and_each_epoch_rises(tenant: Tenant) -> None:
    second = new_tenant()
    person = make_person()
    keys = [Api(make_member(one, "viewer", person=person)) for one in (tenant, second)]
    before = [epoch_of(tenant), epoch_of(second)]

    disable_person(person)

    assert [key("GET", "/tenant").status_code for key in keys] == [403, 403]
    assert [epoch_of(tenant), epoch_of(second)] == [one + 1 for one in before]
    enable_person(person)
    assert keys[0]("GET", "/tenant").status_code == 200


def test_sensitive_acts_need_a_recent_sign_in(tenant: Tenant) -> None:
    member = make_member(tenant, "viewer")
    owner = make_member(tenant, "owner")
    body = {"roles": ["editor"]}

    stale, fresh = Browser(owner, recently=False), Browser(owner)

    refused = stale("PATCH", f"/members/{member.id}", body)
    assert code(refused) == (403, "reauthentication_required")
    answer = fresh("PATCH", f"/members/{member.id}", body)
    assert answer.status_code == 200, answer.content


# Invitations


def test_an_invitation_is_sent_opened_and_spent(owner: Api, tenant: Tenant) -> None:
    email = f"{uuid4()}@Example.org"
    answer = owner("POST", "/invitations", {"email": email, "roles": ["editor"]})
    assert answer.status_code == 201, answer.content
    link = answer.json()["link"].rsplit("/", 1)[1]
    assert mail.outbox[-1].to == [email.lower()]
    assert link in mail.outbox[-1].body
    body = {"link": link, "name": "Eve", "password": PASSWORD}

    joined = accept(body)

    assert joined.status_code == 201, joined.content
    assert (joined.json()["email"], joined.json()["roles"]) == (email.lower(), ["editor"])
    assert Client().login(email=email.lower(), password=PASSWORD)
    assert accept(body).status_code == 410
    assert [event for _, event, _ in audit_events(tenant.id)][-1] == "account.signed_in"


def accept(body: object) -> Any:
    return Client().post("/api/v1/invitations/acceptance", body, content_type="application/json")


def invitation_link(tenant: Tenant, email: str = "", roles: tuple[str, ...] = ("viewer",)) -> str:
    with tenant_scope(tenant.id):
        actor = system_actor(tenant, "test")
        email = email or f"{uuid4()}@example.org"
        return invite(actor=actor, call=system_call(), email=email, roles=roles).link.text


@pytest.mark.parametrize("password", ["short", "password1234", ""])
def test_a_weak_password_makes_no_account(password: str, tenant: Tenant) -> None:
    body = {"link": invitation_link(tenant), "password": password}

    answer = accept(body)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/password"


def test_links_that_are_wrong_old_withdrawn_or_replaced_say_the_same(
    owner: Api, tenant: Tenant
) -> None:
    email = f"{uuid4()}@example.org"
    replaced = invitation_link(tenant, email)
    withdrawn = invitation_link(tenant, email)
    listed = owner("GET", "/invitations").json()["items"]
    assert [one["email"] for one in listed] == [email]
    assert owner("DELETE", f"/invitations/{listed[0]['id']}").status_code == 204
    assert owner("DELETE", f"/invitations/{listed[0]['id']}").status_code == 404
    old = invitation_link(tenant)
    with tenant_scope(tenant.id):
        latest = Invitation.objects.order_by("-id").first()
        assert latest is not None
        latest.expires_at = now() - timedelta(seconds=1)
        latest.save()
    forged = old[:-2] + ("00" if old[-2:] != "00" else "11")

    answers = [accept({"link": link, "password": PASSWORD}) for link in
               (replaced, withdrawn, old, forged, "x", uuid4().hex * 4)]  # fmt: skip

    assert {answer.status_code for answer in answers} == {410}
    assert len({answer.json()["detail"] for answer in answers}) == 1


def test_someone_with_an_account_joins_signed_in_only(tenant: Tenant) -> None:
    person = make_person()
    link = invitation_link(tenant, person.email)

    refused = accept({"link": link, "password": "another long password"})
    other = Browser(make_member(new_tenant(), "viewer"))
    theirs = Browser(make_member(new_tenant(), "viewer", person=person))

    assert code(refused) == (409, "sign_in_first")
    assert code(other("POST", "/invitations/acceptance", {"link": link})) == (409, "sign_in_first")
    joined = theirs("POST", "/invitations/acceptance", {"link": link})
    assert joined.status_code == 201
    assert person.check_password(PASSWORD)


def test_a_member_is_not_invited_again(owner: Api, tenant: Tenant) -> None:
    person = make_member(tenant, "viewer").person

    answer = owner("POST", "/invitations", {"email": person.email, "roles": ["viewer"]})

    assert code(answer) == (409, "already_member")


def test_the_page_of_a_link_makes_an_account(tenant: Tenant) -> None:
    email = f"{uuid4()}@example.org"
    client = Client()

    opened = client.get(f"/join/{invitation_link(tenant, email)}")
    page = client.get("/join")

    assert (opened.status_code, opened["Location"]) == (302, "/join")
    assert email in page.content.decode()
    weak = client.post("/join", {"name": "Eve", "password": "short"})
    assert weak.status_code == 200
    assert "too short" in weak.content.decode()
    done = client.post("/join", {"name": "Eve", "password": PASSWORD})
    assert done.status_code == 302
    assert Person.objects.get(email=email).check_password(PASSWORD)
    assert client.get("/join").status_code == 410


def test_the_page_asks_those_with_an_account_to_sign_in(tenant: Tenant) -> None:
    person = make_person()
    link = invitation_link(tenant, person.email)
    client = Client()
    client.get(f"/join/{link}")

    assert "Sign in" in client.get("/join").content.decode()
    client.force_login(person)
    client.get(f"/join/{link}")
    done = client.post("/join")

    assert (done.status_code, done["Location"]) == (302, "/")
    with tenant_scope(tenant.id):
        assert Member.objects.filter(person=person).exists()


def test_a_person_is_added_once_and_by_those_who_may(tenant: Tenant) -> None:
    person, call = make_person(), system_call()
    with tenant_scope(tenant.id):
        member = add_member(
            actor=system_actor(tenant, "t"), call=call, person=person, roles=["viewer"]
        )
        with pytest.raises(AlreadyMember):
            add_member(actor=system_actor(tenant, "t"), call=call, person=person, roles=["viewer"])

    assert member.roles == ["viewer"]
    assert audit_events(tenant.id)[-1] == ("member.manage", "member.added", "allow")

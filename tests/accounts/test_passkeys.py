"""Passkeys and recovery codes: signing in without, and after losing, the usual."""

from __future__ import annotations

import pytest
from allauth.account.utils import user_pk_to_url_str
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from stateward.tenancy.models import Member
from tests.factories.api import audit_events, new_tenant
from tests.factories.passkey import Passkey
from tests.factories.tenants import PASSWORD, make_member

pytestmark = pytest.mark.usefixtures("database")

HOST = "localhost"  # beside https the only place where browsers offer passkeys
STATE = "mfa.webauthn.state"


@pytest.fixture(autouse=True)
def fresh_limits(database: None) -> None:
    cache.clear()


@pytest.fixture
def member() -> Member:
    return make_member(new_tenant(), "admin")


def browser() -> Client:
    return Client(SERVER_NAME=HOST)


def sign_in(client: Client, member: Member) -> None:
    form = {"login": member.person.email, "password": PASSWORD}
    client.post("/account/login/", form)
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})


def who(client: Client) -> int:
    return client.get("/api/v1/tenant").status_code


def add_passkey(client: Client, member: Member) -> Passkey:
    passkey = Passkey(HOST)
    client.get(reverse("mfa_add_webauthn"))
    challenge = client.session[STATE]["challenge"]
    credential = passkey.register(challenge, user_pk_to_url_str(member.person).encode())
    form = {"name": "key", "credential": credential, "passwordless": "on"}
    answer = client.post(reverse("mfa_add_webauthn"), form)
    assert answer.status_code == 302, answer.content
    return passkey


def enter(client: Client, passkey: Passkey, *, origin: str = "") -> None:
    client.get(reverse("mfa_login_webauthn"), headers={"X-Requested-With": "XMLHttpRequest"})
    challenge = client.session[STATE]["challenge"]
    credential = passkey.sign(challenge, origin=origin)
    client.post(reverse("mfa_login_webauthn"), {"credential": credential})


def test_a_passkey_is_added_and_signs_in_alone(member: Member) -> None:
    first, second = browser(), browser()
    sign_in(first, member)
    passkey = add_passkey(first, member)

    enter(second, passkey)

    assert who(second) == 200
    events = [event for _, event, _ in audit_events(member.tenant_id)]
    assert "account.factor_added" in events
    assert events[-1] == "account.signed_in"


def test_a_passkey_used_on_another_site_is_worth_nothing(member: Member) -> None:
    first, second = browser(), browser()
    sign_in(first, member)
    passkey = add_passkey(first, member)

    enter(second, passkey, origin="https://evil.example")

    assert who(second) == 401


def test_a_passkey_that_was_removed_is_worth_nothing(member: Member) -> None:
    first, second = browser(), browser()
    sign_in(first, member)
    passkey = add_passkey(first, member)
    row = Authenticator.objects.get(user=member.person, type="webauthn")

    first.post(reverse("mfa_remove_webauthn", args=[row.pk]))
    enter(second, passkey)

    assert who(second) == 401


def test_a_password_does_not_go_around_a_passkey(member: Member) -> None:
    first, second = browser(), browser()
    sign_in(first, member)
    add_passkey(first, member)

    form = {"login": member.person.email, "password": PASSWORD}
    answer = second.post("/account/login/", form)

    assert answer["Location"] == reverse("mfa_authenticate")
    assert who(second) == 401


def test_a_recovery_code_opens_once_and_is_not_in_the_database(member: Member) -> None:
    totp.TOTP.activate(member.person, totp.generate_totp_secret())
    codes = RecoveryCodes.activate(member.person)
    code = codes.get_unused_codes()[0]
    stored = Authenticator.objects.get(user=member.person, type="recovery_codes").data
    assert code not in str(stored)
    assert str(stored["seed"]).startswith("v1:")

    answers = []
    for _ in range(2):
        client = browser()
        form = {"login": member.person.email, "password": PASSWORD}
        client.post("/account/login/", form)
        client.post(reverse("mfa_authenticate"), {"code": code})
        answers.append(who(client))

    assert answers == [200, 401]

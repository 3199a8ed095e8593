"""How people sign in, and what ends a session."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from django.contrib.auth import hashers
from django.contrib.sessions.models import Session
from django.core import mail
from django.core.cache import cache
from django.db import connection
from django.http import HttpRequest
from django.test import Client, override_settings
from django.urls import reverse

from stateward.tenancy.models import PLATFORM, Member, Tenant
from stateward.web.sessions import has_second_factor
from tests.factories.api import audit_events, new_tenant
from tests.factories.tenants import PASSWORD, make_member

pytestmark = pytest.mark.usefixtures("database")

LOGIN = "/account/login/"


@pytest.fixture(autouse=True)
def fresh_limits(database: None) -> None:
    """Attempts of one test do not count in the next: they all come from one address."""
    cache.clear()


@pytest.fixture
def tenant() -> Tenant:
    return new_tenant()


@pytest.fixture
def member(tenant: Tenant) -> Member:
    return make_member(tenant, "admin")


def sign_in(client: Client, email: str, password: str = PASSWORD, **more: Any) -> Any:
    return client.post(LOGIN, {"login": email, "password": password}, **more)


def cookie(client: Client) -> str:
    return str(client.cookies["stateward_session"].value)


def who(client: Client) -> int:
    return int(client.get("/api/v1/tenant").status_code)


def test_signing_in_lets_in_and_is_recorded(member: Member, tenant: Tenant) -> None:
    client = Client()

    answer = sign_in(client, member.person.email)

    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert who(client) == 200
    assert audit_events(tenant.id)[-1][1] == "account.signed_in"
    client.post("/account/logout/")
    assert who(client) == 401
    assert audit_events(tenant.id)[-1][1] == "account.signed_out"


def test_the_session_id_is_new_after_signing_in(member: Member) -> None:
    client = Client()
    client.get(LOGIN)
    session = client.session
    session["planted"] = True
    session.save()
    client.cookies["stateward_session"] = before = session.session_key

    sign_in(client, member.person.email)

    assert cookie(client) != before
    old = Client()
    old.cookies["stateward_session"] = before
    assert who(old) == 401


def test_cookies_are_guarded(member: Member) -> None:
    client = Client()
    sign_in(client, member.person.email)

    guarded = client.cookies["stateward_session"]

    assert guarded["httponly"]
    assert guarded["samesite"] == "Lax"


def test_an_old_cookie_is_worth_nothing_after_signing_out(member: Member) -> None:
    client, thief = Client(), Client()
    sign_in(client, member.person.email)
    thief.cookies["stateward_session"] = cookie(client)
    assert who(thief) == 200

    client.post("/account/logout/")

    assert who(thief) == 401


def test_a_change_of_password_ends_all_other_sessions(member: Member) -> None:
    here, there = Client(), Client()
    for client in (here, there):
        sign_in(client, member.person.email)
    new = "an entirely other passphrase"

    answer = here.post(
        "/account/password/change/",
        {"oldpassword": PASSWORD, "password1": new, "password2": new},
    )

    assert answer.status_code == 302, answer.content
    assert who(here) == 200
    assert who(there) == 401
    assert not Session.objects.filter(session_key=cookie(there)).exists()


def test_a_password_is_reset_by_mail_and_every_session_ends(member: Member) -> None:
    there, here = Client(), Client()
    sign_in(there, member.person.email)
    with override_settings(PUBLIC_URL="https://stateward.example"):
        here.post(
            "/account/password/reset/", {"email": member.person.email}, HTTP_HOST="evil.example"
        )
    letter = mail.outbox[-1].body
    assert "evil.example" not in letter
    link = re.search(r"https://stateward\.example(/account/password/reset/key/\S+)", letter)
    assert link is not None, letter
    page = here.get(link[1], follow=True)
    new = "an entirely other passphrase"

    here.post(page.redirect_chain[-1][0], {"password1": new, "password2": new})

    assert who(there) == 401
    assert sign_in(here, member.person.email, new).status_code == 302
    assert here.get(link[1], follow=True).status_code == 200


def test_sign_up_is_closed() -> None:
    email = f"{uuid4()}@example.org"
    form = {"email": email, "password1": PASSWORD, "password2": PASSWORD}

    answer = Client().post("/account/signup/", form)

    assert "invitation" in answer.content.decode()
    assert not sign_in(Client(), email).has_header("Location")


# Enumeration


def test_nothing_tells_whether_an_account_exists(member: Member) -> None:
    known, unknown = member.person.email, f"p-{uuid4()}@example.org"

    for path, form in (
        (LOGIN, lambda email: {"login": email, "password": "not the password"}),
        ("/account/password/reset/", lambda email: {"email": email}),
    ):
        pages = []
        for email in (known, unknown):
            answer = Client().post(path, form(email))
            page = answer.content.decode().replace(email, "")
            page = re.sub(r'(nonce|value)="[^"]*"', "", page)
            pages.append((answer.status_code, answer.get("Location"), page))
        assert pages[0] == pages[1]


def test_a_failed_sign_in_does_the_same_work_for_known_and_unknown(
    member: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    hasher = type(hashers.get_hasher())
    encode = hasher.encode
    done: list[str] = []

    def hashing(self: Any, *given: Any) -> str:
        done.append("hash")
        return str(encode(self, *given))

    def asking(execute: Any, sql: str, *rest: Any) -> Any:
        done.append("statement")
        return execute(sql, *rest)

    def work(email: str) -> list[str]:
        done.clear()
        with connection.execute_wrapper(asking):
            sign_in(Client(), email, "not the password")
        return sorted(done)

    monkeypatch.setattr(hasher, "encode", hashing)
    monkeypatch.setattr("stateward.tenancy.cache.CULL_ONE_IN", 10**9)
    sign_in(Client(), member.person.email, "not the password")

    assert work(member.person.email) == work(f"p-{uuid4()}@example.org")


def test_a_reset_writes_to_known_and_unknown_alike(member: Member) -> None:
    for email, word in ((member.person.email, "Open this link"), ("n@example.org", "no account")):
        Client().post("/account/password/reset/", {"email": email})

        assert mail.outbox[-1].to == [email]
        assert word in mail.outbox[-1].body


def test_failures_are_recorded_in_the_platforms_tree_and_limited(member: Member) -> None:
    before = len(audit_events(PLATFORM))

    answers = [sign_in(Client(), member.person.email, "wrong") for _ in range(7)]

    assert "Too many failed" in answers[-1].content.decode()
    assert sign_in(Client(), member.person.email).status_code == 200  # not let in now either
    failed = audit_events(PLATFORM)[before:]
    assert failed[0] == ("account.sign_in_failed", "account.sign_in_failed", "deny")


# Second factors


@pytest.fixture
def secured(member: Member) -> tuple[Member, str]:
    secret = totp.generate_totp_secret()
    totp.TOTP.activate(member.person, secret)
    return member, secret


def code(secret: str) -> str:
    return str(
        totp.format_hotp_value(
            totp.hotp_value(secret, next(iter(totp.yield_hotp_counters_from_time())))
        )
    )


def test_the_factors_secret_is_not_in_the_database(secured: tuple[Member, str]) -> None:
    member, secret = secured

    stored = Authenticator.objects.get(user=member.person).data["secret"]

    assert secret not in stored
    assert Authenticator.objects.get(user=member.person).wrap().validate_code(code(secret))


def test_half_a_sign_in_opens_nothing(secured: tuple[Member, str]) -> None:
    member, _ = secured
    client = Client()

    answer = sign_in(client, member.person.email)

    assert answer["Location"] == reverse("mfa_authenticate")
    assert who(client) == 401
    for name in ("mfa_index", "mfa_activate_totp", "mfa_deactivate_totp", "mfa_list_webauthn",
                 "mfa_generate_recovery_codes", "mfa_view_recovery_codes",
                 "account_change_password", "usersessions_list"):  # fmt: skip
        page = client.get(reverse(name))
        assert page.status_code == 302, name
        assert LOGIN in page["Location"], name
    assert client.get("/").status_code == 302


def test_the_second_factor_completes_the_sign_in_and_shows_in_the_actor(
    secured: tuple[Member, str],
) -> None:
    member, secret = secured
    client = Client()
    sign_in(client, member.person.email)

    wrong = client.post(reverse("mfa_authenticate"), {"code": "000000"})
    right = client.post(reverse("mfa_authenticate"), {"code": code(secret)})

    assert wrong.status_code == 200
    assert right.status_code == 302
    assert who(client) == 200
    request = HttpRequest()
    request.session = client.session
    assert has_second_factor(request)


def test_a_new_factor_ends_the_other_sessions_and_gives_recovery_codes(member: Member) -> None:
    here, there = Client(), Client()
    for client in (here, there):
        sign_in(client, member.person.email)
    here.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    assert here.get(reverse("mfa_activate_totp")).status_code == 200
    secret = here.session["mfa.totp.secret"]

    answer = here.post(reverse("mfa_activate_totp"), {"code": code(secret)})

    assert answer.status_code == 302, answer.content
    assert who(here) == 200
    assert who(there) == 401
    kinds = set(Authenticator.objects.filter(user=member.person).values_list("type", flat=True))
    assert kinds == {"totp", "recovery_codes"}


def test_factors_are_managed_only_by_who_confirms_it_is_them(member: Member) -> None:
    client = Client()
    sign_in(client, member.person.email)

    for name in ("mfa_activate_totp", "mfa_generate_recovery_codes", "mfa_add_webauthn"):
        answer = client.get(reverse(name))
        assert answer.status_code == 302
        assert "reauthenticate" in answer["Location"], name


def test_a_person_sees_and_ends_their_other_sessions(member: Member) -> None:
    here, there = Client(), Client(HTTP_USER_AGENT="The other browser")
    for client in (here, there):
        sign_in(client, member.person.email)

    page = here.get(reverse("usersessions_list")).content.decode()
    here.post(reverse("usersessions_list"))

    assert "The other browser" in page
    assert who(here) == 200
    assert who(there) == 401


# Redirects


@pytest.mark.parametrize(
    "target",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)",
     "http://testserver/elsewhere", "https:evil.example", "\x01//evil.example"],
)  # fmt: skip
def test_next_leads_nowhere_else(target: str, member: Member) -> None:
    answer = Client().post(
        LOGIN, {"login": member.person.email, "password": PASSWORD, "next": target}
    )

    assert answer["Location"] == "/"


def test_next_leads_to_a_page_of_ours(member: Member) -> None:
    form = {"login": member.person.email, "password": PASSWORD, "next": "/join"}

    assert Client().post(LOGIN, form)["Location"] == "/join"


@pytest.mark.parametrize("path", [LOGIN, "/account/password/reset/", "/account/logout/", "/join"])
def test_every_form_wants_its_token(path: str) -> None:
    client = Client(enforce_csrf_checks=True)

    for origin in ({}, {"Origin": "null"}, {"Origin": "https://evil.example"}):
        answer = client.post(path, {"login": "x", "password": "x"}, headers=origin)
        assert answer.status_code == 403

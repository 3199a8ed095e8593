"""What the browser is told, on every page and answer."""

from __future__ import annotations

import re

import pytest
from django.test import Client, override_settings

from stateward.tenancy.tokens import new_token
from tests.factories.api import new_tenant
from tests.factories.tenants import make_member

pytestmark = pytest.mark.usefixtures("database")

PAGES = ["/account/login/", "/account/password/reset/", "/join", "/no/such/page", "/api/v1/tenant"]


@pytest.mark.parametrize("path", PAGES)
def test_every_answer_forbids_frames_sniffing_and_keeping(path: str) -> None:
    answer = Client().get(path)

    assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.parametrize("path", PAGES)
def test_no_script_or_style_runs_that_is_not_ours(path: str) -> None:
    policy = Client().get(path)["Content-Security-Policy"]

    assert "unsafe" not in policy
    assert "*" not in policy
    assert "default-src 'none'" in policy


def test_the_nonce_is_the_pages_and_new_each_time() -> None:
    nonces = set()
    for _ in range(3):
        answer = Client().get("/account/login/")
        found = re.search(r"'nonce-([^']+)'", answer["Content-Security-Policy"])
        assert found is not None
        assert f'nonce="{found[1]}"' in answer.content.decode()
        nonces.add(found[1])

    assert len(nonces) == 3


def test_a_private_page_is_not_kept_by_any_cache() -> None:
    client = Client()
    client.force_login(make_member(new_tenant(), "owner").person)

    assert "no-store" in client.get("/", follow=True)["Cache-Control"]


@override_settings(ALLOWED_HOSTS=["stateward.example"])
def test_another_host_is_refused() -> None:
    assert Client().get("/account/login/", HTTP_HOST="evil.example").status_code == 400
    assert Client().get("/account/login/", HTTP_HOST="stateward.example").status_code == 200


@pytest.mark.parametrize("path", ["/account/login/", "/api/v1/agents", "/", "/static/x.css"])
def test_a_key_in_any_url_is_refused(path: str) -> None:
    token = new_token().text

    answer = Client().get(f"{path}?token={token}")

    assert answer.status_code == 400
    assert answer.json()["code"] == "credential_in_url"
    assert token not in answer.content.decode()


def test_a_line_break_in_a_parameter_makes_no_header() -> None:
    answer = Client().get("/account/login/?next=/%0d%0aX-Evil:%201")

    assert not answer.has_header("X-Evil")


@override_settings(SECURE_HSTS_SECONDS=31_536_000, SECURE_SSL_REDIRECT=True)
def test_production_speaks_tls_only() -> None:
    assert Client().get("/account/login/").status_code == 301
    secure = Client().get("/account/login/", secure=True)
    assert "max-age=31536000" in secure["Strict-Transport-Security"]

"""What must not leave is masked: by class, by the name of its member, and by its look."""

from __future__ import annotations

import json
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.assist.redaction import MOST_PARTS, MOST_TEXT, Masked

SECRETS = {
    "a key of OpenAI": "sk-proj-abcdefghijklmnop1234567890",
    "a key of ours": "sw_Example0Example1Example2Example3Exam",
    "a key of AWS": "AKIAIOSFODNN7EXAMPLE",
    "a key of GitHub": "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
    "a token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N",
    "a private key": "-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc\n-----END RSA PRIVATE KEY-----",
    "half a private key": "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg",
    "an address with a password": "postgresql://app:hunter2@db.internal/x",
    "a header": "Authorization: Bearer abcdef123456",
    "a password in a sentence": "the password is hunter2",
    "an e-mail address": "ada.lovelace+x@example.co.uk",
    "a telephone number": "+49 (30) 1234-5678",
    "a bank account": "DE89 3704 0044 0532 0130 00",
    "a card": "4111 1111 1111 1111",
    "a social security number": "078-05-1120",
    "a network address": "203.0.113.77",
    "a hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
}
PLAIN = {
    "words": "The guest asked for a window seat in row 12.",
    "a time": "2026-11-21T12:04:00.000000Z",
    "a day": "2026-11-21",
    "an id": "01a1fe10-7ccd-752a-8d1f-791572d5dd52",
    "a price": "1,234.56 EUR",
    "a namespace": "airline.refunds.europe",
    "a long name": "the-quick-brown-fox-jumps-over-the-lazy-dog",
    "a version": "v1.2.3",
    "a flight": "LH 4711 to FRA",
}


@pytest.mark.parametrize("what", [*SECRETS])
@pytest.mark.parametrize("around", ["{}", "Before. {} after", "({})"], ids=["bare", "said", "()"])
def test_what_looks_like_a_secret_is_masked(what: str, around: str) -> None:
    secret = SECRETS[what]
    masked = Masked()

    shown = masked.text(around.format(secret))

    assert secret not in shown
    assert "hunter2" not in shown
    assert "[masked: " in shown
    assert sum(masked.counts.values()) >= 1


@pytest.mark.parametrize("what", [*PLAIN])
def test_what_does_not_is_left(what: str) -> None:
    masked = Masked()

    assert masked.text(PLAIN[what]) == PLAIN[what]
    assert not masked.counts


@pytest.mark.parametrize(
    "name",
    ["password", "db_password", "api_key", "apiKey", "API-KEY", "client_secret", "access_token",
     "authorization", "pin", "cookie", "connection_string"],
)  # fmt: skip
@pytest.mark.parametrize(
    "value", ["x", 4711, ["a"], {"b": 1}], ids=["text", "number", "list", "object"]
)
def test_whatever_a_member_of_a_secrets_name_holds_is_masked(name: str, value: Any) -> None:
    assert Masked().value({name: value}, "public") == {name: "[masked: secret]"}


@pytest.mark.parametrize(
    "name", ["email", "first_name", "lastName", "phone", "date_of_birth", "iban", "home_address"]
)
def test_a_person_is_masked_by_the_member_too(name: str) -> None:
    shown = Masked().value({name: "Zebedee"}, "internal")

    assert shown == {name: "[masked: personal detail]"}


def test_names_of_members_are_masked_as_texts_are() -> None:
    shown = Masked().value({"ada@example.com": {"seat": 1}}, "internal")

    assert shown == {"[masked: e-mail address]": {"seat": 1}}


def test_a_number_that_is_a_card_is_masked() -> None:
    shown = Masked().value({"a": 4111111111111111, "b": 1_000_000, "c": 3.14, "d": True}, "public")

    assert shown == {"a": "[masked: number]", "b": 1_000_000, "c": 3.14, "d": True}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(string.ascii_lowercase, max_size=6), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(JSON)
def test_nothing_of_a_restricted_value_is_left(value: Any) -> None:
    assert Masked().value(value, "restricted") == "[masked: restricted value]"


def texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for each in inner for text in texts(each)]


@given(JSON)
def test_no_text_of_a_confidential_value_is_left(value: Any) -> None:
    assert all(
        text.startswith("[masked: ") for text in texts(Masked().value(value, "confidential"))
    )


@given(
    st.text(string.ascii_letters + string.digits, min_size=40, max_size=60), st.text(max_size=40)
)
def test_a_random_key_is_found_wherever_it_stands(key: str, around: str) -> None:
    if len(set(key)) < 20 or key.isalpha():
        return
    shown = Masked().text(f"{around} {key} {around}")

    assert key not in shown


@given(JSON)
def test_the_shape_stays(value: Any) -> None:
    def shape(one: Any) -> Any:
        if isinstance(one, dict):
            return len(one)
        return [shape(each) for each in one] if isinstance(one, list) else None

    shown = Masked().value(value, "internal")

    if isinstance(value, list):
        assert len(shown) == len(value)
    json.dumps(shown)


@pytest.mark.parametrize("filler", ["a", "a@", "1 ", "4", "eyJ", "://", "-----BEGIN "])
def test_a_long_text_is_cut_and_keeps_nobody_busy(filler: str) -> None:
    shown = Masked().text(filler * (1_000_000 // len(filler)))

    assert len(shown) < MOST_TEXT + 200


def test_a_secret_that_the_cut_divides_stays_hidden() -> None:
    for start in range(MOST_TEXT - 60, MOST_TEXT + 5, 3):
        shown = Masked().text(
            "word " * (start // 5) + "hunter-secret-key: " + SECRETS["a hash"] + " end" * 900
        )

        assert SECRETS["a hash"][:20] not in shown


def test_a_huge_value_is_left_out_beyond_a_number_of_parts() -> None:
    shown = Masked().value(list(range(MOST_PARTS * 3)), "public")

    assert shown[-1] == "[left out]"
    deep: Any = 1
    for _ in range(100):
        deep = [deep]
    assert "[left out]" in json.dumps(Masked().value(deep, "public"))

"""What is found in a value, where, and what is not; and that looking is bounded."""

from __future__ import annotations

import json
from datetime import date
from re import _parser  # type: ignore[attr-defined]  # the only reader of a pattern's parts
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stateward.state.detectors import looking, texts
from stateward.state.detectors.kinds import KINDS, MASK, NAMES, kinds_of
from stateward.state.detectors.looking import find_in
from stateward.state.detectors.masking import holds_mask, mask
from stateward.state.detectors.names import word_of
from stateward.state.detectors.numbers import as_date, is_birth_date, is_card, is_phone, network_of

TODAY = date(2026, 11, 21)
EVERY = frozenset(NAMES)


def kinds(value: Any) -> set[str]:
    return {one.kind for one in find_in(value, today=TODAY).findings}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("write to mia.li+x@mail.example.org now", "email"),
        ("call +44 20 7946 0958", "phone"),
        ("call (415) 555-2671", "phone"),
        ("5555-5555-5555-4444", "card"),
        ("GB82 WEST 1234 5698 7654 32", "iban"),
        ("536-90-4399", "national_id"),
        ("111.444.777-35", "national_id"),
        ("RCCMNL83S18D969H", "national_id"),
        ("from 203.0.113.9 again", "ip_address"),
        ("at 2001:db8::8a2e:370:7334", "ip_address"),
        ("12 Harbour View Road", "address"),
        ("Passenger: Omar Lind", "person_name"),
        ("**Passengers:**\n - Omar Lind", "person_name"),
        ("Date of birth: 1990-04-05", "birth_date"),
        ("born on April 12, 2001", "birth_date"),
        ("Visa card ending in 9725", "payment_id"),
        ("gift_card_8190333", "payment_id"),
        ("AKIAIOSFODNN7EXAMPLE", "api_key"),
        ("sk-proj-abcdefghijklmnop1234", "api_key"),
        ("password: hunter22", "secret"),
        ("https://app:hunter22@db.example.org", "secret"),
        ("Authorization: Bearer abcdefghijklmnop", "secret"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "token"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY-----", "private_key"),
    ],
)
def test_a_text_that_looks_like_it_is_found(text: str, kind: str) -> None:
    assert kind in kinds({"text": text})
    assert kind in kinds({"text": json.dumps({"held": text})})


@pytest.mark.parametrize(
    "value",
    [
        {"flight_number": "HAT069", "date": "2024-05-20", "price": 121},
        {"card": "4111111111111112"},
        {"text": "version 1.2.3.4.5 of 127.0.0.1"},
        {"text": "DE89 3704 0044 0532 0130 01"},
        {"id": "01890f3e-7b1c-7cc2-b3d1-0a1b2c3d4e5f"},
        {"commit": "9fceb02d0ae598e95dc970b74767f19372d61af8"},
        {"password": None, "token": "", "secret": "<set me>", "api_key": "${KEY}"},
        {"max_tokens": 4096, "token_count": 12},
        {"dob": "2090-01-01"},
        {"born": "in Lisbon"},
        {"name": "airline.bookings"},
        {"city": "Denver"},
        {"text": "000-00-0000"},
        {"order": 4111111111111112},
    ],
)
def test_what_only_looks_a_little_like_it_is_not_found(value: Any) -> None:
    assert kinds(value) == set()


def test_members_say_what_they_are_and_by_what_is_beside_them() -> None:
    assert kinds({"name": "Mia Li", "email": "x"}) == {"person_name"}
    assert kinds({"passenger": {"name": "Mia Li"}}) == {"person_name"}
    assert kinds({"name": "Mia Li"}) == set()
    assert kinds({"address": {"street": "Quay", "city": "Bergen"}}) == {"address"}
    assert kinds({"dateOfBirth": "5 May 1990"}) == {"birth_date"}
    assert kinds({"clientSecret": "abcd1234"}) == {"secret"}
    assert kinds({"credit_card_4421486": {"brand": "visa"}}) == {"payment_id"}
    assert word_of("dateOfBirth") == "date_of_birth"


def test_a_finding_names_the_place_and_never_the_value() -> None:
    held = json.dumps({"name": {"first_name": "Mia"}})
    found = find_in({"a/b": [{"email": "mia@example.org"}], "content": held}, today=TODAY)

    assert {(one.pointer, one.within) for one in found.findings} == {
        ("/a~1b/0/email", ""),
        ("/content", "/name/first_name"),
    }
    assert all("ia" not in one.reason.replace("plausible", "") for one in found.findings)
    assert find_in({}, key="mia@example.org").findings[0].is_name


def test_what_is_too_large_is_said_not_to_have_been_looked_through(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    deep: Any = "x"
    for _ in range(looking.MOST_DEPTH + 5):
        deep = [deep]
    assert not find_in(deep).is_complete
    assert not find_in(["x"] * (looking.MOST_PARTS + 1)).is_complete
    monkeypatch.setattr(looking, "MOST_CHARACTERS", 1000)
    assert not find_in("y" * 5000).is_complete or looking.Budget().characters != 1000


def test_a_text_longer_than_a_piece_is_seen_across_the_seam() -> None:
    for place in (looking.PIECE - 8, 3 * looking.PIECE, 100):
        text = "x " * (place // 2) + "mia@example.org" + " y" * 9000
        (one,) = find_in(text).findings
        assert text[one.start : one.end] == "mia@example.org"


def repeats(parsed: Any, most: int = 1) -> list[int]:
    """How often each innermost part of a pattern can be repeated, nested repeats multiplied."""
    found = []
    for name, part in parsed:
        word = str(name)
        if word in {"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"}:
            found += [most * int(part[1]), *repeats(part[2], most * int(part[1]))]
        elif word == "SUBPATTERN":
            found += repeats(part[3], most)
        elif word == "BRANCH":
            for branch in part[1]:
                found += repeats(branch, most)
        elif word in {"ASSERT", "ASSERT_NOT"}:
            found += repeats(part[1], most)
    return found


@pytest.mark.parametrize("look", texts.LOOKS, ids=lambda look: look.reason)
def test_no_pattern_repeats_without_a_bound(look: texts.Look) -> None:
    assert max(repeats(_parser.parse(look.pattern.pattern)), default=0) <= 10_000


@pytest.mark.parametrize(
    "text", ["a@" * 4000, "1-" * 8000, "1." * 8000, "A " * 8000, "eyJ" + "a" * 15000, ":" * 16000]
)
def test_looking_ends_whatever_the_text(text: str) -> None:
    assert find_in({"x": text}).is_complete


def test_numbers_prove_themselves() -> None:
    assert is_card("4111111111111111")
    assert not is_card("0000000000000000")
    assert is_phone("0151 23456789", "DE")
    assert not is_phone("12", "DE")
    assert as_date("5th May 1990") == date(1990, 5, 5)
    assert as_date("13/12/1990") == as_date("1990-12-13") == date(1990, 12, 13)
    assert as_date("1990-13-45") is None
    assert is_birth_date("1990-05-05", TODAY)
    assert not is_birth_date("1901-05-05", TODAY)
    assert (network_of("8.8.8.8"), network_of("10.0.0.1"), network_of("::1")) == (
        "public", "private", None,
    )  # fmt: skip


def test_groups_stand_for_their_kinds() -> None:
    assert kinds_of(frozenset({"secret"})) == {"secret", "api_key", "private_key", "token"}
    assert kinds_of(frozenset({"personal", "card"})) >= {"email", "card"}
    assert kinds_of(frozenset({"other"})) == frozenset()
    assert {kind.asks_for for kind in KINDS.values()} == {"confidential", "restricted"}


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=30), st.emails()),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["email", "dob", "name", "password", "a/b", "~", "mia@example.org"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON)
@settings(max_examples=200, deadline=None)
def test_a_masked_value_keeps_its_shape_and_nothing_more_is_found(value: Any) -> None:
    shown = mask(value, EVERY)

    assert {one.kind for one in find_in(shown.value).findings if one.score >= 0.5} == set()
    assert (holds_mask(shown.value) is not None) == bool(shown.places) or MASK in str(value)
    assert mask(shown.value, EVERY).value == shown.value
    if not shown.places:
        assert shown.value is value
    if isinstance(value, dict) and isinstance(shown.value, dict):
        assert len(value) == len(shown.value)


def test_masks_stand_where_something_was_found() -> None:
    held = json.dumps({"dob": "1990-04-05", "n": 1})
    value = {
        "text": "mia@example.org or lia@example.org", "held": held,
        "cards": {"credit_card_4421486": 1, "credit_card_4421487": 2}, "ssn": 536904399, "n": 7,
    }  # fmt: skip

    shown = mask(value, EVERY).value

    assert shown["text"] == "‹masked: email› or ‹masked: email›"
    assert json.loads(shown["held"]) == {"dob": "‹masked: birth_date›", "n": 1}
    assert shown["cards"] == {"‹masked: payment_id›": 1, "‹masked: payment_id› 2": 2}
    assert (shown["ssn"], shown["n"]) == ("‹masked: national_id›", 7)
    assert mask(value, frozenset({"token"})).value is value


def test_what_cannot_be_looked_through_is_masked_whole() -> None:
    shown = mask(["x"] * (looking.MOST_PARTS + 1), EVERY)

    assert (shown.value, shown.places) == ("‹masked: too large to look through›", ("",))


def test_a_mask_is_recognised_wherever_it_stands() -> None:
    assert holds_mask({"a": [{"b": "see ‹masked: email›"}]}) == "/a/0/b"
    assert holds_mask({"‹masked: x›": 1}) == "/‹masked: x›"
    assert holds_mask({"a": [1, None, "masked"]}) is None

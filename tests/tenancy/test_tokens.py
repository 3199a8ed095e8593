"""Credentials: their spelling, and how they are kept out of logs."""

from hypothesis import given, settings
from hypothesis import strategies as st

from stateward.tenancy.tokens import Token, contains_token, new_token, parse_token, scrub


def test_a_new_token_reads_back() -> None:
    token = new_token()

    assert token.text.startswith(f"sw_{token.key_id}_")
    assert parse_token(token.text) == token


@settings(deadline=None)
@given(st.data())
def test_a_changed_letter_is_found_offline(data: st.DataObject) -> None:
    text = Token("Ab3" * 4, "x1" * 21 + "z").text
    position = data.draw(st.integers(0, len(text) - 1))
    letter = data.draw(st.sampled_from("0aZ_").filter(lambda one: one != text[position]))

    assert parse_token(text[:position] + letter + text[position + 1 :]) is None


@settings(deadline=None)
@given(st.text(max_size=90))
def test_other_text_is_no_token(text: str) -> None:
    assert parse_token(text) is None


def test_tokens_are_found_and_scrubbed_wherever_they_stand() -> None:
    token = new_token()
    url = f"/api/v1/agents?api_key={token.text[:-3]}&limit=2"

    assert contains_token(url)
    assert token.secret[:10] not in scrub(url)
    assert scrub("/api/v1/agents?sw_=1") == "/api/v1/agents?sw_=1"

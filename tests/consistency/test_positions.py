"""Consistency tokens as text: what is given out comes back, and nothing else is taken."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stateward.gate.sequence.positions import (
    LARGEST,
    MOST_TOKENS,
    Position,
    parse_position,
    parse_positions,
    reached,
)

positions = st.builds(
    Position,
    st.sampled_from(["w", "r"]),
    st.integers(1, 2**32 - 1).map("{:X}".format),
    st.integers(3, LARGEST),
)


@given(positions)
def test_a_token_comes_back_as_what_it_was(position: Position) -> None:
    assert parse_position(str(position)) == position
    assert re.fullmatch("[A-Za-z0-9_-]+", str(position))


@given(st.lists(positions, min_size=1, max_size=20))
def test_tokens_combine(found: list[Position]) -> None:
    assert parse_positions(", ".join(map(str, found + found))) == tuple(dict.fromkeys(found))


@pytest.mark.parametrize(
    "text",
    ["", ",", "w1-3,", "w1-2", "w1-0", "r1-0", "w1-03", "w01-3", "x1-3", "w1", "w1-", "w-3", "W1-3",
     "w1-3;w1-4", "w1--3", "wg-3", "wa-3", "w1-９", f"w1-{2**63}", "r1-" + "9" * 20, "w1-3\n"],
)  # fmt: skip
def test_what_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="consistency token"):
        parse_positions(text)


def test_too_many_are_refused_before_they_are_looked_at() -> None:
    parse_positions(",".join(f"w1-{number}" for number in range(10, 10 + MOST_TOKENS)))
    with pytest.raises(ValueError, match="too many"):
        parse_positions(",".join(f"w1-{number}" for number in range(10, 11 + MOST_TOKENS)))
    with pytest.raises(ValueError, match="too many"):
        parse_positions("w1-3," * 100_000)


def test_a_standby_is_asked_for_the_farthest_place_and_every_transaction() -> None:
    found = parse_positions("w1-7,r1-100,w1-5,r2-300")

    assert reached("t", found) == {
        "tenant": "t",
        "timelines": ["1", "2"],
        "transactions": [7, 5],
        "place": 300,
    }

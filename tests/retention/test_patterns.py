"""Key patterns match what they say, as SQL's LIKE does, and cost little whatever was typed."""

from __future__ import annotations

import random
import time
from functools import cache

import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st

from stateward.state.patterns import MAX_PATTERN, as_like, key_pattern, pattern_fault

keys = st.text("ab.%_\\é*?", min_size=1, max_size=12)
patterns = st.text("ab.%_\\é*?", max_size=10)


def slow_but_plain(pattern: str, key: str) -> bool:
    """The definition itself, by recursion."""

    @cache
    def fits(p: int, k: int) -> bool:
        if p == len(pattern):
            return k == len(key)
        if pattern[p] == "*":
            return fits(p + 1, k) or (k < len(key) and fits(p, k + 1))
        return k < len(key) and pattern[p] in ("?", key[k]) and fits(p + 1, k + 1)

    return fits(0, 0)


@given(pattern=patterns, key=keys)
@settings(max_examples=500)
def test_a_pattern_matches_what_its_definition_says(pattern: str, key: str) -> None:
    assert key_pattern(pattern).matches(key) == slow_but_plain(pattern, key)


def test_sql_says_the_same(database: None) -> None:
    draw = random.Random(4711)
    signs = "ab.%_\\é*?"
    cases = [
        ["".join(draw.choices(signs, k=draw.randrange(9))) for _ in range(2)] for _ in range(2000)
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT k LIKE p FROM unnest(%s::text[], %s::text[]) WITH ORDINALITY AS x (k, p, n)"
            " ORDER BY n",
            ([key for _, key in cases], [as_like(pattern) for pattern, _ in cases]),
        )
        said = [row[0] for row in cursor.fetchall()]

    assert said == [key_pattern(pattern).matches(key) for pattern, key in cases]


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param("*a" * 8, id="many-stars"),
        pytest.param("*" + "a?" * 250 + "b*", id="long-part"),
        pytest.param("(a+)+$*" * 8, id="a-regex-that-would-burn"),
    ],
)
def test_no_pattern_burns_time(pattern: str) -> None:
    assert pattern_fault(pattern) is None or len(pattern) > MAX_PATTERN
    began = time.thread_time()

    for _ in range(20):
        key_pattern(pattern).matches("a" * 512)

    assert time.thread_time() - began < 0.1 * 20


@pytest.mark.parametrize("pattern", ["*" * 9, "a" * 513, "a/b", "a\x00", "\ud800"])
def test_what_no_pattern_may_be_is_refused(pattern: str) -> None:
    assert pattern_fault(pattern) is not None

"""Strict JSON: what is refused, where, and that all else comes back as it was."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stateward.kernel import strictjson
from stateward.kernel.errors import Malformed, TooLarge
from stateward.kernel.strictjson import dumps, loads

TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00"))
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**300), 10**300)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXT, inner, max_size=5),
    max_leaves=20,
)


@given(VALUES)
def test_what_is_written_is_read_back(value: object) -> None:
    assert loads(dumps(value)) == value


@given(VALUES)
def test_escaped_text_means_the_same(value: object) -> None:
    assert loads(json.dumps(value).encode()) == value


@pytest.mark.parametrize(
    ("text", "pointer", "message"),
    [
        (b'{"a":1,"a":2}', "/a", "twice"),
        (b'{"x":[1,{"a/b":1,"a/b":2}]}', "/x/1/a~1b", "twice"),
        (b'{"~":{"":1,"":2}}', "/~0/", "twice"),
        (b"[1,NaN]", "/1", "not JSON"),
        (b"[-Infinity]", "/0", "not JSON"),
        (b'{"a":{"b":1e999}}', "/a/b", "binary64"),
        (b"[" + b"9" * 309 + b"]", "/0", "binary64"),
        (b"[" + b"9" * 1001 + b"]", "/0", "1,000 digits"),
        (b"[0." + b"1" * 1001 + b"]", "/0", "1,000 digits"),
        (b'["\\ud800"]', "/0", "surrogate"),
        (b'{"\\udc00":1}', "", "surrogate"),
        (b'["ok","\\u0000"]', "/1", "U+0000"),
        (b"\xef\xbb\xbf1", "", "byte order mark"),
        (b"\xff\xfe1\x00", "", "UTF-8"),
        ('{"a":1}'.encode("utf-16"), "", "UTF-8"),
        (b"[" * 101 + b"]" * 101, "/0" * 100, "100 deep"),
        (b"[" * 100_000, "/0" * 100, "100 deep"),
        (b'{"a":' * 101 + b"1" + b"}" * 101, "/a" * 100, "100 deep"),
        (b"", "", "not JSON"),
        (b"[1,]", "", "not JSON"),
        (b"01", "", "not JSON"),
        (b"{'a':1}", "", "not JSON"),
        (b'"\x01"', "", "not JSON"),
        (b'"\\x"', "", "not a JSON string"),
        (b"1 2", "", "not JSON"),
    ],
)
def test_what_is_not_accepted_is_named_with_its_place(
    text: bytes, pointer: str, message: str
) -> None:
    with pytest.raises(Malformed) as refused:
        loads(text)

    (fault,) = refused.value.errors
    assert fault.pointer == pointer
    assert message in fault.message


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b'"\\\\u0000"', "\\u0000"),
        (b'"\\ud83d\\ude00"', "😀"),
        (b'"' + b"9" * 5000 + b'"', "9" * 5000),
        (b"[" * 100 + b"]" * 100, json.loads("[" * 100 + "]" * 100)),
        (b'"' + b"[{" * 200 + b'"', "[{" * 200),
        (b"9007199254740993", 9007199254740993),
        (b"-" + b"9" * 308, -int("9" * 308)),
        (b"1.7976931348623157e308", 1.7976931348623157e308),
        (b"5e-324", 5e-324),
        (b'{"a":1,"b":{"a":1}}', {"a": 1, "b": {"a": 1}}),
        (b" \r\n\t null ", None),
    ],
)
def test_what_only_looks_odd_is_accepted(text: bytes, value: object) -> None:
    assert loads(text) == value


def test_a_body_over_the_limit_is_refused_before_it_is_read() -> None:
    with pytest.raises(TooLarge, match="101 bytes"):
        loads(b"[" * 101, max_bytes=100)


def test_pointers_begin_where_the_caller_says() -> None:
    with pytest.raises(Malformed) as refused:
        loads(b"[NaN]", pointer="/value")

    assert refused.value.errors[0].pointer == "/value/0"


@given(st.binary(max_size=60))
def test_no_bytes_at_all_raise_anything_else(data: bytes) -> None:
    try:
        value = loads(data)
    except Malformed:
        return
    assert not isinstance(value, float) or math.isfinite(value)


@given(st.text(alphabet='[]{}",:0123456789eE+-.\\untrfalse ', max_size=40))
def test_it_accepts_no_more_than_the_standard_library(text: str) -> None:
    try:
        value = loads(text.encode())
    except Malformed:
        return
    assert json.loads(text) == value


JSONISH = st.lists(
    st.sampled_from(
        ["[", "]", "{", "}", ",", ":", " ", '"a"', '"b"', '"\\u0000"', '"\\ud800"', '"x\\"y"', "1",
         "-2.5e3", "1e999", "NaN", "null", '{"a":1}', '{"a":1,"a":2}', "[1,2]", '"k":', "x"]
    ),
    max_size=25,
).map("".join)  # fmt: skip


class _Slow(strictjson._SecondPass):
    def _skip(self, position: int) -> int:
        return position


@given(JSONISH | VALUES.map(lambda value: json.dumps([value, value])[:-1] + ',{"a":1,"a":2}]'))
def test_what_is_skipped_hides_no_fault_and_moves_no_place(text: str) -> None:
    is_deep = strictjson._is_deep(text)

    found = strictjson._SecondPass(text, is_deep).first_fault()

    assert found == _Slow(text, is_deep).first_fault()


@pytest.mark.parametrize(
    ("text", "pointer"),
    [
        ("[" + "1," * 400_000 + "NaN]", "/400000"),
        ("[" + '{"id":"x1","v":[1,2,3],"n":{"k":"v"}},' * 20_000 + '{"a":1e999}]', "/20000/a"),
        ("{" + "".join(f'"k{n}":{n},' for n in range(60_000)) + '"k0":1}', "/k0"),
        ('{"a":' * 50 + "[" + '"x",' * 200_000 + "1e999]" + "}" * 50, "/a" * 50 + "/200000"),
    ],
    ids=["numbers", "rows", "members", "nested"],
)
def test_a_fault_at_the_end_of_a_large_text_is_placed(text: str, pointer: str) -> None:
    with pytest.raises(Malformed) as refused:
        loads(text.encode())

    assert [fault.pointer for fault in refused.value.errors] == [pointer]


def test_a_search_that_would_be_long_is_given_up_and_says_so() -> None:
    text = "[" + '"\\ud83d\\ude00",' * 60_000 + '"\\ud800"]'

    with pytest.raises(Malformed, match="lies further on") as refused:
        loads(text.encode())

    assert refused.value.errors[0].pointer == f"/{strictjson.MAX_STEPS // 2 - 1}"
    assert len(loads(text.replace(',"\\ud800"', "").encode())) == 60_000

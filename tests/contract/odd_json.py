"""JSON texts that are malformed, odd, or only look so: made from a few rules, the same each
time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["accept", "refuse"]


@dataclass(frozen=True)
class Odd:
    """A text for the place of a value, what must become of it, and where the fault lies."""

    name: str
    text: bytes
    verdict: Verdict
    pointer: str | None = None
    """Exactly this below ``/value``; None where the text as a whole is broken."""


def odd_texts() -> list[Odd]:
    """All of them; names are unique."""
    return [
        *_numbers(),
        *_words(),
        *_strings(),
        *_arrays(),
        *_objects(),
        *_blanks(),
        *_bytes(),
        *_depths(),
        *_duplicates(),
        *_truncations(),
    ]


_GOOD_NUMBERS = (
    "0 -0 1 -1 10 0.0 -0.0 0.5 1e0 1E0 1e+0 1e-0 1E+2 1e-2 0e1 0E0 123.456e7 1e308 -1e308"
    " 5e-324 1e-400"
    " 1.7976931348623157e308 9007199254740993 18446744073709551616 -9223372036854775809 0.1e1 2e00"
)
_BAD_NUMBERS = (
    "00 01 -01 -00 +1 ++1 --1 - + .5 -.5 5. -5. 1.e1 .e1 1e 1e+ 1e- 1ee2 1e1.5 1.2.3 0x10"
    " 0X1F 0b1 0o7 1_000"
    "1,000 1/2 1e٣ ١ １ 1L 1f 1d 1n ½ ² - 1+1 1-1 0e 0e+ e5 E5 1e5e5 -e1 -Infinityx 1..2 0.e1"
    " 1a a1 $1"
)


def _each(words: str) -> list[str]:
    return words.split()


def _numbers() -> Iterator[Odd]:
    for text in _each(_GOOD_NUMBERS):
        yield Odd(f"number {text}", text.encode(), "accept")
    for number, text in enumerate(_each(_BAD_NUMBERS)):
        yield Odd(f"no number {number} {text}", text.encode(), "refuse")
    for digits in (309, 500, 1000):
        yield Odd(f"{digits} digits", b"9" * digits, "refuse", "")
    for digits in (1001, 5000, 100_000):
        yield Odd(f"{digits} digits, too many", b"1" * digits, "refuse", "")
        yield Odd(f"{digits} decimals", b"0." + b"1" * digits, "refuse", "")
    yield Odd("308 digits", b"9" * 308, "accept")
    yield Odd("minus 300 digits", b"-" + b"1" * 300, "accept")
    yield Odd("900 decimals", b"0." + b"1" * 900, "accept")
    for text in ("1e309", "-1e309", "1e999", "1e99999999999", "123e400", "1.8e308"):
        yield Odd(f"beyond binary64 {text}", text.encode(), "refuse", "")


_BAD_WORDS = (
    "True False None NULL Null TRUE nul tru fals nulll truee undefined NaN -NaN nan Infinity"
    " -Infinity +Infinity"
    "inf yes no on off void this new Date() /regex/ 'text' `text` text \\u0031 \\n @ # ~ ^ &"
    " * ( ) % ! ? = ; | < >"
)


def _words() -> Iterator[Odd]:
    for text in ("true", "false", "null"):
        yield Odd(text, text.encode(), "accept")
    for text in _each(_BAD_WORDS):
        verdict_place = "" if text in {"NaN", "Infinity", "-Infinity"} else None
        yield Odd(f"no word {text}", text.encode(), "refuse", verdict_place)
    for text in (
        "true false",
        "1 2",
        "null,null",
        "{} {}",
        "[] []",
        '"a" "b"',
        "1//",
        "1/**/",
        "#1",
    ):
        yield Odd(f"more than one {text}", text.encode(), "refuse")


_GOOD_STRINGS = {
    "empty": r'""',
    "escapes": r'"\"\\\/\b\f\n\r\t"',
    "letter by escape": r'"\u0041"',
    "pair": r'"\ud83d\ude00"',
    "pair in capitals": r'"\uD83D\uDE00"',
    "delete": '"\x7f"',
    "line separators": '"\u2028\u2029"',
    "no character": r'"\uffff\ufffe"',
    "private": '"\ue000\U0010fffd"',
    "right to left": '"\u202eabc"',
    "byte order mark inside": '"a\ufeffb"',
    "combining": '"e\u0301"',
    "backslash at the end": r'"\\"',
    "looks like a surrogate": r'"\\ud800"',
    "looks like a zero": r'"\\u0000"',
    "one": r'"\u0001"',
}
_BAD_STRINGS = (
    r'"', r'"a', r'a"', r"'a'", r'"\"', r'"\x41"', r'"\u"', r'"\u1"', r'"\u12"', r'"\u123"',
    r'"\u123g"', r'"\U00000041"',
    r'"\u+123"', r'"\u 123"', r'"\a"', r'"\v"', r'"\0"', r'"\'"', r'"\ "', r'"\e"', r'"\1"',
    r'"\{"', '"\n"', '"\t"', '"\r"',
    '"\x01"', '"\x1f"', '"\x08"', '"a\\\nb"', '""a"', '"a""', '"a"b', '“a”', '«a»', r'"\ud83d\"',
)  # fmt: skip


def _strings() -> Iterator[Odd]:
    for name, text in _GOOD_STRINGS.items():
        yield Odd(f"string, {name}", text.encode(), "accept")
    for number, text in enumerate(_BAD_STRINGS):
        yield Odd(f"no string {number}", text.encode(), "refuse")
    lone = (
        "\\ud800",
        "\\udfff",
        "\\ude00\\ud83d",
        "\\ud83d",
        "\\ud83dx",
        "\\ud83d\\u0041",
        "\\uD800\\uD800",
        "x\\udc00",
    )
    for text in lone:
        yield Odd(f"lone surrogate {text}", f'"{text}"'.encode(), "refuse", "")
        yield Odd(f"lone surrogate {text} below", f'{{"a":["{text}"]}}'.encode(), "refuse", "/a/0")
    yield Odd("zero by escape", rb'"a\u0000b"', "refuse", "")
    yield Odd("zero by escape below", rb'[1,"\u0000"]', "refuse", "/1")
    yield Odd("zero as it is", b'"a\x00b"', "refuse")


def _arrays() -> Iterator[Odd]:
    for text in (
        "[]",
        "[[]]",
        "[ ]",
        "[1]",
        "[1,2]",
        "[null]",
        '["a",{}]',
        "[[],[[]]]",
        "[0.0,-0]",
    ):
        yield Odd(f"array {text}", text.encode(), "accept")
    bad = (
        "[ ] [] ] [, [,] [1,] [,1] [1,,2] [1 2] [1;2] [1:2] [1} (1) [[] []] [1]] "
        "[[1] [1,2 ] 3] [...] [1,2,...]"
    )
    for number, text in enumerate(
        [*_each(bad), "[1 2]", "[1,\n", '["a"', '["a",', "[a]", "[\x0b1]", "[true false]"]
    ):
        if text not in {"[]"}:
            yield Odd(f"no array {number} {text!r}", text.encode(), "refuse")


def _objects() -> Iterator[Odd]:
    good = (
        "{}",
        "{ }",
        '{"":0}',
        '{"a":{}}',
        '{"a":1,"b":2}',
        '{"a\\u0062":1}',
        '{"/":1,"~":2}',
        '{"a":null}',
        '{"é":1,"e\u0301":2}',
    )
    for text in good:
        yield Odd(f"object {text}", text.encode(), "accept")
    bad = (
        "{", "{,", "{,}", '{"a"}', '{"a":}', '{"a":1,}', '{,"a":1}', '{"a":1,,"b":2}', '{"a" 1}',
        '{"a"=1}', '{"a"->1}', "{a:1}",
        "{'a':1}", "{1:1}", "{null:1}", '{"a":1 "b":2}', '{"a":1;"b":2}', '{"a"::1}', '{"a":1]',
        '{"a":1}}', '{"a":[}', '{:1}',
        '{"a":1:2}', '{"a":"b":"c"}', "{[]:1}", "{{}:1}", '{"a":1,"b"}', '{"a":1,"b":', '{"a',
        '{"a"', '{"a":', '{"a":1', "{true:1}",
        '{"a":1}{', '{"a":undefined}', '{"a":NaN}x', '{...{}}', '{"a":1 /* b */}', '{"a":1} // b',
        '{"\\u":1}', '{"a\n":1}',
    )  # fmt: skip
    for number, text in enumerate(bad):
        yield Odd(f"no object {number} {text!r}", text.encode(), "refuse")


def _blanks() -> Iterator[Odd]:
    for name, blank in {"space": " ", "tab": "\t", "line feed": "\n", "return": "\r"}.items():
        yield Odd(
            f"blank, {name}", f"{blank}[{blank}1{blank},{blank}2{blank}]{blank}".encode(), "accept"
        )
    others = (
        "\x0b\x0c\x1c\x85\xa0\u1680\u2000\u2003\u2028\u2029"
        "\u202f\u205f\u3000\ufeff\u200b\u2060\xad\x00\x1f"
    )
    for blank in others:
        yield Odd(f"no blank U+{ord(blank):04X}", f"[{blank}1]".encode(), "refuse")
    yield Odd("nothing", b"", "refuse")


def _bytes() -> Iterator[Odd]:
    """Bytes that are no UTF-8; each inside a string."""
    for text in (
        "80", "bf", "c0af", "c080", "c1bf", "c3", "c328", "e0809f", "e28228", "e282", "eda080",
        "edbfbf", "f0808080",
        "f09f98", "f0289f98", "f4908080", "f888808080", "fc8080808080", "fe", "ff", "fffe",
        "feff", "e9", "a0a1",
    ):  # fmt: skip
        yield Odd(f"bytes {text}", b'"' + bytes.fromhex(text) + b'"', "refuse")


def _depths() -> Iterator[Odd]:
    """The value stands one level deep already: its body is an object."""
    for levels in (1, 50, 99):
        yield Odd(f"{levels} arrays deep", b"[" * levels + b"]" * levels, "accept")
        yield Odd(f"{levels} objects deep", b'{"a":' * levels + b"1" + b"}" * levels, "accept")
    for levels in (101, 120, 1000, 100_000):
        yield Odd(f"{levels} arrays deep, too deep", b"[" * levels + b"]" * levels, "refuse")
        yield Odd(
            f"{levels} objects deep, too deep", b'{"a":' * levels + b"1" + b"}" * levels, "refuse"
        )
    yield Odd("unclosed and deep", b"[" * 100_000, "refuse")
    yield Odd("brackets in a string", b'"' + b"[" * 5000 + b'"', "accept")
    yield Odd("wide", b"[" + b"[]," * 20_000 + b"0]", "accept")


def _duplicates() -> Iterator[Odd]:
    yield Odd("twice", b'{"a":1,"a":2}', "refuse", "/a")
    yield Odd("twice the same", b'{"a":1,"a":1}', "refuse", "/a")
    yield Odd("twice, once by escape", rb'{"a":1,"\u0061":2}', "refuse", "/a")
    yield Odd("twice below", b'{"x":[0,{"a/b":1,"a/b":2}]}', "refuse", "/x/1/a~1b")
    yield Odd("twice, empty", b'{"":1,"":2}', "refuse", "/")
    yield Odd("thrice", b'{"a":1,"a":2,"a":3}', "refuse", "/a")
    yield Odd("same name at two depths", b'{"a":{"a":1}}', "accept")
    yield Odd("names that differ by case", b'{"a":1,"A":2}', "accept")


def _truncations() -> Iterator[Odd]:
    """A good text, cut short after each of its bytes."""
    whole = rb'{"a":[1.5e2,true,"\u0041",null]}'
    for end in range(1, len(whole)):
        yield Odd(f"cut after {end}", whole[:end], "refuse")

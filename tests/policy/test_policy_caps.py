"""Nothing reaches Cedar's parser that could end the process."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path
from random import Random

import pytest

from stateward.gate.policy.caps import MAX_BYTES, MAX_NESTING, MAX_NODES, capped_tokens
from stateward.gate.policy.tokens import TextFault
from stateward.gate.policy.validate import validate

ROOT = Path(__file__).resolve().parents[2]


def policy(condition: str) -> str:
    return f"permit (principal, action, resource)\nwhen {{ {condition} }};"


def fault(text: str) -> TextFault:
    found = capped_tokens(text)
    assert isinstance(found, TextFault)
    return found


def in_a_process(script: str) -> subprocess.CompletedProcess[str]:
    setup = f"import sys; sys.path[:0] = [{str(ROOT / 'platform')!r}, {str(ROOT)!r}]\n"
    return subprocess.run(
        [sys.executable, "-c", setup + textwrap.dedent(script)],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def test_a_text_of_800_parentheses_is_refused_with_its_place() -> None:
    [found] = validate(policy("(" * 800 + "true" + ")" * 800))

    assert found.message == "nested more than 32 deep"
    assert (found.pointer, found.line, found.column) == ("/text", 2, 8 + MAX_NESTING - 1)


def test_cedar_would_die_of_what_the_caps_refuse() -> None:
    """If this fails, the parser has become safe and the cap is only a matter of taste."""
    died = in_a_process(
        """
        import cedarpy
        text = "(" * 3000 + "true" + ")" * 3000
        cedarpy.PolicySet.from_str("permit (principal, action, resource) when {" + text + "};")
        """
    )

    assert died.returncode < 0


@pytest.mark.parametrize(
    ("deep", "most"),
    [
        (lambda n: "(" * n + "true" + ")" * n, MAX_NESTING - 1),
        (lambda n: "[" * n + "1" + "]" * n + " == 1", MAX_NESTING - 1),
        (lambda n: "if true then true else " * n + "true", MAX_NESTING - 1),
        (lambda n: "!" * n + "true", MAX_NESTING - 1),
        (lambda n: "-" * n + "1 == 1", MAX_NESTING - 1),
    ],
)
def test_each_kind_of_nesting_is_counted(deep, most) -> None:  # type: ignore[no-untyped-def]
    assert not isinstance(capped_tokens(policy(deep(most))), TextFault)
    assert "deep" in fault(policy(deep(most + 1))).message


def test_levels_are_given_back_when_brackets_close() -> None:
    wide = " && ".join(["(if true then (true) else false)"] * 30)

    assert not isinstance(capped_tokens(policy(wide)), TextFault)


def test_a_bracket_that_was_never_opened_is_left_to_the_parser() -> None:
    assert not isinstance(capped_tokens("permit (principal, action, resource));"), TextFault)
    assert validate("permit (principal, action, resource));")


def test_nodes_are_counted_and_the_first_too_many_is_named() -> None:
    chain = " || ".join(["resource.name == principal.name"] * 86)
    found = fault(policy(chain))

    assert f"more than {MAX_NODES} nodes" in found.message
    assert found.line == 2


def test_a_path_is_one_node() -> None:
    names = ", ".join(f'Action::"a{n}"' for n in range(MAX_NODES - 10))

    assert not isinstance(
        capped_tokens(f"permit (principal, action in [{names}], resource);"), TextFault
    )


def test_code_does_not_hide_behind_a_carriage_return() -> None:
    """Cedar ends a comment there; were it to go on for us, the caps would not see what follows."""
    hidden = "(" * 800 + "true" + ")" * 800
    text = f"permit (principal, action, resource) // a note\r when {{ {hidden} }};"

    assert fault(text).message == "nested more than 32 deep"


@pytest.mark.parametrize("letter", ["x", "é", "𝔘"])
def test_the_length_is_counted_in_bytes(letter: str) -> None:
    text = policy("true") + "\n//" + letter * MAX_BYTES
    found = fault(text)

    assert f"at most {MAX_BYTES:,} bytes" in found.message
    assert found.line == 3


def test_what_can_begin_no_token_is_refused_where_it_stands() -> None:
    assert fault("permit (principal, action, resource) § ;").column == 38
    assert fault('permit (principal, action, resource)\nwhen { "open };').message == (
        "this text is never closed"
    )
    assert fault("permit\x00").column == 7
    assert fault('permit "a\x00b"').column == 8  # PostgreSQL could not store it
    assert fault("permit\n//\x00").line == 2
    assert fault("permit // \ud800").column == 11


def test_whatever_passes_the_caps_leaves_the_process_alive() -> None:
    """A fuzzer, in a process of its own: random token salads, deep and wide, all given to Cedar."""
    done = in_a_process(
        """
        from random import Random
        from stateward.gate.policy.caps import capped_tokens
        from stateward.gate.policy.tokens import TextFault
        import cedarpy
        words = ['permit', 'forbid', '(', ')', '(', '[', ']', '{', '}', '{', ',', ';', '.', '::',
                 '!', '-', '==', '<', '&&', '||', 'if', 'then', 'else', 'when', 'unless', 'like',
                 'has', 'is', 'in', 'principal', 'action', 'resource', 'context', 'true', '"t"',
                 '42', '?principal', '@', '+', '*', 'a', '//', '\\r', '\\n', '"', '\\\\']
        rng = Random(20)
        passed = 0
        for round in range(6000):
            kind = rng.random()
            if kind < 0.5:
                inner = ' '.join(rng.choice(words) for _ in range(rng.randrange(400)))
            else:
                opener = rng.choice(['(', '[', '!', '-', 'if ', '{a:', 'a.', 'a ||', 'a has b &&',
                                     '(a', 'a[', 'f(', 'a.b(', 'true && (', '1 + '])
                inner = opener * rng.randrange(600) + 'true' + rng.choice(
                    [')', ']', '}', ' then 1 else ', '']) * rng.randrange(600)
            text = rng.choice(['', 'permit (principal, action, resource) when {']) + inner + '};'
            if isinstance(capped_tokens(text), TextFault):
                continue
            passed += 1
            for call in (cedarpy.PolicySet.from_str, cedarpy.policies_to_pst):
                try:
                    call(text)
                except ValueError:
                    pass
        print(passed)
        """
    )

    assert done.returncode == 0, done.stderr[-500:]
    assert int(done.stdout) > 500


def test_no_text_raises_whatever_it_is() -> None:
    rng = Random(3)
    base = policy('resource.name == "a" && (principal.id == "b" || !context.mfa)')
    for _ in range(1500):
        cut = sorted(rng.randrange(len(base)) for _ in range(2))
        junk = "".join(
            rng.choice('(){}[]"\\/;.:&|!=?@ \n\x00é𝔘abc09') for _ in range(rng.randrange(6))
        )
        text = base[: cut[0]] + junk + base[cut[1] :]

        for found in validate(text):
            assert found.line >= 1
            assert 0 <= found.offset <= len(text)

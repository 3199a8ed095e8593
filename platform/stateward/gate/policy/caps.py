"""What a policy's text may measure, checked before Cedar's parser sees it.

That parser is recursive: some 800 nested parentheses end the whole process, with every request in
it. So length, nesting and the number of nodes are counted here, iteratively, for every text
whatever door it came through.
"""

from __future__ import annotations

from stateward.gate.policy.tokens import TextFault, Token, fault_at, tokenize

MAX_BYTES = 64 * 1024
MAX_NESTING = 32
MAX_NODES = 512
MAX_SET = 1_000  # statements in force for one tenant

_OPENS = frozenset("([{")
_CLOSES = frozenset(")]}")
_PREFIXES = frozenset("!-")
# What stands for no node of its own: separators, and the joints of a path (A::B::"c" is one node).
_JOINTS = frozenset("()[]{},;:.@") | {"::"}


def capped_tokens(text: str) -> list[Token] | TextFault:
    """The tokens of a text within all caps, or the place where it breaks one."""
    try:
        data = text.encode()
    except UnicodeEncodeError as error:
        return fault_at(text, error.start, "half a character (a lone surrogate)")
    if len(data) > MAX_BYTES:
        place = len(data[:MAX_BYTES].decode("utf-8", "ignore"))
        message = f"a policy has at most {MAX_BYTES:,} bytes; this one has {len(data):,}"
        return fault_at(text, min(place, len(text) - 1), message)
    tokens = tokenize(text)
    if isinstance(tokens, TextFault):
        return tokens
    return _too_deep(text, tokens) or _too_many(text, tokens) or tokens


def _too_deep(text: str, tokens: list[Token]) -> TextFault | None:
    """Brackets, the arms of an ``if`` and runs of ``!`` or ``-`` each cost the parser a level."""
    levels = [0]  # levels opened by ``if`` within each bracket that is open
    depth = run = 0
    for token in tokens:
        run = run + 1 if token.text in _PREFIXES else 0
        if token.text in _OPENS:
            levels.append(0)
            depth += 1
        elif token.text in _CLOSES and len(levels) > 1:
            depth -= 1 + levels.pop()
        elif token.text == "if":
            levels[-1] += 1
            depth += 1
        if depth + run > MAX_NESTING:
            return fault_at(text, token.start, f"nested more than {MAX_NESTING} deep")
    return None


def _too_many(text: str, tokens: list[Token]) -> TextFault | None:
    nodes = 0
    before = ""
    for token in tokens:
        if token.text not in _JOINTS and before != "::":
            nodes += 1
        before = token.text
        if nodes > MAX_NODES:
            message = f"more than {MAX_NODES} nodes (names, values and signs); split the policy"
            return fault_at(text, token.start, message)
    return None

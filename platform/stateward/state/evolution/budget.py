"""How much work one value's transformation may be: what a migration says is input like any other,
so each step, each copied node and each character made is paid for; a value that costs more fails.
"""

from __future__ import annotations

from math import isfinite
from typing import Any

from stateward.state.evolution.failing import StepFailed

WORK = 200_000  # nodes and pieces of text of one value: about a tenth of a second
TEXT_PIECE = 32  # characters that cost as much as a node
MAX_DIGITS = 1000  # as many as a number may have that is written
MAX_DEPTH = 100


class Budget:
    """What one value may still cost."""

    __slots__ = ("left",)

    def __init__(self, work: int = WORK) -> None:
        self.left = work

    def pay(self, cost: int = 1) -> None:
        self.left -= cost
        if self.left < 0:
            raise StepFailed("more work than one value may be")

    def copy(self, value: Any) -> Any:
        """The value once more, paid for node by node: what is taken twice is there twice."""
        self.pay()
        if isinstance(value, dict):
            return {name: self.copy(one) for name, one in value.items()}
        if isinstance(value, list):
            return [self.copy(one) for one in value]
        if isinstance(value, str):
            self.pay(len(value) // TEXT_PIECE)
        return value

    def text(self, text: str) -> str:
        self.pay(1 + len(text) // TEXT_PIECE)
        return text

    def number(self, number: int | float) -> int | float:
        self.pay()
        if isinstance(number, float):
            if not isfinite(number):
                raise StepFailed("the result is no number")
        elif abs(number) >= 10**MAX_DIGITS:
            raise StepFailed(f"the result has more than {MAX_DIGITS:,} digits")
        return number


def check_depth(value: Any) -> None:
    """StepFailed where the value is deeper than one that is written may be."""
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH + 1:
            raise StepFailed(f"the value would be deeper than {MAX_DEPTH}")
        level = [
            child
            for one in level
            if isinstance(one, dict | list)
            for child in (one.values() if isinstance(one, dict) else one)
        ]

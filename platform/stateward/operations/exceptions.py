"""What the operator is told when something cannot go on."""

from __future__ import annotations


class CannotStart(Exception):
    """The stack cannot start: ``problem`` says what is wrong, ``remedy`` what to do about it."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem} {remedy}")
        self.problem = problem
        self.remedy = remedy


class PortTaken(CannotStart):
    """Somebody took a port between our choosing it and our server's opening it: choose again."""

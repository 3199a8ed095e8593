"""What a step can say: that its text is wrong, or that it does not fit a value."""

from __future__ import annotations


class StepFailed(Exception):
    """A step does not fit a value. The message is ours and repeats nothing of the value."""

    def __init__(self, message: str, pointer: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.pointer = pointer  # the step's place in the migration


class BadStep(Exception):
    """The text of a step is not one."""

    def __init__(self, pointer: str, message: str) -> None:
        super().__init__(message)
        self.pointer = pointer
        self.message = message

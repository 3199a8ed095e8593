"""What policy management and the decision point refuse."""

from __future__ import annotations

from stateward.kernel.errors import Forbidden, Unprocessable


class InvalidPolicy(Unprocessable):
    """The policy's text is not valid."""

    code, title = "invalid_policy", "Invalid policy"


class Denied(Forbidden):
    """The policy in force does not allow this."""


class NotDelegated(Forbidden):
    """You named a member to act for who has not delegated to you."""

    code, title = "not_delegated", "Not delegated"

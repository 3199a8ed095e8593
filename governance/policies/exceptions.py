"""What managing policies refuses."""

from __future__ import annotations

from stateward.kernel.errors import Conflict, NotFound


class PolicyNameTaken(Conflict):
    """A policy of this name exists already."""

    code, title = "policy_name_taken", "Name taken"


class SameText(Conflict):
    """The newest version has this very text already."""

    code, title = "same_text", "Nothing new"


class TooManyStatements(Conflict):
    """The tenant's policies in force would hold more statements than allowed."""

    code, title = "too_many_statements", "Too many statements in force"


class NothingToRollBackTo(Conflict):
    """No version of this policy was in force before the present one."""

    code, title = "nothing_to_roll_back_to", "Nothing to roll back to"


class NoSuchDryRun(NotFound):
    """There is no such dry run, or none you may know of."""

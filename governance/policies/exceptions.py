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


class NotSoft(Conflict):
    """This policy is not in force as a soft one; only those have exceptions."""

    code, title = "policy_not_soft", "No soft policy"


class DryRunNeeded(Conflict):
    """This tenant asks for a dry run of this very text, not older than it says, before it is put in
    force.
    """

    code, title = "dry_run_needed", "Dry run needed"


class PolicyTestsFailed(Conflict):
    """A test stored beside the policy does not come out as it says."""

    code, title = "policy_tests_failed", "Tests fail"

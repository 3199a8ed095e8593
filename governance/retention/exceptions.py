"""What managing retention refuses."""

from __future__ import annotations

from stateward.kernel.errors import Conflict


class RuleNameTaken(Conflict):
    """A retention rule of this name exists already."""

    code, title = "retention_rule_name_taken", "Name taken"


class RuleOver(Conflict):
    """This retention rule has ended; write a new one."""

    code, title = "retention_rule_over", "Rule ended"


class NothingChanges(Conflict):
    """The rule says this already."""

    code, title = "nothing_changes", "Nothing new"


class TooManyRules(Conflict):
    """The tenant has as many retention rules as allowed; end one first."""

    code, title = "too_many_retention_rules", "Too many rules"


class HoldReleased(Conflict):
    """This hold is released already."""

    code, title = "hold_released", "Hold released"

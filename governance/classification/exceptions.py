"""What can be wrong with classification."""

from __future__ import annotations

from stateward.kernel.errors import Conflict, NotFound


class NoSuchSuggestion(NotFound):
    """There is no such suggestion."""


class NoSuchClassificationRule(NotFound):
    """There is no such classification rule."""


class NoSuchScan(NotFound):
    """There is no such scan."""


class SuggestionDecided(Conflict):
    """The suggestion is not open any more."""

    code = "suggestion_decided"


class ClassificationRuleExists(Conflict):
    """The namespace has a classification rule already: change that one."""

    code = "classification_rule_exists"


class ScanUnderWay(Conflict):
    """A scan of this is under way already."""

    code = "scan_under_way"

"""What compliance refuses."""

from __future__ import annotations

from stateward.kernel.errors import Conflict


class FindingResolved(Conflict):
    """The last scan no longer found this; there is nothing to do about it."""

    code, title = "finding_resolved", "Already resolved"


class RiskAccepted(Conflict):
    """The risk is accepted; withdraw the exception to work on the finding again."""

    code, title = "risk_accepted", "Risk accepted"


class ExceptionOver(Conflict):
    """This exception has ended already."""

    code, title = "exception_over", "Exception is over"

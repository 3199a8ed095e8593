"""What detection refuses."""

from stateward.kernel.errors import Conflict, Unprocessable


class AlertResolved(Conflict):
    """This alert is resolved; reopen it first."""

    code, title = "alert_resolved", "Alert resolved"


class AlertStands(Conflict):
    """An alert of this rule about the same principal is open already."""

    code, title = "alert_stands", "An open alert stands already"


class SuppressionOver(Conflict):
    """This suppression is over already."""

    code, title = "suppression_over", "Suppression is over"


class NotFit(Unprocessable):
    """A value is not acceptable."""

    code, title = "unfit", "Value not acceptable"

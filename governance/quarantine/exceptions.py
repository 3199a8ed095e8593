"""What a quarantine refuses."""

from stateward.kernel.errors import Conflict


class InQuarantine(Conflict):
    """This agent is in quarantine already."""

    code, title = "in_quarantine", "In quarantine already"


class QuarantineOver(Conflict):
    """This quarantine is over."""

    code, title = "quarantine_over", "Quarantine is over"


class Undecided(Conflict):
    """Some writes wait for a verdict: keep them, roll them back, or say that the rest is kept."""

    code, title = "undecided", "Writes are undecided"


class NotRolledBack(Conflict):
    """This write cannot be rolled back as things stand."""

    code, title = "not_rolled_back", "Cannot be rolled back"

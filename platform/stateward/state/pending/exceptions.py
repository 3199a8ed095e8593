"""What pending writes refuse."""

from stateward.kernel.errors import Conflict, NotFound


class NoSuchPending(NotFound):
    """No such pending write."""


class PendingOver(Conflict):
    """This write does not wait any more."""

    code, title = "pending_over", "No longer pending"


class NotReleased(Conflict):
    """It cannot be written as things stand, so your agreement was not counted."""

    code, title = "not_released", "Cannot be written now"

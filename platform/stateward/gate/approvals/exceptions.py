"""What approvals refuse."""

from __future__ import annotations

from stateward.kernel.errors import Conflict, Forbidden, NotFound


class NoSuchKind(NotFound):
    """There is no such kind of act to agree to."""


class NoSuchRequest(NotFound):
    """There is no such request, or none you may know of."""


class ApprovalNeeded(Conflict):
    """Somebody else has to agree to this first."""

    code, title = "approval_needed", "Approval needed"


class ApprovalNotNeeded(Conflict):
    """Nobody else has to agree to this: do it."""

    code, title = "approval_not_needed", "No approval needed"


class TooFewApprovers(Conflict):
    """Fewer people could agree to this than have to."""

    code, title = "too_few_approvers", "Too few approvers"


class AlreadyAsked(Conflict):
    """Somebody asked for exactly this already."""

    code, title = "approval_asked", "Asked already"


class RequestClosed(Conflict):
    """This request is no longer open."""

    code, title = "approval_closed", "Request closed"


class ContentChanged(Conflict):
    """What you agreed to is not what is asked for: look at it again."""

    code, title = "approval_content_changed", "Not what is asked for"


class VotedAlready(Conflict):
    """You have voted on this already."""

    code, title = "approval_voted", "Voted already"


class MayNotVote(Forbidden):
    """You may not vote on this."""

    code, title = "may_not_vote", "Not yours to agree to"

"""What can be wrong with a wish about a run."""

from __future__ import annotations

from stateward.kernel.errors import Conflict, NotFound


class NoSuchRun(NotFound):
    """There is no such run, or none you may know of."""


class AlreadyOver(Conflict):
    """This run is over: there is nothing left to stop."""

    code, title = "run_is_over", "The run is over"


class NotOver(Conflict):
    """Only a run that failed or was cancelled can be tried again."""

    code, title = "run_not_failed", "The run did not fail"


class CannotStop(Conflict):
    """A run of this job cannot be stopped once it has begun; it ends soon by itself."""

    code, title = "run_cannot_stop", "The run cannot be stopped"

"""What ends work on a schema."""

from __future__ import annotations

from stateward.kernel.errors import Conflict, Unavailable


class RunStopped(Conflict):
    """More values failed than the run may leave behind."""

    code = "schema_run_stopped"


class OlderWritesRemain(Unavailable):
    """A transaction that began before is still open; the version was not activated."""

    code = "older_writes_remain"

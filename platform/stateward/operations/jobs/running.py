"""What a job is, and what it is handed: its run.

@job("backup.create", title="Back up a tenant")
def create(run: Run) -> Outcome:
    for number, part in enumerate(parts):
        with tenant_scope(run.tenant_id):
            run.guard()  # nobody took the run from us, nor can until this commits
            copy(part)
            run.keep({"next": number + 1})  # with the effect, or not at all
        run.progress(number + 1, len(parts), "copying")
    return Outcome({"parts": len(parts)})
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
from django.db import connection

from stateward.kernel.flow import Executable, Rows, Statement
from stateward.operations.jobs.inserting import scope_of
from stateward.operations.jobs.interruptions import LeaseLost, Paused
from stateward.operations.jobs.lease import Lease, Taken
from stateward.tenancy.scope import execute

# A take-over waits for guarded transactions (FOR UPDATE against FOR KEY SHARE), and the server ends
# those whose worker has stopped in the middle.
GUARD = """
SELECT set_config('idle_in_transaction_session_timeout', '30s', true)
FROM stateward_job_open WHERE run_id = %s AND token = %s FOR KEY SHARE
"""
KEEP = "UPDATE stateward_job_run SET checkpoint = %s::jsonb, deaths = 0 WHERE id = %s"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a job did. ``result`` holds counts and names of ours, never values."""

    result: Mapping[str, Any] = field(default_factory=dict)
    has_findings: bool = False


class Run:
    """One run in the hands of one worker."""

    def __init__(self, taken: Taken, lease: Lease, *, turn: timedelta | None) -> None:
        self.id = taken.run_id
        self.name = taken.name
        self.tenant_id = taken.tenant_id  # None: the platform's
        self.params: Mapping[str, Any] = taken.params
        self.token = taken.token  # the fencing token: higher than any earlier holder's
        self.checkpoint: Mapping[str, Any] | None = taken.checkpoint
        self.actor_type = taken.actor_type
        self.actor_id: UUID | None = taken.actor_id  # who asked; None: the timetable
        self.slot = taken.slot  # the time of the timetable it stands for
        self._lease = lease
        self._turn = turn
        self._has_kept = False

    def progress(self, done: int, total: int | None = None, stage: str = "") -> None:
        """Say how far it is, in a transaction of its own. ``stage`` is a word of ours, no name.

        Raises Cancelled or LeaseLost where the run is to end here; Paused where it has had its
        turn and kept a checkpoint to go on from.
        """
        self._lease.report(done, total, stage)
        if self._has_kept and self._turn is not None and self._lease.age > self._turn:
            raise Paused

    def note(self, text: str) -> None:
        """Add a line to the run's log: never a value or a secret."""
        self._lease.add_line(text)

    def guard(self, elsewhere: Callable[[Executable], Rows] | None = None) -> None:
        """LeaseLost where another worker took the run over; none can until this transaction ends.

        First in each transaction that changes something. ``elsewhere`` executes it on a connection
        other than Django's.
        """
        if elsewhere is None and not connection.in_atomic_block:
            raise RuntimeError("A guard outside a transaction guards nothing.")
        if not (elsewhere or execute)(Statement(GUARD, (self.id, self.token))):
            raise LeaseLost

    def keep(self, checkpoint: Mapping[str, Any]) -> None:
        """From where to go on after a kill or a pause; part of the transaction it is called in."""
        with self.scope():
            self.guard()
            execute(Statement(KEEP, (orjson.dumps(checkpoint).decode(), self.id)))
        self.checkpoint = checkpoint
        self._has_kept = True

    def scope(self) -> AbstractContextManager[None]:
        """A transaction that shows the rows of the run's tenant."""
        return scope_of(self.tenant_id)


Work = Callable[[Run], Outcome]


@dataclass(frozen=True, slots=True)
class Job:
    """``is_cancellable``: it calls ``run.progress`` often enough to be stopped. ``is_per_tenant``:
    its slot of the timetable stands for a run for each tenant. ``longest``: a worker that is at one
    run for longer is killed, and the run taken over.
    """

    name: str
    title: str
    work: Work
    is_cancellable: bool = True
    is_per_tenant: bool = False
    longest: timedelta = timedelta(minutes=5)

    @property
    def turn(self) -> timedelta:
        """After so long a run that can go on from a checkpoint lets others have the worker."""
        return self.longest * 0.6

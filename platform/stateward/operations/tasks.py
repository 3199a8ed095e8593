"""What Celery calls: shells that take a run's id and carry it out."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from celery import shared_task

from stateward.operations.flushing import flush_process
from stateward.operations.jobs import sweeps
from stateward.operations.jobs.runs import Result, carry_out, task_name


def job(work: Callable[[], Result]) -> None:
    """Make a Celery task of a job, under the job's own name."""

    def shell(run_id: str) -> bool:
        try:
            return carry_out(UUID(run_id), work)
        finally:
            flush_process(is_last=True)  # this process may not live until the next job

    shared_task(name=task_name(work.__name__))(shell)


job(sweeps.expire_entries)
job(sweeps.roll_up_metrics)
job(sweeps.clear_idempotency_keys)
job(sweeps.clear_job_runs)
job(sweeps.maintain_partitions)

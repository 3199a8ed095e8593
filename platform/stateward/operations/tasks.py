"""The platform's own jobs; the timetable is ``stateward/schedule.py``."""

from __future__ import annotations

from stateward.operations.jobs import bounding, sweeps
from stateward.operations.jobs.registry import job

job("expire_entries", title="Take away entries whose time is over")(sweeps.expire_entries)
job("roll_up_metrics", title="Add minutes up to hours")(sweeps.roll_up_metrics)
job("clear_idempotency_keys", title="Forget answers kept for repeats")(
    sweeps.clear_idempotency_keys
)
job("forget_changes", title="Forget changes kept long enough")(sweeps.forget_changes)
job("clear_job_runs", title="Forget old runs", cancellable=False)(sweeps.clear_job_runs)
job("maintain_partitions", title="Prepare the months to come", cancellable=False)(
    sweeps.maintain_partitions
)
job("drop_months", title="Drop months of history that are over for everyone")(bounding.drop_months)
job("compress_history", title="Compress old revisions", per_tenant=True)(bounding.compress_history)

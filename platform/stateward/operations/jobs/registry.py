"""Which jobs there are. Each app names its own in ``tasks.py``, which is imported by itself.

@job("backup.create", title="Back up a tenant")
def create(run: Run) -> Outcome:
    ...
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import cache
from types import MappingProxyType
from uuid import UUID

from celery import shared_task
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import autodiscover_modules

from stateward.operations.flushing import flush_process
from stateward.operations.jobs.carrying import carry_out
from stateward.operations.jobs.running import Job, Work
from stateward.operations.jobs.sending import task_name

LONGEST = timedelta(minutes=5)
MOMENT = timedelta(seconds=15)  # between being told that time is over, and being killed

_jobs: dict[str, Job] = {}


def job(
    name: str,
    *,
    title: str,
    cancellable: bool = True,
    per_tenant: bool = False,
    longest: timedelta = LONGEST,
) -> Callable[[Work], Work]:
    """Make a function a job, and a Celery task of the same name.

    ``cancellable``: it calls ``run.progress`` often enough to be stopped. ``per_tenant``: it is
    about one tenant, and its slot of the timetable starts a run for each. A job that may be at it
    for longer than ``longest`` keeps checkpoints: it is set aside at a call of ``run.progress``
    and goes on from there, so that it neither is killed nor keeps others from the worker.
    """

    def register(work: Work) -> Work:
        if name in _jobs:
            raise ImproperlyConfigured(f"Two jobs are called {name}.")
        _jobs[name] = Job(name, title, work, cancellable, per_tenant, longest)
        limits = {"time_limit": longest, "soft_time_limit": longest - MOMENT}
        shared_task(
            name=task_name(name), **{key: value.total_seconds() for key, value in limits.items()}
        )(_shell)
        return work

    return register


def jobs() -> Mapping[str, Job]:
    """All of them, by name."""
    _discover()
    return MappingProxyType(_jobs)


@cache
def _discover() -> None:
    autodiscover_modules("tasks")


def _shell(run_id: str) -> bool:
    try:
        return carry_out(UUID(run_id), _jobs.__getitem__)
    finally:
        flush_process(is_last=True)  # this process may not live until the next job

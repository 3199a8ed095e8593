"""Runs of jobs that no app named, and what the tables say of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from stateward.kernel.ids import uuid7
from stateward.operations.jobs.carrying import carry_out
from stateward.operations.jobs.inserting import insert, scope_of
from stateward.operations.jobs.running import Job, Outcome, Run, Work
from stateward.tenancy.models import Tenant


def only(monkeypatch: pytest.MonkeyPatch, module: ModuleType, *tenants: Tenant) -> None:
    """Of all tenants that a job of ``module`` goes through, leave these: other tests made a
    thousand more.
    """
    everyone: Callable[..., Iterable[UUID]] = module._tenants
    ids = {tenant.id for tenant in tenants}

    def some(*of: Any) -> list[UUID]:
        return [one for one in everyone(*of) if one in ids]

    monkeypatch.setattr(module, "_tenants", some)


def runs_of(name: str, columns: str) -> list[tuple[Any, ...]]:
    """The platform's runs of one job, in order of their slots."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {columns} FROM stateward_job_run WHERE name = %s ORDER BY slot, queued_at",
            (name,),
        )
        return list(cursor.fetchall())


def run_row(run_id: UUID, columns: str, tenant_id: UUID | None = None) -> tuple[Any, ...]:
    with scope_of(tenant_id), connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns} FROM stateward_job_run WHERE id = %s", (run_id,))
        row: tuple[Any, ...] = cursor.fetchone()
    return row


def open_row(run_id: UUID, columns: str) -> tuple[Any, ...] | None:
    """What is known of a run that is not over."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns} FROM stateward_job_open WHERE run_id = %s", (run_id,))
        row: tuple[Any, ...] | None = cursor.fetchone()
    return row


def queued(tenant_id: UUID | None = None, **params: Any) -> UUID:
    """A run of a job that stands in no timetable."""
    with scope_of(tenant_id):
        return insert(f"probe_{uuid7().hex}", tenant_id, params=params)


def carry(run_id: UUID, work: Work | None = None, **about: Any) -> bool:
    """Carry a run out in this process; ``work`` is its job."""
    return carry_out(run_id, lambda name: Job(name, name, work or nothing, **about))


def nothing(run: Run) -> Outcome:
    return Outcome()

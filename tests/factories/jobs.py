"""What the tables say of jobs' runs."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import connection


def runs_of(name: str, columns: str) -> list[tuple[Any, ...]]:
    """The runs of one job, in order of their slots."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {columns} FROM stateward_job_run WHERE name = %s ORDER BY slot, queued_at",
            (name,),
        )
        return list(cursor.fetchall())


def run_row(run_id: UUID, columns: str) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns} FROM stateward_job_run WHERE id = %s", (run_id,))
        row: tuple[Any, ...] = cursor.fetchone()
    return row

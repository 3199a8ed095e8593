"""How checks ask: one statement over all of a population, in the tenant's scope."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import connection


def rows(sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters or None)
        return list(cursor.fetchall())


def one(sql: str, parameters: Sequence[Any] = ()) -> tuple[Any, ...]:
    return rows(sql, parameters)[0]

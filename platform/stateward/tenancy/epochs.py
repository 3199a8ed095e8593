"""Epochs: why no write escapes a rule that is in force.

All that a decision depends on is cached in each process under the tenant's epoch, one counter that
every change of such an input raises in its own transaction. The statement that writes compares the
epoch it was decided under with the row's; if they differ it changes nothing and the path reloads
and decides again. The platform has a row of its own (``PLATFORM``) which the statement compares
too.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal
from uuid import UUID

from django.db import connection

from stateward.tenancy.models import PLATFORM

Kind = Literal["principals", "policies", "namespaces", "schemas", "keys"]


def bump(tenant_id: UUID, kind: Kind) -> None:
    """Raise the tenant's epoch, and the counter of ``kind`` beneath it, inside the caller's
    transaction.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE stateward_epoch SET epoch = epoch + 1, {kind} = {kind} + 1"
            " WHERE tenant_id = %s",
            (tenant_id,),
        )


def bump_platform(kind: Kind) -> None:
    """Raise the platform's epoch: every tenant's cached configuration is reloaded."""
    bump(PLATFORM, kind)


def bump_all(tenant_ids: Iterable[UUID], kind: Kind) -> None:
    """Raise several tenants' epochs, in id order so that two callers cannot deadlock."""
    for tenant_id in sorted(tenant_ids):
        bump(tenant_id, kind)

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
DECIDING = frozenset({"principals", "policies"})

# How often the transaction raised what decides is told in a setting of its own, which a rollback
# takes back with the rest.
OWN = "coalesce(nullif(current_setting('stateward.bumps', true), ''), '0')::bigint"
COUNT = f"SELECT set_config('stateward.bumps', ({OWN} + 1)::text, true)"
BUMP = "UPDATE stateward_epoch SET epoch = epoch + 1, {kind} = {kind} + 1 WHERE tenant_id = %s"
STANDING = f"""
SELECT t.principals + t.policies + p.principals + p.policies - {OWN}
FROM stateward_epoch t, stateward_epoch p WHERE t.tenant_id = %s AND p.tenant_id = %s
"""


def bump(tenant_id: UUID, kind: Kind) -> None:
    """Raise the tenant's epoch, and the counter of ``kind`` beneath it, inside the caller's
    transaction.
    """
    with connection.cursor() as cursor:
        cursor.execute(BUMP.format(kind=kind), (tenant_id,))
        if kind in DECIDING:
            cursor.execute(COUNT)


def bump_platform(kind: Kind) -> None:
    """Raise the platform's epoch: every tenant's cached configuration is reloaded."""
    bump(PLATFORM, kind)


def bump_all(tenant_ids: Iterable[UUID], kind: Kind) -> None:
    """Raise several tenants' epochs, in id order so that two callers cannot deadlock."""
    for tenant_id in sorted(tenant_ids):
        bump(tenant_id, kind)


def standing(tenant_id: UUID) -> int:
    """A number that changes when anybody but the caller's own transaction changes who may do what.

    A transaction that has raised the epoch holds its row: whoever changes it next waits for the
    end.
    """
    if tenant_id == PLATFORM:
        return 0  # operators change other tenants, whose rows are not theirs to count
    with connection.cursor() as cursor:
        cursor.execute(STANDING, (tenant_id, PLATFORM))
        row = cursor.fetchone()
    return int(row[0]) if row else 0

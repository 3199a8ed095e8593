"""What bounds a tenant's state: quotas, and for a namespace how much history and how many entries
it keeps, and what it compresses. Read with the configuration, under the namespaces' counter.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from uuid import UUID

from stateward.kernel.flow import Flow, Statement

QUOTAS = """
SELECT subject, entries, bytes, writes_per_day FROM stateward_quota WHERE tenant_id = %s
"""
PUT_QUOTA = """
INSERT INTO stateward_quota (tenant_id, subject, entries, bytes, writes_per_day)
VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (tenant_id, subject) DO UPDATE SET entries = excluded.entries, bytes = excluded.bytes,
    writes_per_day = excluded.writes_per_day, updated_at = excluded.updated_at
"""
DROP_QUOTA = "DELETE FROM stateward_quota WHERE tenant_id = %s AND subject = %s"
BOUNDS = """
SELECT namespace_id, keep_revisions, keep_history_bytes, keep_entries, compress_over_bytes,
    compress_after_days, dead_after_days
FROM stateward_bounds WHERE tenant_id = %s
"""
PUT_BOUNDS = """
INSERT INTO stateward_bounds (tenant_id, namespace_id, keep_revisions, keep_history_bytes,
    keep_entries, compress_over_bytes, compress_after_days, dead_after_days)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (tenant_id, namespace_id) DO UPDATE SET keep_revisions = excluded.keep_revisions,
    keep_history_bytes = excluded.keep_history_bytes, keep_entries = excluded.keep_entries,
    compress_over_bytes = excluded.compress_over_bytes,
    compress_after_days = excluded.compress_after_days,
    dead_after_days = excluded.dead_after_days, updated_at = excluded.updated_at
"""
TIER = """
SELECT trimmed_revisions, trimmed_bytes, purged_entries, cold_revisions, cold_bytes_before,
    cold_bytes_after, looked_revisions
FROM stateward_tier WHERE tenant_id = %s AND namespace_id = %s
"""
DROP_BOUNDS = "DELETE FROM stateward_bounds WHERE tenant_id = %s AND namespace_id = %s"


class Quota(NamedTuple):
    """A wall: entries that live, bytes of values and revisions, writes of a UTC day; None: as much
    as one likes.
    """

    entries: int | None = None
    bytes: int | None = None
    writes_per_day: int | None = None


Quotas = Mapping[UUID, Quota]  # by namespace, and the tenant's own under its id
NO_QUOTA = Quota()


class Bounds(NamedTuple):
    """What a namespace keeps and compresses; None: all of it, nothing. Of each key so many
    revisions with their values, so many bytes of them; the newest so many entries; new values of so
    many bytes and revisions of so many days are compressed; after so many days untouched a key is
    called dead.
    """

    keep_revisions: int | None = None
    keep_history_bytes: int | None = None
    keep_entries: int | None = None
    compress_over_bytes: int | None = None
    compress_after_days: int | None = None
    dead_after_days: int | None = None

    @property
    def window(self) -> tuple[int | None, int | None, int | None]:
        """The part by which history or entries are given up."""
        return self.keep_revisions, self.keep_history_bytes, self.keep_entries


NO_BOUNDS = Bounds()


class Tier(NamedTuple):
    """What windows and compression have come to in a namespace, since they were first set."""

    trimmed_revisions: int = 0
    trimmed_bytes: int = 0
    purged_entries: int = 0
    cold_revisions: int = 0
    cold_bytes_before: int = 0  # sealed
    cold_bytes_after: int = 0
    looked_revisions: int = 0


def tier_of(tenant_id: UUID, namespace_id: UUID) -> Flow[Tier]:
    rows = yield Statement(TIER, (tenant_id, namespace_id))
    return Tier(*rows[0]) if rows else Tier()


def load_bounds(tenant_id: UUID) -> Flow[dict[UUID, Bounds]]:
    rows = yield Statement(BOUNDS, (tenant_id,))
    return {row[0]: Bounds(*row[1:]) for row in rows}


def put_bounds(tenant_id: UUID, namespace_id: UUID, bounds: Bounds) -> Flow[None]:
    """From now on; those that say nothing are taken away. Whoever calls has decided, and raises the
    epoch.
    """
    if bounds == NO_BOUNDS:
        yield Statement(DROP_BOUNDS, (tenant_id, namespace_id))
    else:
        yield Statement(PUT_BOUNDS, (tenant_id, namespace_id, *bounds))


def load_quotas(tenant_id: UUID) -> Flow[dict[UUID, Quota]]:
    rows = yield Statement(QUOTAS, (tenant_id,))
    return {row[0]: Quota(*row[1:]) for row in rows}


def put_quota(tenant_id: UUID, subject: UUID, quota: Quota) -> Flow[None]:
    """From now on; one that says nothing is taken away. Whoever calls has decided, and raises the
    epoch.
    """
    if quota == NO_QUOTA:
        yield Statement(DROP_QUOTA, (tenant_id, subject))
    else:
        yield Statement(PUT_QUOTA, (tenant_id, subject, *quota))

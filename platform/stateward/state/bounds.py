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


class Quota(NamedTuple):
    """A wall: entries that live, bytes of values and revisions, writes of a UTC day; None: as much
    as one likes.
    """

    entries: int | None = None
    bytes: int | None = None
    writes_per_day: int | None = None


Quotas = Mapping[UUID, Quota]  # by namespace, and the tenant's own under its id
NO_QUOTA = Quota()


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

"""How large the database is, day by day, and how much room its volume has.

The size is kept as the platform's storage. The volume is known where the servers are our own, or
where ``STATEWARD_DATABASE_VOLUME_BYTES`` names it: another machine's disk cannot be asked by SQL.
"""

from __future__ import annotations

import shutil

from django.conf import settings

from stateward.kernel.flow import Flow, Statement
from stateward.tenancy.models import PLATFORM

MEASURE = """
INSERT INTO stateward_storage_day
    (tenant_id, day, dimension, subject, label, entries, bytes, revisions, revision_bytes, seconds)
SELECT %(platform)s, (clock_timestamp() AT TIME ZONE 'UTC')::date, 'tenant', %(platform)s, '', 0,
    pg_database_size(current_database()), 0, 0, 0
ON CONFLICT (tenant_id, dimension, subject, day)
    DO UPDATE SET bytes = excluded.bytes, measured_at = excluded.measured_at
"""


def measure_database() -> Flow[None]:
    """Note the database's size for today; within the platform's scope."""
    yield Statement(MEASURE, {"platform": PLATFORM})


def volume_bytes(database_bytes: int) -> int | None:
    """How large the database can grow before its volume is full; None where nobody knows."""
    if settings.DATABASE_VOLUME_BYTES:
        return int(settings.DATABASE_VOLUME_BYTES)
    if settings.EMBEDDED:
        return database_bytes + shutil.disk_usage(settings.HOME).free
    return None

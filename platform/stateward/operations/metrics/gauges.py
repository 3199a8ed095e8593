"""What is looked at rather than counted, once a minute: how long the oldest record waits for its
seal. Kept like any measured duration, so that it has minutes, hours, days and percentiles.
"""

from __future__ import annotations

from bisect import bisect_left
from uuid import UUID

import orjson

from stateward.kernel.flow import Flow, Statement
from stateward.web.metrics import ADD, BOUNDS, BUCKETS

SEALING_LAG = "sealing_lag"

LAG = """
SELECT extract(epoch FROM clock_timestamp() - min(r.at))::float8 FROM stateward_audit_record r
WHERE r.tenant_id = %s AND r.at > coalesce((
    SELECT sealed_at FROM stateward_audit_checkpoint WHERE tenant_id = %s
    ORDER BY size DESC LIMIT 1), '-infinity')
"""


def sample(tenant_id: UUID) -> Flow[float]:
    """Look at the tenant now and note it; the lag in seconds. Within the tenant's scope."""
    rows = yield Statement(LAG, (tenant_id, tenant_id))
    lag = max(float(rows[0][0] or 0.0), 0.0)
    histogram = [0] * BUCKETS
    histogram[bisect_left(BOUNDS, lag)] = 1
    row = {"series": SEALING_LAG, "label": "", "count": 1, "seconds": lag, "histogram": histogram}
    yield Statement(ADD, (tenant_id, orjson.dumps([row]).decode()))
    return lag

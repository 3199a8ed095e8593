"""A look at what a hold covers: bounded, for it may be everything."""

from __future__ import annotations

from typing import NamedTuple

from stateward.kernel.flow import Flow, Statement
from stateward.state.models import Hold
from stateward.state.patterns import as_like

LOOKED_AT = 50_000
MOST = 1_000
NAMED = 12
# Along the primary key; a rare pattern in a large tenant is looked for in its first keys only.
COVERED = """
WITH sample AS MATERIALIZED (
    SELECT n.name, e.key, e.actor_id FROM stateward_namespace n
    JOIN stateward_entry e ON e.tenant_id = n.tenant_id AND e.namespace_id = n.id
    WHERE n.tenant_id = %(tenant)s AND (%(namespace)s = '' OR n.name = %(namespace)s
          OR starts_with(n.name, %(namespace)s || '.'))
      AND e.purged_at IS DISTINCT FROM e.updated_at AND e.version > 0
    LIMIT %(looked_at)s)
SELECT name, key, (SELECT count(*) FROM sample) FROM sample
WHERE (%(pattern)s = '' OR key LIKE %(pattern)s)
  AND (%(custodian)s::uuid IS NULL OR actor_id = %(custodian)s)
LIMIT %(limit)s
"""


class Covered(NamedTuple):
    """How many keys, at least, and the first few of them."""

    entries: int
    has_more: bool  # or may have
    named: list[tuple[str, str]]


def covered(hold: Hold) -> Flow[Covered]:
    """What the hold keeps now, by who wrote last. In the tenant's scope."""
    rows = yield Statement(
        COVERED,
        {
            "tenant": hold.tenant_id,
            "namespace": hold.namespace,
            "pattern": as_like(hold.key_pattern),
            "custodian": hold.custodian_id,
            "looked_at": LOOKED_AT,
            "limit": MOST + 1,
        },
    )
    named = [(row[0], row[1]) for row in rows[:NAMED]]
    has_more = len(rows) > MOST or bool(rows and rows[0][2] >= LOOKED_AT)
    return Covered(min(len(rows), MOST), has_more, named)

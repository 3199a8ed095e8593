"""Writing down which pending writes are over, and emptying them."""

from __future__ import annotations

from uuid import UUID

from stateward.kernel.flow import Statement
from stateward.tenancy.scope import execute, tenant_scope

OVER = """
WITH over AS (
    UPDATE stateward_pending p SET ended_at = clock_timestamp(),
        state = CASE WHEN a.status IN ('refused', 'withdrawn') THEN a.status ELSE 'expired' END
    FROM stateward_approval_request a
    WHERE p.tenant_id = %(tenant)s AND p.state = 'pending'
      AND a.tenant_id = p.tenant_id AND a.id = p.approval_id
      AND (a.status IN ('refused', 'withdrawn', 'void') OR p.expires_at <= clock_timestamp())
    RETURNING p.id
)
UPDATE stateward_pending_operation o SET sealed = NULL FROM over
WHERE o.tenant_id = %(tenant)s AND o.pending_id = over.id RETURNING o.pending_id
"""
FORGET = """
DELETE FROM stateward_pending WHERE tenant_id = %(tenant)s AND state <> 'pending'
  AND ended_at < clock_timestamp() - interval '90 days'
"""


def tidy_pending(tenant_id: UUID) -> int:
    """How many are newly over. What is long over is forgotten; the audit keeps that it was."""
    with tenant_scope(tenant_id):
        rows = execute(Statement(OVER, {"tenant": tenant_id}))
        execute(Statement(FORGET, {"tenant": tenant_id}))
    return len({row[0] for row in rows})

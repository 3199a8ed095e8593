"""Restrictions: what is kept of a person and meanwhile neither changed nor used (GDPR 18).

A restriction lies on one key and names the purpose that it may still be read for. Restrictions are
part of a tenant's configuration, so that placing or lifting one raises the epoch, and no write
whose statement starts afterwards escapes it. The refusal itself is an invariant of the gate
(``gate.policy.invariants``).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from uuid import UUID

from stateward.kernel.flow import Flow, Statement

IN_FORCE = """
SELECT namespace_id, key, min(purpose) FROM stateward_restriction
WHERE tenant_id = %s GROUP BY namespace_id, key
"""

Purposes = Mapping[str, str]  # by key: what it may be read for
Restrictions = Mapping[UUID, Purposes]  # by namespace
NONE: Purposes = MappingProxyType({})


def load_restrictions(tenant_id: UUID) -> Flow[Restrictions]:
    """Those in force now."""
    rows = yield Statement(IN_FORCE, (tenant_id,))
    found: dict[UUID, dict[str, str]] = {}
    for namespace_id, key, purpose in rows:
        found.setdefault(namespace_id, {})[key] = purpose
    return found

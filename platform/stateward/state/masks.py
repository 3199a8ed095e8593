"""What each namespace asks to be masked, read with the configuration under the namespaces' counter.
``masking.py`` says what it means.
"""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from stateward.kernel.flow import Flow, Statement

MASKS = "SELECT namespace_id, kinds FROM stateward_namespace_mask WHERE tenant_id = %s"
PUT = """
INSERT INTO stateward_namespace_mask (tenant_id, namespace_id, kinds) VALUES (%s, %s, %s)
ON CONFLICT (tenant_id, namespace_id)
DO UPDATE SET kinds = excluded.kinds, updated_at = clock_timestamp()
"""
DROP = "DELETE FROM stateward_namespace_mask WHERE tenant_id = %s AND namespace_id = %s"
Masks = Mapping[UUID, tuple[str, ...]]  # by namespace: kinds and groups of them


def load_masks(tenant_id: UUID) -> Flow[dict[UUID, tuple[str, ...]]]:
    rows = yield Statement(MASKS, (tenant_id,))
    return {row[0]: tuple(row[1]) for row in rows}


def put_masks(tenant_id: UUID, namespace_id: UUID, kinds: tuple[str, ...]) -> Flow[None]:
    """From now on; none takes them away. Whoever calls has decided, and raises the epoch."""
    if kinds:
        yield Statement(PUT, (tenant_id, namespace_id, list(kinds)))
    else:
        yield Statement(DROP, (tenant_id, namespace_id))

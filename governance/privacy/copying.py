"""A person's copy of their data: read page by page as it is sent, and kept nowhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

import orjson

from governance.privacy.finding import Place
from governance.privacy.models import SubjectRequest
from stateward.gate.keys.exceptions import CannotOpen
from stateward.gate.keys.load import load_keys_of, load_namespace_keys
from stateward.kernel.clock import rfc3339
from stateward.kernel.flow import Flow, Statement
from stateward.state.configuration import TenantConfiguration, load_configuration
from stateward.state.entries import FIELD
from stateward.state.values import decode, parts
from stateward.tenancy.scope import run_flow, tenant_scope

PAGE = 100  # entries
REVISIONS = """
SELECT n.name, r.namespace_id, r.key, r.version, r.operation, r.at, r.actor_type, r.actor_name,
    r.id, r.value, r.labels, e.is_alive AND e.version = r.version
FROM json_to_recordset(%s::json) AS x (ns uuid, k text)
JOIN stateward_entry e ON e.tenant_id = %s AND e.namespace_id = x.ns AND e.key = x.k COLLATE "C"
JOIN stateward_revision r ON r.tenant_id = e.tenant_id AND r.namespace_id = e.namespace_id
  AND r.key = e.key AND (%s OR r.version = e.version)
JOIN stateward_namespace n ON n.tenant_id = r.tenant_id AND n.id = r.namespace_id
WHERE r.value IS NOT NULL ORDER BY n.name, r.key, r.version DESC
"""


def copy_of(
    request: SubjectRequest, places: Sequence[Place], *, with_history: bool
) -> Iterator[dict[str, Any]]:
    """One object for each version that is still there, newest first within its entry."""
    for start in range(0, len(places), PAGE):
        with tenant_scope(request.tenant_id):
            page = places[start : start + PAGE]
            found = run_flow(_page(request.tenant_id, page, with_history=with_history))
        yield from found


def _page(
    tenant_id: UUID, places: Sequence[Place], *, with_history: bool
) -> Flow[list[dict[str, Any]]]:
    configuration = yield from load_configuration(tenant_id, max_age=0)
    items = orjson.dumps([{"ns": namespace, "k": key} for namespace, key in places]).decode()
    rows = yield Statement(REVISIONS, (items, tenant_id, with_history))
    found = []
    for row in rows:
        yield from load_namespace_keys(configuration.keys, row[1])
        yield from load_keys_of(configuration.keys, row[1], (bytes(row[9] or b""),))
        found.append(_shown(configuration, row))
    return found


def _shown(configuration: TenantConfiguration, row: Sequence[Any]) -> dict[str, Any]:
    name, space, key, version, operation, at, by_type, by_name, write_id, value, labels, now = row
    shown = {
        "namespace": name,
        "key": key,
        "version": version,
        "is_current": bool(now),
        "operation": operation,
        "at": rfc3339(at),
        "by": {"type": by_type, "name": by_name},
        "labels": labels if isinstance(labels, dict) else orjson.loads(labels),
    }
    try:
        whole = configuration.keys.open(space, key, FIELD, write_id, bytes(value))
    except CannotOpen as error:
        return shown | {"value": None, "unreadable": error.reason}
    return shown | {"value": decode(parts(whole)[0])}

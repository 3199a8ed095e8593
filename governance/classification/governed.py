"""What of classification goes into a tenant's backup: what people decided, not what was found."""

from __future__ import annotations

from uuid import UUID

import orjson

from stateward.kernel.flow import Flow, Statement
from stateward.kernel.governed import Places, back_up, keep_subjects, leave_out

ABOUT = """
FROM stateward_classification_finding f, json_to_recordset(%s::json) AS x (ns uuid, k text)
WHERE f.tenant_id = %s AND f.namespace_id = x.ns AND f.key = x.k COLLATE "C"
"""
COUNT = f"SELECT count(*) {ABOUT}"
FORGET = """
DELETE FROM stateward_classification_finding f
USING json_to_recordset(%s::json) AS x (ns uuid, k text)
WHERE f.tenant_id = %s AND f.namespace_id = x.ns AND f.key = x.k COLLATE "C" RETURNING 1
"""

back_up("stateward_classification_rule", "classification rules", match=("namespace",))
back_up("stateward_classification_suggestion", "classification suggestions")
leave_out("stateward_classification_finding", "what was found; a scan finds it anew")
leave_out("stateward_classification_standing", "what scans came to; the next one says it anew")
leave_out("stateward_classification_scan", "scans; their work is in findings and suggestions")
leave_out("stateward_classification_following", "how far changes were looked at; it begins anew")


def _asked(tenant_id: UUID, places: Places) -> tuple[str, UUID]:
    items = [{"ns": namespace, "k": name} for namespace, name in places]
    return orjson.dumps(items).decode(), tenant_id


def _count(tenant_id: UUID, places: Places) -> Flow[int]:
    rows = yield Statement(COUNT, _asked(tenant_id, places))
    return int(rows[0][0])


def _forget(tenant_id: UUID, places: Places) -> Flow[int]:
    return len((yield Statement(FORGET, _asked(tenant_id, places))))


keep_subjects(
    "findings",
    "what classification found",
    fate="deleted: kinds and places, never what stood there",
    count=_count,
    erase=_forget,
)

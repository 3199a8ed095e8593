"""What of the audit goes into a tenant's backup: all that proves it, and it is never rewritten."""

from __future__ import annotations

from uuid import UUID

import orjson

from stateward.kernel.flow import Flow, Statement
from stateward.kernel.governed import Places, keep_as_evidence, keep_subjects, leave_out

keep_as_evidence("stateward_audit_record", "audit records")
keep_as_evidence("stateward_audit_tree", "audit tree")
keep_as_evidence("stateward_audit_tile", "audit tree's nodes")
keep_as_evidence("stateward_audit_batch", "audit batches")
keep_as_evidence("stateward_audit_checkpoint", "seals")
leave_out(
    "stateward_audit_read_count", "counts by the minute of reads that are not recorded one by one"
)

# Asked by arrays, which the blocks' index of keys answers.
OF_PLACES = """
SELECT count(*) FROM json_to_recordset(%s::json) AS x (ns uuid, k text)
JOIN stateward_audit_record a ON a.namespace_id = x.ns AND a.entry_key = x.k COLLATE "C"
WHERE a.tenant_id = %s AND a.namespace_id = ANY (%s) AND a.entry_key = ANY (%s)
"""


def count_payloads(tenant_id: UUID, places: Places) -> Flow[int]:
    """How many records still say in plain that they are about these entries."""
    spaces = list({namespace for namespace, _ in places})
    keys = [key for _, key in places]
    items = orjson.dumps([{"ns": namespace, "k": key} for namespace, key in places]).decode()
    rows = yield Statement(OF_PLACES, (items, tenant_id, spaces, keys))
    return int(rows[0][0])


keep_subjects(
    "audit",
    "audit records, what they say in plain",
    fate="the payload is emptied; the record keeps a salted commitment that nobody can test a guess"
    " against, so that every proof stays what it was",
    count=count_payloads,
)

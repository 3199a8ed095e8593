"""What of privacy goes into a tenant's backup: what was asked for and decided, never the index."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from governance.privacy.outside import erased_outside
from stateward.kernel.flow import Flow, Statement
from stateward.kernel.governed import (
    back_up,
    erased_since,
    keep_as_evidence,
    keep_subjects,
    leave_out,
)

ERASED = """
SELECT t.id_hash, max(t.version) FROM stateward_tombstone t
JOIN stateward_purge_batch b ON b.tenant_id = t.tenant_id AND b.id = t.batch_id
JOIN stateward_subject_request r ON r.tenant_id = b.tenant_id AND r.id = b.rule_id
WHERE t.tenant_id = %s GROUP BY t.id_hash
"""

back_up("stateward_subject_declaration", "subject declarations", match=("kind", "source", "path"))
keep_as_evidence("stateward_subject_request", "subject requests")
keep_as_evidence("stateward_subject_identifier", "identifiers of subject requests, hashed")
keep_as_evidence("stateward_subject_event", "history of subject requests")
keep_as_evidence("stateward_subject_item", "what subject requests were about")
keep_as_evidence("stateward_subject_rescan", "searches for what was erased")
leave_out("stateward_subject_entry", "found anew where it is restored, under that tenant's key")
leave_out("stateward_subject_position", "a place in this installation's order")
leave_out("stateward_subject_walk", "how far the index has walked")
keep_subjects("index", "the subject index", fate="its keyed hashes of these entries are removed")


@erased_since
def erased_entries(tenant_id: UUID) -> Flow[Mapping[bytes, int]]:
    """What was erased at persons' requests, by the tombstones and their copy outside. In the
    tenant's scope.
    """
    rows = yield Statement(ERASED, (tenant_id,))
    found = erased_outside(tenant_id)
    for identity, version in rows:
        name = bytes(identity)
        found[name] = max(version, found.get(name, 0))
    return found

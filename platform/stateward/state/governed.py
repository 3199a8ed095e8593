"""What of state goes into a tenant's backup."""

from __future__ import annotations

from uuid import UUID

import orjson

from stateward.kernel.flow import Flow, Statement
from stateward.kernel.governed import (
    AboutPlaces,
    Lookup,
    Places,
    Sealed,
    back_up,
    keep_as_evidence,
    keep_subjects,
    leave_out,
)

# Transaction ids mean something in one installation: what comes back says so (``sql/history.sql``).
ONCE_MORE = Lookup(
    "restores", "({} + 1)::text", "SELECT n::text, n FROM generate_series(1, 1000) AS n"
)

back_up("stateward_namespace", "namespaces")
back_up(
    "stateward_entry",
    "entries",
    sealed=Sealed("value", "namespace_id", "key", "write_id", "value_hash"),
)
back_up(
    "stateward_revision",
    "revisions",
    sealed=Sealed("value", "namespace_id", "key", "id", "value_hash"),
    partitioned_by="at",
    lookups=(ONCE_MORE,),
)
back_up(
    "stateward_checkpoint",
    "checkpoints",
    follows="namespace_id",
    lookups=(ONCE_MORE,),
)
back_up("stateward_namespace_branch", "branches", follows="namespace_id", lookups=(ONCE_MORE,))
leave_out(
    "stateward_change", "places in this installation's order; a new tenant's feed begins anew"
)
back_up(
    "stateward_proposal",
    "proposals",
    sealed=Sealed("value", "namespace_id", "key", "write_id", "value_hash", field="proposal"),
    inside=("voters",),
)
back_up("stateward_vote", "votes on proposals")
leave_out("stateward_lease_ticket", "who waits for a lease at this very moment")
leave_out("stateward_idempotency", "answers kept a day for requests that come twice")
back_up("stateward_schema_version", "versions of schemas", follows="namespace_id")
leave_out("stateward_usage", "counts what is here; measured anew where it is restored")
leave_out("stateward_tier", "how far the walk over what is here has come")
back_up("stateward_bounds", "windows", follows="namespace_id")
back_up("stateward_namespace_mask", "masks", follows="namespace_id")
leave_out(
    "stateward_restriction",
    "rests on subject requests, which stay in the former tenant as evidence",
)
leave_out("stateward_quota", "how much may be stored is set where it is stored")
back_up("stateward_hold", "holds")
keep_as_evidence("stateward_purge_batch", "proofs of purges")
keep_as_evidence("stateward_tombstone", "what was purged")


# How much of some entries lies in a store: ``t`` is its table.
OF_PLACES = """
SELECT count(*) FROM json_to_recordset(%s::json) AS x (ns uuid, k text)
JOIN {table} t ON t.tenant_id = %s AND t.namespace_id = x.ns AND t.{key} = x.k COLLATE "C"
WHERE {that}
"""


def _count(table: str, that: str, key: str = "key") -> AboutPlaces:
    def count(tenant_id: UUID, places: Places) -> Flow[int]:
        items = [{"ns": namespace, "k": name} for namespace, name in places]
        sql = OF_PLACES.format(table=table, that=that, key=key)
        rows = yield Statement(sql, (orjson.dumps(items).decode(), tenant_id))
        return int(rows[0][0])

    return count


keep_subjects(
    "entries",
    "current values",
    fate="emptied; the row of the key stays, with its name and version",
    count=_count("stateward_entry", "t.is_alive"),
)
keep_subjects(
    "revisions",
    "earlier versions, and with them diffs, rollbacks and past views",
    fate="emptied of value, hash, note and labels; that they were is still listed",
    count=_count("stateward_revision", "t.value IS NOT NULL"),
)
keep_subjects(
    "proposals",
    "open proposals",
    fate="withdrawn and emptied",
    count=_count("stateward_proposal", "t.state = 'open'"),
)
keep_subjects(
    "changes",
    "announced changes",
    fate="hold no value of their own: what they show is read from the revisions; the key's name"
    " leaves them with their age",
    count=_count("stateward_change", "true"),
)
keep_subjects(
    "checkpoints",
    "checkpoints and branches",
    fate="a checkpoint is a place in the history and holds nothing; a branch's copies are entries"
    " of their own and found as such",
)
keep_subjects(
    "memory",
    "newest revisions in the memory of data planes",
    fate="sealed; replaced by the purge's revision within seconds",
)
keep_subjects(
    "repeats",
    "answers kept for repeated requests",
    fate="hold a version and no value, for a day",
    count=_count("stateward_idempotency", "true", key="entry_key"),
)

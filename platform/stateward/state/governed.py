"""What of state goes into a tenant's backup."""

from stateward.kernel.governed import Lookup, Sealed, back_up, keep_as_evidence, leave_out

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
leave_out("stateward_quota", "how much may be stored is set where it is stored")
back_up("stateward_hold", "holds")
keep_as_evidence("stateward_purge_batch", "proofs of purges")
keep_as_evidence("stateward_tombstone", "what was purged")

"""What of the audit goes into a tenant's backup: all that proves it, and it is never rewritten."""

from stateward.kernel.governed import keep_as_evidence, leave_out

keep_as_evidence("stateward_audit_record", "audit records")
keep_as_evidence("stateward_audit_tree", "audit tree")
keep_as_evidence("stateward_audit_tile", "audit tree's nodes")
keep_as_evidence("stateward_audit_batch", "audit batches")
keep_as_evidence("stateward_audit_checkpoint", "seals")
leave_out(
    "stateward_audit_read_count", "counts by the minute of reads that are not recorded one by one"
)

"""What of pending writes goes into a tenant's backup: nothing."""

from stateward.kernel.governed import Sealed, keep_subjects, leave_out

leave_out("stateward_pending", "waits for people's agreement, 72 hours at most; it is asked anew")
leave_out(
    "stateward_pending_operation",
    "waits for people's agreement, 72 hours at most",
    label="pending writes",
    sealed=Sealed("sealed", "namespace_id", "key", "write_id", "write_id", field="pending"),
)
keep_subjects(
    "pending",
    "writes that wait for agreement",
    fate="sealed, seen by no reader, and emptied once decided or after 72 hours",
)

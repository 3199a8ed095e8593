"""What of evidence goes into a tenant's backup."""

from stateward.kernel.governed import back_up

back_up("stateward_audit_view", "saved views of the audit")

"""What of capacity goes into a tenant's backup."""

from stateward.kernel.governed import back_up, leave_out

back_up("stateward_capacity_quota", "quotas", match=("tenant_id",))
leave_out("stateward_capacity_report", "what the former tenant measured and expected")

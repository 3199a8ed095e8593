"""What of this app goes into a tenant's backup."""

from stateward.kernel.governed import leave_out

leave_out("stateward_policy_dry_run", "answers about the former tenant's access log")

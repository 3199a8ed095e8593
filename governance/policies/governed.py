"""What of this app goes into a tenant's backup."""

from stateward.kernel.governed import back_up, leave_out

leave_out("stateward_policy_dry_run", "answers about the former tenant's access log")
back_up("stateward_policy_test", "tests of policies", follows="policy_id")
back_up("stateward_policy_setting", "what activations of policies need", match=("tenant_id",))

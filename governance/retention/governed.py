"""What of retention goes into a tenant's backup."""

from stateward.kernel.governed import back_up

back_up("stateward_retention_rule", "retention rules", match=("name",))
back_up("stateward_retention_version", "versions of retention rules", follows="rule_id")

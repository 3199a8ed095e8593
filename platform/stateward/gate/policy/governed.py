"""What of policies goes into a tenant's backup."""

from stateward.kernel.governed import back_up, leave_out

back_up("stateward_policy", "policies", match=("name",))
back_up(
    "stateward_policy_version",
    "policy versions",
    follows="policy_id",
    inside=("text",),
    digests=(("sha256", "text"),),
)
back_up("stateward_policy_activation", "policy activations", follows="policy_id")
leave_out("stateward_policy_override", "exceptions for hours, in the former tenant")
leave_out(
    "stateward_policy_snapshot",
    "inputs of decisions in the former audit log; a new tenant's decisions record their own",
)

"""What of the model's help goes into a tenant's backup: nothing."""

from stateward.kernel.governed import leave_out

leave_out("stateward_assist_call", "counts calls of the last two days, for the limits")

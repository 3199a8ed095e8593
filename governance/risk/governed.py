"""What of risks goes into a tenant's backup: nothing."""

from stateward.kernel.governed import leave_out

leave_out("stateward_agent_risk", "counted from the audit and the alerts of the former tenant")

"""What of sinks goes into a tenant's backup."""

from stateward.kernel.governed import leave_out

leave_out(
    "stateward_sink",
    "where this installation copies its log to, with its secrets; a restored log is another log",
)

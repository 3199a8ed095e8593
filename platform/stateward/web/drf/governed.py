"""Nothing of the web layer goes into a tenant's backup."""

from stateward.kernel.governed import leave_out

leave_out("stateward_control_idempotency", "answers kept a day for requests that come twice")

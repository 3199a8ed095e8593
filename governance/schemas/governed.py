"""What of this goes into a tenant's backup."""

from stateward.kernel.governed import leave_out

leave_out("stateward_schema_run", "work on schemas; what it changed is in revisions and audit")

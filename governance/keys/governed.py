"""What of the life of keys goes into a tenant's backup."""

from stateward.kernel.governed import keep_as_evidence, leave_out

leave_out("stateward_key_usage", "counts what is here; counted anew where it is restored")
keep_as_evidence("stateward_key_destruction", "destructions of keys")

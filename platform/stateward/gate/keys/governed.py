"""A tenant's keys travel in a part of the archive of their own, wrapped as they are."""

from stateward.kernel.governed import back_up, keep_as_evidence, leave_out

leave_out("stateward_tenant_key", "travels wrapped in the archive's part of keys")
leave_out("stateward_data_key", "travels wrapped in the archive's part of keys")
keep_as_evidence("stateward_shred", "keys that were shredded")
back_up("stateward_subject_rule", "rules of subject keys", follows="namespace_id")

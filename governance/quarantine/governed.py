"""What of quarantines goes into a tenant's backup: what people decided. The writes themselves are
found in the audit, which is kept as evidence.
"""

from stateward.kernel.governed import back_up, leave_out

back_up("stateward_quarantine", "quarantines")
leave_out("stateward_quarantine_verdict", "verdicts on records of the former audit log")

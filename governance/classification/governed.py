"""What of classification goes into a tenant's backup: what people decided, not what was found."""

from stateward.kernel.governed import back_up, leave_out

back_up("stateward_classification_rule", "classification rules", match=("namespace",))
back_up("stateward_classification_suggestion", "classification suggestions")
leave_out("stateward_classification_finding", "what was found; a scan finds it anew")
leave_out("stateward_classification_standing", "what scans came to; the next one says it anew")
leave_out("stateward_classification_scan", "scans; their work is in findings and suggestions")
leave_out("stateward_classification_following", "how far changes were looked at; it begins anew")

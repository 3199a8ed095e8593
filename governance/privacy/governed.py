"""What of privacy goes into a tenant's backup: what was asked for and decided, never the index."""

from stateward.kernel.governed import back_up, keep_as_evidence, leave_out

back_up("stateward_subject_declaration", "subject declarations", match=("kind", "source", "path"))
keep_as_evidence("stateward_subject_request", "subject requests")
keep_as_evidence("stateward_subject_identifier", "identifiers of subject requests, hashed")
keep_as_evidence("stateward_subject_event", "history of subject requests")
keep_as_evidence("stateward_subject_item", "what subject requests were about")
keep_as_evidence("stateward_subject_rescan", "searches for what was erased")
leave_out("stateward_subject_entry", "found anew where it is restored, under that tenant's key")
leave_out("stateward_subject_position", "a place in this installation's order")
leave_out("stateward_subject_walk", "how far the index has walked")

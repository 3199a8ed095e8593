"""What of compliance goes into a tenant's backup: what people decided about findings."""

from stateward.kernel.governed import back_up, leave_out

back_up(
    "stateward_compliance_finding",
    "findings",
    match=("check_id", "item_id"),
    inside=("item_id",),
)
back_up("stateward_compliance_exception", "accepted risks", follows="finding_id")
leave_out("stateward_compliance_scan", "what the former tenant was; a restored one is scanned anew")
leave_out("stateward_compliance_result", "answers of the former tenant's scans")
leave_out("stateward_compliance_event", "history of the former tenant's findings, with its audit")

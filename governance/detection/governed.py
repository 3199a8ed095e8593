"""What of detection goes into a tenant's backup: what people decided, not what was found."""

from stateward.kernel.governed import back_up, leave_out

back_up("stateward_detection_setting", "detection settings", match=("rule",))
back_up("stateward_suppression", "suppressions")
back_up("stateward_alert", "alerts")
back_up("stateward_alert_event", "alerts' history")
leave_out("stateward_alert_record", "links into the former audit log, which is kept as evidence")
leave_out("stateward_detection_progress", "how far each rule has looked; it begins anew")
leave_out("stateward_detection_volume", "counts of reads by the day; they are made anew")
leave_out(
    "stateward_detection_network", "from where keys were used; a restored tenant's keys are new"
)

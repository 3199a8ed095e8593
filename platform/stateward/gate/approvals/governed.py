"""What of approvals goes into a tenant's backup."""

from stateward.kernel.governed import back_up, leave_out

back_up("stateward_approval_setting", "numbers of people who must agree", match=("kind",))
leave_out(
    "stateward_approval_request",
    "agreement to single acts in the former tenant; a restored one asks its own people",
)
leave_out("stateward_approval_vote", "as the requests they are about; the audit holds each")

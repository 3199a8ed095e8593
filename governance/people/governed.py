"""What of managing people goes into a tenant's backup."""

from stateward.kernel.governed import back_up, leave_out

back_up("stateward_tenant_limits", "limits", match=("tenant_id",))
leave_out("stateward_invitation", "open links into the tenant; they are sent anew")
leave_out("stateward_closure", "how the former tenant was closed; a restored one is open")

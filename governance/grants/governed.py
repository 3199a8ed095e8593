"""What of grants goes into a tenant's backup. A tenant that is there keeps its own as they are."""

from stateward.kernel.governed import Lookup, back_up

# Guardian's rows name a permission by the number that this database gave it.
PERMISSION = Lookup(
    "permission_id",
    name=(
        "(SELECT c.app_label || '.' || c.model || '.' || p.codename FROM auth_permission p"
        " JOIN django_content_type c ON c.id = p.content_type_id WHERE p.id = {})"
    ),
    numbers=(
        "SELECT c.app_label || '.' || c.model || '.' || p.codename, p.id FROM auth_permission p"
        " JOIN django_content_type c ON c.id = p.content_type_id"
    ),
)
TO = {
    "member": ("tenant", "namespace", "branch", "agent", "policy"),
    "group": ("tenant", "namespace", "branch", "agent", "policy"),
    "agent": ("tenant", "namespace", "branch"),
}

back_up("stateward_group", "groups", match=("name",), joins=False)
back_up("stateward_group_member", "members of groups", joins=False)
back_up("stateward_branch", "branches of names", match=("name",))
for kind, places in TO.items():
    for place in places:
        back_up(
            f"stateward_grant_{place}_{kind}",
            f"grants on {place} to {kind}",
            people=("user_id",) if kind == "member" else (),
            lookups=(PERMISSION,),
            joins=False,
        )

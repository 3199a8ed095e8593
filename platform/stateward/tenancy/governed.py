"""What of people and programs goes into a tenant's backup."""

from stateward.kernel.governed import back_up, leave_out

# Who may come in is the present tenant's affair: a backup brings nobody back into it.
back_up("stateward_member", "members", match=("person_id",), people=("person_id",), joins=False)
back_up("stateward_agent", "agents", match=("name",))
leave_out("stateward_credential", "a copied secret is a second secret; agents are given new keys")
leave_out("stateward_credential_index", "names only credentials")
leave_out("stateward_rate_limit", "how often who may call is the present tenant's affair")
leave_out("stateward_epoch", "counts this installation's changes; a restored tenant begins at one")

"""Pages of who there is: agents with their credentials, members, invitations."""

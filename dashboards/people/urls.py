"""Addresses of agents and members."""

from __future__ import annotations

from django.urls import URLPattern, path

from dashboards.people import agents, credentials, members

AGENT = "agents/<uuid:agent_id>"
MEMBER = "members/<uuid:member_id>"

urlpatterns: list[URLPattern] = [
    path("agents/", agents.agents, name="agents"),
    path("agents/new", agents.create, name="agent_new"),
    path(f"{AGENT}/", agents.agent, name="agent"),
    path(f"{AGENT}/edit", agents.edit, name="agent_edit"),
    path(f"{AGENT}/pause", agents.pause, name="agent_pause"),
    path(f"{AGENT}/resume", agents.resume, name="agent_resume"),
    path(f"{AGENT}/retire", agents.retire, name="agent_retire"),
    path(f"{AGENT}/keys/new", credentials.create, name="credential_new"),
    path("agents/keys/<uuid:credential_id>/rotate", credentials.rotate, name="credential_rotate"),
    path("agents/keys/<uuid:credential_id>/revoke", credentials.revoke, name="credential_revoke"),
    path("tokens/", credentials.tokens, name="tokens"),
    path("tokens/new", credentials.create_token, name="token_new"),
    path("members/", members.members, name="members"),
    path("members/invite", members.invite, name="member_invite"),
    path("members/invitations/<uuid:invitation_id>", members.withdraw, name="invitation_withdraw"),
    path(f"{MEMBER}/", members.member, name="member"),
    path(f"{MEMBER}/remove", members.remove, name="member_remove"),
    path(f"{MEMBER}/suspend", members.suspend, name="member_suspend"),
]

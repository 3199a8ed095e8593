"""Where people, agents and credentials are managed."""

from django.urls import path

from governance.people import joining
from governance.people.api import agents, limits, members, tenants

_V1 = "api/v1"

urlpatterns = [
    path("join", joining.join, name="join"),
    path("join/<str:link>", joining.open_link, name="open_link"),
    path(f"{_V1}/agents", agents.AgentsView.as_view()),
    path(f"{_V1}/agents/<uuid:agent_id>", agents.AgentView.as_view()),
    path(f"{_V1}/agents/<uuid:agent_id>/pause", agents.AgentPauseView.as_view()),
    path(f"{_V1}/agents/<uuid:agent_id>/credentials", agents.AgentCredentialsView.as_view()),
    path(f"{_V1}/credentials", agents.OwnCredentialsView.as_view()),
    path(f"{_V1}/credentials/<uuid:credential_id>", agents.CredentialView.as_view()),
    path(
        f"{_V1}/credentials/<uuid:credential_id>/rotation",
        agents.CredentialRotationView.as_view(),
    ),
    path(
        f"{_V1}/credentials/<uuid:credential_id>/rate-limit",
        limits.CredentialRateLimitView.as_view(),
    ),
    path(f"{_V1}/members", members.MembersView.as_view()),
    path(f"{_V1}/members/<uuid:member_id>", members.MemberView.as_view()),
    path(f"{_V1}/members/<uuid:member_id>/suspension", members.MemberSuspensionView.as_view()),
    path(f"{_V1}/invitations", members.InvitationsView.as_view()),
    path(f"{_V1}/invitations/acceptance", members.AcceptanceView.as_view()),
    path(f"{_V1}/invitations/<uuid:invitation_id>", members.InvitationView.as_view()),
    path(f"{_V1}/tenant", tenants.OwnTenantView.as_view()),
    path(f"{_V1}/tenant/rate-limit", limits.TenantRateLimitView.as_view()),
    path(f"{_V1}/tenant/closure", tenants.ClosureView.as_view()),
    path(f"{_V1}/tenant/closure/deletion", tenants.DeletionView.as_view()),
    path(f"{_V1}/tenant/closure/approval", tenants.DeletionApprovalView.as_view()),
    path(f"{_V1}/tenants", tenants.TenantsView.as_view()),
    path(
        f"{_V1}/tenants/<uuid:tenant_id>/closure/approval", tenants.OperatorApprovalView.as_view()
    ),
]

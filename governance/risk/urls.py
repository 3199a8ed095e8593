"""Addresses of the risk of agents."""

from django.urls import path

from governance.risk.api import AgentRisksView, AgentRiskView

urlpatterns = [
    path("api/v1/agent-risks", AgentRisksView.as_view()),
    path("api/v1/agents/<uuid:agent_id>/risk", AgentRiskView.as_view()),
]

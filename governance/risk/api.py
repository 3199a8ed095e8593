"""Risks over REST."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.response import Response

from governance.risk.queries import Ranked, agents_at_risk, risk_of
from governance.risk.serializers import AgentRiskDetailSerializer, AgentRisksSerializer
from stateward.kernel.clock import rfc3339
from stateward.web.drf.pages import known_parameters, limit_of
from stateward.web.drf.requests import ActorRequest
from stateward.web.drf.views import ApiView


class AgentRisksView(ApiView):
    """The agents at risk, the worst first."""

    @extend_schema(
        operation_id="list_agent_risks",
        parameters=[OpenApiParameter("limit", int)],
        responses=AgentRisksSerializer,
    )
    def get(self, request: ActorRequest) -> Response:
        known_parameters(request)
        found = agents_at_risk(request.actor, request.call, limit=limit_of(request))
        return Response({"items": [risk_body(one) for one in found]})


class AgentRiskView(ApiView):
    @extend_schema(operation_id="get_agent_risk", responses=AgentRiskDetailSerializer)
    def get(self, request: ActorRequest, agent_id: UUID) -> Response:
        known_parameters(request)
        found = risk_of(request.actor, request.call, agent_id)
        hours = [
            {
                "hour": rfc3339(one.hour),
                "points": one.points,
                "denials": one.denials,
                "failures": one.errors,
                "alerts": one.low + one.medium + one.high + one.critical,
            }
            for one in found.standing.hours
        ]
        return Response(risk_body(found) | {"hours": hours})


def risk_body(one: Ranked) -> dict[str, Any]:
    score = one.standing.score
    return {
        "agent": str(one.agent.id),
        "name": one.agent.name,
        "score": score.score,
        "level": score.level,
        "terms": [
            {"name": term.name, "count": term.count, "points": term.points} for term in score.terms
        ],
    }

"""Who may see a risk: whoever reads the tenant's alerts, of agents they may know of."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from governance.people.services.agents import find_agent, readable_agents
from governance.risk.counting import Standing, standings
from governance.risk.scoring import Score
from stateward.gate.policy.permits import permit, whole_tenant
from stateward.kernel.clock import now
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.models import Agent
from stateward.tenancy.scope import run_flow

MOST = 1_000


class Ranked(NamedTuple):
    """An agent with how it stands."""

    agent: Agent
    standing: Standing


def agents_at_risk(actor: Actor, call: Call, *, limit: int = MOST) -> list[Ranked]:
    """The agents of whom something was counted within a week, the worst first."""
    permit(actor, call, "alert.read", whole_tenant(actor))
    found = [one for one in run_flow(standings(actor.tenant_id, now())) if one.score.score]
    ids = [one.agent_id for one in found[:MOST]]
    rows = Agent.objects.filter(tenant_id=actor.tenant_id, id__in=ids)
    known: dict[UUID, Agent] = {}
    if ids:
        readable, _ = readable_agents(actor, call, rows, limit=MOST)
        known = {one.id: one for one in readable}
    ranked = [Ranked(known[one.agent_id], one) for one in found if one.agent_id in known]
    return ranked[:limit]


def risk_of(actor: Actor, call: Call, agent_id: UUID) -> Ranked:
    """One agent's; nothing counted is a score of 0. NotFound for one they may not know of."""
    permit(actor, call, "alert.read", whole_tenant(actor))
    agent = find_agent(actor, call, agent_id)
    found = run_flow(standings(actor.tenant_id, now(), agent=agent_id))
    return Ranked(agent, found[0] if found else Standing(agent_id, Score(0, ()), []))

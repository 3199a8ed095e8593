"""What a member may see of a page: asked of the gate, never guessed from roles."""

from __future__ import annotations

from dashboards.requests import ConsoleRequest
from stateward.gate.policy.book import PolicyBook
from stateward.gate.policy.decide import decide
from stateward.gate.policy.load import current_policies
from stateward.gate.policy.requests import Decision, Resource, call_context
from stateward.gate.policy.vocabulary import ResourceType
from stateward.tenancy.scope import run_flow


def may(request: ConsoleRequest, action: str, kind: ResourceType = "tenant") -> Decision:
    """The decision about something of the tenant as a whole; within the tenant's scope.

    For panels: a denial is shown in the panel's place, with its reason. It is not recorded: nobody
    asked for what the page offers of itself.
    """
    policies: PolicyBook | None = getattr(request, "_policies", None)
    if policies is None:
        policies = run_flow(current_policies(request.actor.tenant_id))
        request._policies = policies  # type: ignore[attr-defined]  # lives as long as the request
    slug = request.actor.tenant_slug
    about = Resource(kind, slug, {"name": slug})
    return decide(policies, request.actor, action, about, call_context(request.call))

"""What every page shows around its content: navigation, tenants, the pulse of proof."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast
from uuid import UUID

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject

from dashboards.evidence import Evidence, evidence
from dashboards.navigation import navigation
from dashboards.permissions import may
from dashboards.requests import ConsoleRequest
from governance.detection.standing import Standing, standing
from stateward.gate.approvals.queries import waiting_for
from stateward.tenancy.models import Person
from stateward.tenancy.scope import run_flow, tenant_scope
from stateward.web.sessions import person_memberships


def shell(request: HttpRequest) -> dict[str, Any]:
    """Context processor. Each part is looked up only by a template that shows it."""
    if not isinstance(getattr(request, "user", None), Person):
        return {}
    membership = getattr(request, "tenant", None)
    if not membership:
        return {"tenant": None}
    pulse = _lazily(lambda: _pulse(request, membership.tenant_id))
    return {
        "tenant": membership,
        "tenants": _lazily(lambda: person_memberships(request)),
        "pulse": pulse,
        "find_url": reverse("console:find", args=[membership.tenant_slug]),
        "waiting": _lazily(lambda: _waiting(request)),
        "asked_of_you": _lazily(lambda: pulse.counted),
        "navigation": _lazily(lambda: navigation(membership.tenant_slug, request.path)),
    }


def _lazily(look_up: Callable[[], Any]) -> Any:
    return SimpleLazyObject(look_up)


def _pulse(request: HttpRequest, tenant_id: UUID) -> Evidence:
    """How the log stands, and how many approvals wait for this person; outside of a tenant's pages
    none.
    """
    counted = waiting_for(cast(ConsoleRequest, request).actor) if hasattr(request, "call") else None
    with tenant_scope(tenant_id):
        return run_flow(evidence(tenant_id, counted))


def _waiting(request: HttpRequest) -> Standing | None:
    """The alerts nobody has taken up, for who may read them; None on pages outside of a tenant."""
    if not hasattr(request, "call"):
        return None
    console = cast(ConsoleRequest, request)
    with tenant_scope(console.tenant.tenant_id):
        allowed = may(console, "alert.read").allowed
        return standing(console.tenant.tenant_id) if allowed else None

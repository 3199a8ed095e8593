"""Saved views: kept, shared and removed by whoever may read the audit."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from governance.evidence.acts import audit_log
from governance.evidence.models import AuditView
from governance.evidence.queries import MAX_TEXT
from stateward.gate.policy.permits import permit, record
from stateward.gate.policy.requests import Decision
from stateward.kernel.errors import Conflict, Forbidden, NotFound, unfit
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.scope import tenant_scope

MOST = 50  # of one person
CONDITIONS = (
    "range", "from", "until", "actor", "action", "outcome", "namespace", "key", "classification",
    "request_id", "run", "policy", "purpose", "q",
)  # fmt: skip


class ViewNameTaken(Conflict):
    """You have a view of this name already."""

    code, title = "view_name_taken", "Name taken"


class LimitedCredential(Forbidden):
    """A credential that is limited to some actions keeps no views."""


class TooManyViews(Conflict):
    """You have as many views as allowed; remove one first."""

    code, title = "too_many_views", "Too many views"


def views_for(actor: Actor) -> QuerySet[AuditView, AuditView]:
    """One's own, and those that others share. In the tenant's scope."""
    mine = Q(owner_id=actor.id) | Q(is_shared=True)
    return AuditView.objects.filter(mine, tenant_id=actor.tenant_id).order_by("name", "id")


def save_view(
    actor: Actor, call: Call, *, name: str, conditions: Mapping[str, str], is_shared: bool = False
) -> AuditView:
    """Keep these conditions under a name."""
    with tenant_scope(actor.tenant_id):
        decision = _permit(actor, call)
        name = name.strip()
        if not name or len(name) > 80 or not name.isprintable():
            raise unfit("name", "one line of at most 80 characters")
        for member, text in conditions.items():
            if member not in CONDITIONS:
                raise unfit(f"conditions/{member}", "not a condition of the audit's page")
            if not isinstance(text, str) or len(text) > MAX_TEXT or "\x00" in text:
                raise unfit(f"conditions/{member}", f"a text of at most {MAX_TEXT:,} characters")
        if AuditView.objects.filter(tenant_id=actor.tenant_id, owner_id=actor.id).count() >= MOST:
            raise TooManyViews
        view = AuditView(
            tenant_id=actor.tenant_id,
            owner_type=actor.type,
            owner_id=actor.id,
            owner_name=actor.name[:254],
            name=name,
            conditions=dict(conditions),
            is_shared=is_shared,
        )
        try:
            with transaction.atomic():
                view.save(force_insert=True)
        except IntegrityError:
            raise ViewNameTaken from None
        details = {"event": "view.saved", "name": name, "is_shared": is_shared}
        record(call, decision, "audit.read", ("audit_view", str(view.id)), details)
        return AuditView.objects.get(id=view.id)


def remove_view(actor: Actor, call: Call, view_id: UUID) -> None:
    """One's own. What others share is theirs to remove."""
    with tenant_scope(actor.tenant_id):
        decision = _permit(actor, call)
        rows = AuditView.objects.filter(tenant_id=actor.tenant_id, owner_id=actor.id, id=view_id)
        view = rows.first()
        if view is None:
            raise NotFound
        details = {"event": "view.removed", "name": view.name}
        record(call, decision, "audit.read", ("audit_view", str(view.id)), details)
        view.delete()


def _permit(actor: Actor, call: Call) -> Decision:
    """To whoever may read the log, but by no credential that may only read: this writes."""
    decision = permit(actor, call, "audit.read", audit_log(actor))
    if actor.scopes is not None:
        raise LimitedCredential
    return decision

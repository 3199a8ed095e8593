"""How many people must agree, by kind: raised by whoever manages the tenant, lowered only with the
agreement of as many as the number now asks for.
"""

from __future__ import annotations

from django.db.models.functions import Now

from stateward.gate.approvals import kinds, services
from stateward.gate.approvals.exceptions import ContentChanged
from stateward.gate.approvals.models import ApprovalRequest, ApprovalSetting
from stateward.gate.policy.permits import permit, record, whole_tenant
from stateward.gate.policy.requests import Resource
from stateward.kernel.errors import unfit
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.epochs import bump
from stateward.tenancy.scope import tenant_scope

LOWER = "approval.lower"


def set_number(
    actor: Actor, call: Call, kind: str, *, number: int, reason: str = ""
) -> ApprovalRequest | None:
    """Set how many others must agree to acts of ``kind``, 0 to 3; in force at once if it is not
    lower than now. A lower one is asked for: the request is answered.
    """
    named = kinds.find_kind(kind)
    if not 0 <= number <= kinds.MOST_NEEDED:
        raise unfit("number", f"0 to {kinds.MOST_NEEDED}")
    with tenant_scope(actor.tenant_id):
        bump(actor.tenant_id, "policies")  # first: two who change one follow each other
        decision = permit(actor, call, "tenant.manage", whole_tenant(actor))
        now = services.needed(actor.tenant_id, kind)
        if number >= now:
            if number > now:
                _write(actor, kind, number)
                details = {"event": "approvals.changed", "kind": kind, "from": now, "to": number}
                record(call, decision, "tenant.manage", whole_tenant(actor), details)
            return None
        return services.ask(
            actor,
            call,
            LOWER,
            subject=("approval_setting", kind, named.title),
            content={"kind": kind, "from": now, "to": number},
            summary=f"{named.title}: {_people(number)} must agree, no longer {now}",
            reason=reason,
            at_least=now,
        )


def _lower(request: ApprovalRequest, actor: Actor, call: Call) -> None:
    content = request.content
    kind, number = str(content["kind"]), int(content["to"])
    bump(actor.tenant_id, "policies")
    now = services.needed(actor.tenant_id, kind)
    votes = request.votes.filter(verdict="approve").values_list("id", flat=True)
    decision = permit(actor, call, "tenant.manage", whole_tenant(actor))
    if now > int(content["from"]):
        raise ContentChanged("The number was raised since this was asked for; ask again.")
    _write(actor, kind, number)
    details = {"event": "approvals.changed", "kind": kind, "from": now, "to": number}
    approvals = [str(one) for one in votes]
    record(call, decision, "tenant.manage", whole_tenant(actor), details, approvals=approvals)


def _write(actor: Actor, kind: str, number: int) -> None:
    ApprovalSetting.objects.update_or_create(
        tenant_id=actor.tenant_id,
        kind=kind,
        defaults={
            "number": number,
            "changed_by_name": actor.name[:200],
            "changed_at": Now(),
        },
    )


def _people(number: int) -> str:
    return "nobody else" if number == 0 else f"{number} other{'s' if number > 1 else ''}"


def _tenant(request: ApprovalRequest) -> Resource:
    slug = request.tenant.slug
    return Resource("tenant", slug, {"name": slug})


kinds.register(
    kinds.Kind(
        LOWER,
        "Lower the number of people who must agree",
        "tenant.manage",
        _tenant,
        needed=1,
        perform=_lower,
        is_listed=False,
    )
)

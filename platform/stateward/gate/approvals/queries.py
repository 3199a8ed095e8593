"""Reads of approvals. A request is shown to whoever asked, to whoever may agree to it, and to
whoever reads the audit, in which it is told as well.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from stateward.gate.approvals.exceptions import NoSuchKind, NoSuchRequest
from stateward.gate.approvals.kinds import Kind, find_kind, listed_kinds
from stateward.gate.approvals.models import ApprovalRequest, ApprovalSetting
from stateward.gate.policy.decide import decide
from stateward.gate.policy.load import current_policies
from stateward.gate.policy.permits import permit, whole_tenant
from stateward.gate.policy.principals import load_delegator
from stateward.gate.policy.requests import Resource, call_context
from stateward.kernel.clock import now
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.scope import run_flow

STATES = ("waiting", "mine", "open", "closed")
MOST_COUNTED = 100
MOST_LOOKED_AT = 1_000  # rows that one page of a list may pass over


@dataclass(frozen=True, slots=True)
class Number:
    """How many others must agree to acts of a kind."""

    kind: Kind
    number: int
    is_own: bool  # set by the tenant


def standing(request: ApprovalRequest) -> str:
    """Its status as of now: an open one whose time is over is ``expired``."""
    if request.status in {"pending", "approved"} and request.expires_at <= now():
        return "expired"
    return request.status


def requests_in(actor: Actor, state: str | None = None) -> QuerySet[ApprovalRequest]:
    """Of a state: those that wait for the caller's vote, those they asked for, open or closed."""
    rows = ApprovalRequest.objects.filter(tenant_id=actor.tenant_id).prefetch_related("votes")
    is_open = Q(status__in=("pending", "approved"), expires_at__gt=Now())
    match state:
        case "waiting":
            return _waiting(actor).prefetch_related("votes")
        case "mine":
            return rows.filter(asked_by_type=actor.type, asked_by_id=actor.id)
        case "open":
            return rows.filter(is_open)
        case "closed":
            return rows.exclude(is_open)
    return rows


def readable_requests(
    actor: Actor, call: Call, *, state: str | None, after: UUID | None, limit: int
) -> tuple[list[ApprovalRequest], UUID | None]:
    """Up to ``limit`` that the caller may see, newest first, and the id to go on after."""
    may_see = _sight(actor, call)
    rows = requests_in(actor, state).order_by("-id")
    if after is not None:
        rows = rows.filter(id__lt=after)
    found: list[ApprovalRequest] = []
    last: UUID | None = None
    for request in rows[:MOST_LOOKED_AT].iterator(chunk_size=200):
        if len(found) == limit:
            return found, last
        last = request.id
        if may_see(request):
            found.append(request)
    return found, None


def readable_request(actor: Actor, call: Call, request_id: UUID) -> ApprovalRequest:
    """NoSuchRequest (404) also for one the caller may not see."""
    request = ApprovalRequest.objects.filter(tenant_id=actor.tenant_id, id=request_id).first()
    if request is None or not _sight(actor, call)(request):
        raise NoSuchRequest
    return request


def may_vote(actor: Actor, request: ApprovalRequest) -> bool:
    """Whether this person's vote is still waited for."""
    return (
        standing(request) == "pending"
        and actor.type == "member"
        and actor.auth_method == "session"
        and actor.id in request.electors
        and actor.id not in request.authors
        and not request.votes.filter(member_id=actor.id).exists()
    )


def waiting_for(actor: Actor) -> QuerySet[ApprovalRequest, Any]:
    """The ids of requests that wait for this person's vote, up to ``MOST_COUNTED``."""
    return _waiting(actor).values("id")[:MOST_COUNTED]


def numbers(actor: Actor, call: Call) -> list[Number]:
    """For each kind, how many others must agree in this tenant."""
    permit(actor, call, "tenant.read", whole_tenant(actor))
    rows = ApprovalSetting.objects.filter(tenant_id=actor.tenant_id)
    own = dict(rows.values_list("kind", "number"))
    return [
        Number(kind, own.get(kind.name, kind.needed), kind.name in own) for kind in listed_kinds()
    ]


def _waiting(actor: Actor) -> QuerySet[ApprovalRequest]:
    rows = ApprovalRequest.objects.filter(
        tenant_id=actor.tenant_id,
        status="pending",
        expires_at__gt=Now(),
        electors__contains=[actor.id],
    )
    return rows.exclude(votes__member_id=actor.id)


def _sight(actor: Actor, call: Call) -> Callable[[ApprovalRequest], bool]:
    book = run_flow(current_policies(actor.tenant_id))
    delegator = run_flow(load_delegator(actor, call))
    context = call_context(call)

    def allowed(action: str, resource: Resource) -> bool:
        return decide(book, actor, action, resource, context, delegator=delegator).allowed

    slug = actor.tenant_slug
    reads_audit = allowed("audit.read", Resource("audit_log", slug, {"name": slug}))

    def may_see(request: ApprovalRequest) -> bool:
        if reads_audit or (request.asked_by_type, request.asked_by_id) == (actor.type, actor.id):
            return True
        try:
            kind = find_kind(request.kind)
        except NoSuchKind:  # of an app that is gone
            return False
        return allowed(kind.approve, kind.resource(request))

    return may_see

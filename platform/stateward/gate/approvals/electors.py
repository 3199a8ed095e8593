"""Who could agree to a request at the moment it is made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from uuid import UUID

from stateward.gate.approvals.kinds import Kind
from stateward.gate.approvals.models import ApprovalRequest
from stateward.gate.policy.decide import decide
from stateward.gate.policy.load import current_policies
from stateward.gate.policy.principals import page_of_principals
from stateward.tenancy.actors import Actor
from stateward.tenancy.scope import run_flow

PAGE = 500


def found(request: ApprovalRequest, kind: Kind) -> list[UUID]:
    """The members, less those who asked or wrote it, whom the rules in force permit to agree.

    Each is asked about as somebody who signed in with a second factor: whether they did is decided
    again when they vote.
    """
    book = run_flow(current_policies(request.tenant_id))
    resource = kind.resource(request)
    return [
        member.id
        for member in _members(request.tenant_id)
        if member.id not in request.authors
        and decide(book, replace(member, mfa=True), kind.approve, resource).allowed
    ]


def _members(tenant_id: UUID) -> Iterator[Actor]:
    after: UUID | None = None
    while True:
        page = run_flow(page_of_principals(tenant_id, "member", after=after, limit=PAGE))
        yield from page
        if len(page) < PAGE:
            return
        after = page[-1].id

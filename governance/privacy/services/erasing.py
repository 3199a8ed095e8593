"""Erasing a person: seen first, agreed to by somebody else, then carried out by a job.

What is agreed to is a list, frozen under its hash. If more of the person is found before the job
begins, the hash is another, and it has to be asked anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from governance.privacy.acts import note, permit
from governance.privacy.exceptions import StillSearching, UnderWay, WrongKind
from governance.privacy.finding import Found, find, item_hash
from governance.privacy.index import position_of
from governance.privacy.models import SubjectItem, SubjectRequest
from governance.privacy.services.requests import find_request, locked
from governance.retention.fitness import check_text
from governance.retention.queries import database_time
from stateward.gate.approvals.kinds import Kind, register
from stateward.gate.approvals.models import ApprovalRequest
from stateward.gate.approvals.services import ask, use
from stateward.gate.policy.requests import Decision, Resource
from stateward.operations.jobs.services import start
from stateward.state.configuration import load_configuration
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.models import Tenant
from stateward.tenancy.scope import run_flow, tenant_scope

ERASE = "subject.erase"


def look(actor: Actor, call: Call, request_id: UUID) -> tuple[SubjectRequest, Found]:
    """What there is of the person, and what an erasure now would come to. Nothing is changed."""
    with tenant_scope(actor.tenant_id):
        permit(actor, call, "subject.read")
        request = find_request(actor.tenant_id, request_id)
        return request, run_flow(find(request, database_time()))


def ask_to_erase(actor: Actor, call: Call, request_id: UUID, *, reason: str) -> ApprovalRequest:
    """Ask somebody else to agree; with their vote the erasure begins."""
    with tenant_scope(actor.tenant_id):
        permit(actor, call, ERASE)
        request, found = _erasable(actor, request_id)
        reason = check_text("reason", reason, needed=True)
        summary = (
            f"Erase {found.entries} entries of the person in {request.reference}: {found.due} now,"
            f" {found.retained} when their retain rules end, {found.held} under a hold."
        )
        return ask(
            actor, call, ERASE,
            subject=("subject_request", str(request.id), request.reference),
            content=_content(request, found), summary=summary, reason=reason,
        )  # fmt: skip


def erase_subject(actor: Actor, call: Call, request_id: UUID) -> SubjectRequest:
    """Begin the erasure. ApprovalNeeded (409) where nobody agreed to this very list."""
    with tenant_scope(actor.tenant_id):
        decision = permit(actor, call, ERASE)
        request, found = _erasable(actor, request_id)
        content = _content(request, found)
        approvals = use(actor, call, ERASE, subject_id=str(request.id), content=content)
        return _begin(actor, call, request, found, approvals, decision)


def _perform(asked: ApprovalRequest, actor: Actor, call: Call) -> None:
    """The last vote's: what was agreed to is what is found now, or it is asked anew."""
    with tenant_scope(actor.tenant_id):
        decision = permit(actor, call, ERASE)
        request, found = _erasable(actor, UUID(asked.subject_id))
        content = _content(request, found)
        approvals = use(actor, call, ERASE, subject_id=str(request.id), content=content)
        _begin(actor, call, request, found, approvals, decision)


def _erasable(actor: Actor, request_id: UUID) -> tuple[SubjectRequest, Found]:
    """The request under lock, searched for to its end, and all that was found."""
    request = locked(actor.tenant_id, request_id)
    if request.kind != "erasure":
        raise WrongKind
    if request.state == "working":
        raise UnderWay
    position = run_flow(position_of(actor.tenant_id))
    if request.state == "searching" or position is None or position < request.received_at:
        raise StillSearching
    return request, run_flow(find(request, database_time()))


def _content(request: SubjectRequest, found: Found) -> dict[str, Any]:
    return {"request": str(request.id), "entries": found.entries, "list_sha256": found.sha256}


def _begin(  # noqa: PLR0917  # in the order of a sentence
    actor: Actor,
    call: Call,
    request: SubjectRequest,
    found: Found,
    approvals: Sequence[str],
    decision: Decision,
) -> SubjectRequest:
    freeze(request, found)
    run_id = start(
        "privacy.erase",
        tenant_id=request.tenant_id,
        params={"request": str(request.id), "approvals": list(approvals)},
        actor=actor,
    )
    SubjectRequest.objects.filter(tenant_id=request.tenant_id, id=request.id).update(
        state="working", found=found.entries, run_id=run_id, waits_for="", wait_until=None
    )
    details = {"entries": found.entries, "list_sha256": found.sha256, "run": str(run_id)}
    note(
        actor, call, request, "begun", decision=decision, action=ERASE, details=details,
        approvals=approvals,
    )  # fmt: skip
    return find_request(request.tenant_id, request.id)


def freeze(request: SubjectRequest, found: Found) -> None:
    """Write the list down, so that a killed worker's successor goes by the same one."""
    configuration = run_flow(load_configuration(request.tenant_id, max_age=0))
    SubjectItem.objects.bulk_create(
        [
            SubjectItem(
                tenant_id=request.tenant_id,
                request=request,
                namespace_id=place[0],
                key=place[1],
                id_hash=item_hash(configuration, place),
            )
            for place in found.places
        ],
        ignore_conflicts=True,
        batch_size=1_000,
    )


def _resource(asked: ApprovalRequest) -> Resource:
    slug = Tenant.objects.values_list("slug", flat=True).get(id=asked.tenant_id)
    return Resource("tenant", slug, {"name": slug})


register(
    Kind(
        ERASE,
        "Erase a person",
        ERASE,
        _resource,
        needed=1,
        perform=_perform,
        ask="POST /v1/privacy/requests/{request_id}/erasure/approval",
    )
)

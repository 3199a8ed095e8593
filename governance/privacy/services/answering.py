"""Answering what is no erasure: a copy of one's data, and the restriction of its processing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.db.models.functions import Now

from governance.privacy.acts import note, permit
from governance.privacy.certificate import certify
from governance.privacy.copying import copy_of
from governance.privacy.exceptions import NothingRestricted, StillSearching, WrongKind
from governance.privacy.finding import MOST, Place, places_of
from governance.privacy.index import position_of
from governance.privacy.models import SubjectRequest
from governance.privacy.restricting import lift, restrict, restricted
from governance.privacy.services.requests import find_request, locked, managed
from governance.retention.fitness import check_text
from stateward.gate.policy.requests import Decision
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.scope import run_flow, tenant_scope

DISCLOSED = ("access", "portability")


def disclose(actor: Actor, call: Call, request_id: UUID) -> Iterator[dict[str, Any]]:
    """All values of the person, entry by entry: for access with their history, for portability as
    they stand. Recorded before the first is read; nothing of it is kept here. Whoever may disclose
    reads them whatever their class, that being what the person asked for.
    """
    with tenant_scope(actor.tenant_id):
        decision = permit(actor, call, "subject.disclose")
        request, places = _searched(actor.tenant_id, request_id)
        if request.kind not in DISCLOSED:
            raise WrongKind
        details = {"entries": len(places)}
        note(actor, call, request, "disclosed", decision=decision, action="subject.disclose",
             details=details)  # fmt: skip
        with_history = request.kind == "access"
    return copy_of(request, places, with_history=with_history)


def answer_request(actor: Actor, call: Call, request_id: UUID, *, reason: str) -> SubjectRequest:
    """Say that the person has their copy; the request is done, with its certificate."""
    with tenant_scope(actor.tenant_id):
        request, decision = managed(actor, call, request_id)
        if request.kind not in DISCLOSED:
            raise WrongKind
        if request.state == "searching":
            raise StillSearching
        return _settled(actor, call, request, decision, "done", check_text("reason", reason))


def restrict_subject(actor: Actor, call: Call, request_id: UUID) -> SubjectRequest:
    """From the next statement on what names the person is neither changed nor used for anything but
    the request's purpose, until somebody lifts it. What names them later is restricted too.
    """
    with tenant_scope(actor.tenant_id):
        decision = permit(actor, call, "subject.manage")
        request, places = _searched(actor.tenant_id, request_id)
        if request.kind != "restriction":
            raise WrongKind
        restrict(request, places)
        request.restricted = restricted(request)
        return _settled(actor, call, request, decision, "waiting", "in force until it is lifted")


def lift_restriction(actor: Actor, call: Call, request_id: UUID, *, reason: str) -> SubjectRequest:
    """End the restriction; whoever asked for it is told before (GDPR 18(3))."""
    with tenant_scope(actor.tenant_id):
        request, decision = managed(actor, call, request_id)
        if request.kind != "restriction" or request.state != "waiting":
            raise NothingRestricted
        lift(request)
        request.restricted = 0
        reason = check_text("reason", reason, needed=True)
        return _settled(actor, call, request, decision, "done", reason)


def _searched(tenant_id: UUID, request_id: UUID) -> tuple[SubjectRequest, list[Place]]:
    request = locked(tenant_id, request_id)
    position = run_flow(position_of(tenant_id))
    if request.state == "searching" or position is None or position < request.received_at:
        raise StillSearching
    return request, run_flow(places_of(request))[:MOST]


def _settled(  # noqa: PLR0917  # in the order of a sentence
    actor: Actor, call: Call, request: SubjectRequest, decision: Decision, state: str, text: str
) -> SubjectRequest:
    request.state, request.answered_at = state, request.answered_at or Now()
    request.waits_for = text if state == "waiting" else ""
    request.save()
    request.refresh_from_db()
    event = "restricted" if state == "waiting" else "done"
    note(actor, call, request, event, decision=decision, text=text,
         details={"restricted": request.restricted, "reason": text})  # fmt: skip
    certify(request)
    return find_request(request.tenant_id, request.id)

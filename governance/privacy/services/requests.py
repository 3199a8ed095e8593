"""What is done with a request on its way: received, handed on, put off once, refused, withdrawn."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models.functions import Now

from governance.privacy.acts import note, permit
from governance.privacy.exceptions import ExtendedAlready, RequestOver, UnderWay
from governance.privacy.identifiers import KIND, MAX_IDENTIFIER, Identifier, hint, identifier
from governance.privacy.models import KINDS, OPEN, SubjectIdentifier, SubjectRequest
from governance.retention.fitness import check_text
from governance.retention.queries import database_time
from stateward.gate.policy.requests import Decision
from stateward.kernel.errors import NotFound, unfit
from stateward.operations.jobs.services import start
from stateward.state.configuration import load_configuration
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.models import Member
from stateward.tenancy.scope import run_flow, tenant_scope

ANSWER_WITHIN = timedelta(days=30)
EXTENSION = timedelta(days=60)
MAX_IDENTIFIERS = 20
PURPOSE = "legal-claims"


def receive_request(
    actor: Actor,
    call: Call,
    *,
    kind: str,
    reference: str,
    identifiers: Sequence[tuple[str, str]],
    note_text: str = "",
    purpose: str = "",
) -> SubjectRequest:
    """Take a request in. Of the identifiers keyed hashes are kept, and hints. It is searched for
    once the index has come to this moment.
    """
    with tenant_scope(actor.tenant_id):
        decision = permit(actor, call, "subject.manage")
        if kind not in KINDS:
            raise unfit("kind", f"one of {', '.join(KINDS)}")
        typed = _identifiers(identifiers)
        named = list(typed)
        now = database_time()
        request = SubjectRequest.objects.create(
            tenant_id=actor.tenant_id,
            kind=kind,
            reference=check_text("reference", reference, most=100, needed=True),
            note=check_text("note", note_text),
            received_at=now,
            due_at=now + ANSWER_WITHIN,
            purpose=check_text("purpose", purpose, most=100) or PURPOSE,
        )
        keys = run_flow(load_configuration(actor.tenant_id, max_age=0)).keys
        for one in named:
            SubjectIdentifier.objects.create(
                tenant_id=actor.tenant_id,
                request=request,
                kind=one.kind,
                id_hash=keys.value_hash(one.hashed),
                hint=hint(one),
                key_hashes=[keys.subject_hash(text) for text in typed[one]],
            )
        kinds = sorted({one.kind for one in named})
        note(
            actor, call, request, "received", decision=decision,
            details={"identifiers": len(named), "identifier_kinds": kinds},
        )  # fmt: skip
        start("privacy.index", tenant_id=actor.tenant_id, actor=actor)
        return find_request(actor.tenant_id, request.id)


def _identifiers(given: Sequence[tuple[str, str]]) -> dict[Identifier, set[str]]:
    """Each with the ways in which values may write it."""
    if not 0 < len(given) <= MAX_IDENTIFIERS:
        raise unfit("identifiers", f"1 to {MAX_IDENTIFIERS} of them")
    named: dict[Identifier, set[str]] = {}
    for number, (kind, text) in enumerate(given):
        if not KIND.fullmatch(kind):
            raise unfit(f"identifiers/{number}/kind", "lower-case letters, digits and '_'")
        one = identifier(kind, text) if len(text) <= MAX_IDENTIFIER else None
        if one is None:
            raise unfit(f"identifiers/{number}/value", f"1 to {MAX_IDENTIFIER} characters")
        named.setdefault(one, {one.text}).add(text.strip())
    return named


def assign_request(
    actor: Actor, call: Call, request_id: UUID, *, assignee: UUID | None
) -> SubjectRequest:
    """Hand a request to a member of the tenant, or to nobody."""
    with tenant_scope(actor.tenant_id):
        request, decision = managed(actor, call, request_id)
        members = Member.objects.filter(tenant_id=actor.tenant_id, is_active=True)
        who = members.filter(id=assignee).first() if assignee is not None else None
        if assignee is not None and who is None:
            raise unfit("assignee", "not an active member of this tenant")
        said = str(assignee) if assignee else None
        note(actor, call, request, "assigned", decision=decision, details={"assignee": said})
        return _changed(request, assignee=who)


def extend_request(actor: Actor, call: Call, request_id: UUID, *, reason: str) -> SubjectRequest:
    """Put the answer off by 60 days, once, saying why (GDPR 12(3))."""
    with tenant_scope(actor.tenant_id):
        request, decision = managed(actor, call, request_id)
        if request.extended_at is not None:
            raise ExtendedAlready
        reason = check_text("reason", reason, needed=True)
        note(actor, call, request, "extended", decision=decision, text=reason,
             details={"reason": reason})  # fmt: skip
        return _changed(
            request, due_at=request.due_at + EXTENSION, extended_at=Now(), extension_reason=reason
        )


def close_request(
    actor: Actor, call: Call, request_id: UUID, *, state: str, reason: str
) -> SubjectRequest:
    """End a request without doing what it asks: refused, for a reason that the law knows, or
    withdrawn by whoever asked. A restriction that it rests on is lifted.
    """
    with tenant_scope(actor.tenant_id):
        request, decision = managed(actor, call, request_id)
        if request.state == "working":
            raise UnderWay
        if state not in {"refused", "withdrawn"}:
            raise unfit("state", "refused or withdrawn")
        reason = check_text("reason", reason, needed=True)
        note(actor, call, request, state, decision=decision, text=reason,
             details={"reason": reason})  # fmt: skip
        return _changed(request, state=state, answered_at=Now())


def managed(actor: Actor, call: Call, request_id: UUID) -> tuple[SubjectRequest, Decision]:
    """The request under lock, still open, and why the caller may change it."""
    decision = permit(actor, call, "subject.manage")
    return locked(actor.tenant_id, request_id), decision


def locked(tenant_id: UUID, request_id: UUID) -> SubjectRequest:
    rows = SubjectRequest.objects.select_for_update(of=("self",))
    request = rows.filter(tenant_id=tenant_id, id=request_id).first()
    if request is None:
        raise NotFound
    if request.state not in OPEN:
        raise RequestOver
    return request


def find_request(tenant_id: UUID, request_id: UUID) -> SubjectRequest:
    rows = SubjectRequest.objects.select_related("assignee__person")
    rows = rows.prefetch_related("identifiers")
    found = rows.filter(tenant_id=tenant_id, id=request_id).first()
    if found is None:
        raise NotFound
    return found


def _changed(request: SubjectRequest, **fields: Any) -> SubjectRequest:
    SubjectRequest.objects.filter(tenant_id=request.tenant_id, id=request.id).update(**fields)
    return find_request(request.tenant_id, request.id)

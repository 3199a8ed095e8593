"""Four eyes: an act that others have to agree to is asked for, agreed to and used up.

A request freezes what is asked for under a SHA-256. Whoever agrees is a person in a browser
session, neither asked for it nor wrote it, held the action before it was asked, and says which hash
they saw. The act itself calls ``use`` in its own transaction with what it is about to do: only an
open request of exactly that content lets it pass, and it passes once. Every change here is
recorded. A request's row is locked after the rows of what it is about.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from stateward.gate.approvals import electors
from stateward.gate.approvals.exceptions import (
    AlreadyAsked,
    ApprovalNeeded,
    ApprovalNotNeeded,
    ContentChanged,
    MayNotVote,
    NoSuchRequest,
    RequestClosed,
    TooFewApprovers,
    VotedAlready,
)
from stateward.gate.approvals.kinds import MOST_NEEDED, Kind, find_kind
from stateward.gate.approvals.models import (
    VERDICTS,
    ApprovalRequest,
    ApprovalSetting,
    ApprovalVote,
    Status,
)
from stateward.gate.audit.record import append, compose
from stateward.gate.policy.permits import permit, record
from stateward.kernel.errors import unfit
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.scope import run_flow, tenant_scope

LASTS = timedelta(hours=72)
MAX_REASON = 2_000
MAX_CONTENT = 64 * 1024  # bytes of canonical JSON
OPEN = ("pending", "approved")


def needed(tenant_id: UUID, kind: str) -> int:
    """How many others must agree: the tenant's own number, else the kind's."""
    setting = ApprovalSetting.objects.filter(tenant_id=tenant_id, kind=kind).first()
    return setting.number if setting is not None else find_kind(kind).needed


def ask(
    actor: Actor,
    call: Call,
    kind: str,
    *,
    subject: tuple[str, str, str],
    content: Mapping[str, Any],
    summary: str,
    reason: str = "",
    authors: Iterable[UUID] = (),
    at_least: int = 0,
) -> ApprovalRequest:
    """Ask others to agree. The caller has decided whether ``actor`` may do the act itself.

    ``subject``: type, id and name. ``content``: JSON of texts, whole numbers, booleans, lists and
    objects; what ``use`` will be given. ``authors``: members who wrote it and so do not vote.
    ``at_least``: more than the tenant's number where the act itself wants more. 409 where nobody
    has to agree, where it is asked already, or where too few people could.
    """
    asked = find_kind(kind)
    if len(reason) > MAX_REASON:
        raise unfit("reason", f"at most {MAX_REASON:,} characters")
    with tenant_scope(actor.tenant_id):
        wanted = min(max(needed(actor.tenant_id, kind), at_least), MOST_NEEDED)
        if wanted == 0:
            raise ApprovalNotNeeded
        request = ApprovalRequest(
            tenant_id=actor.tenant_id,
            kind=kind,
            subject_type=subject[0],
            subject_id=subject[1],
            subject_name=subject[2][:200],
            content=dict(content),
            sha256=content_hash(content),
            summary=summary[:500],
            reason=reason,
            needed=wanted,
            asked_by_type=actor.type,
            asked_by_id=actor.id,
            asked_by_name=actor.name[:200],
            authors=sorted({*authors, *_behind(actor, call)}),
            expires_at=Now() + LASTS,
        )
        request.electors = electors.found(request, asked)
        _check_enough(request, asked)
        _close_stale(request)
        try:
            with transaction.atomic():
                request.save(force_insert=True)
        except IntegrityError:
            raise AlreadyAsked(**_members(_open(request).first())) from None
        _note(actor, call, request, "approval.asked", {"reason": reason})
        return _again(request)


def vote(
    actor: Actor, call: Call, request_id: UUID, *, verdict: str, sha256: str, reason: str = ""
) -> ApprovalRequest:
    """Agree or refuse. One refusal ends the request; the last agreement it needs lets the act pass,
    and carries it out where the kind says how. ``sha256``: of the content the person saw.
    """
    if verdict not in VERDICTS:
        raise unfit("verdict", "approve or refuse")
    if len(reason) > MAX_REASON:
        raise unfit("reason", f"at most {MAX_REASON:,} characters")
    if verdict == "refuse" and not reason.strip():
        raise unfit("reason", "say why, for whoever asked")
    with tenant_scope(actor.tenant_id):
        request = _locked(actor, request_id)
        kind = find_kind(request.kind)
        decision = permit(actor, call, kind.approve, kind.resource(request), hide=True)
        _check_voter(actor, request)
        _check_open(request)
        if sha256 != request.sha256:
            raise ContentChanged(sha256=request.sha256)
        made = _cast(actor, request, verdict, reason)
        details = _about(request) | {"event": "approval.voted", "verdict": verdict}
        details |= {"vote": str(made.id), "reason": reason}
        record(call, decision, kind.approve, ("approval", str(request.id)), details)
        if verdict == "refuse":
            _close(request, "refused")
        elif request.votes.filter(verdict="approve").count() >= request.needed:
            _settle(request, kind, actor, call)
        return _again(request)


def withdraw(actor: Actor, call: Call, request_id: UUID) -> ApprovalRequest:
    """Take back what one asked for, as long as it is open."""
    with tenant_scope(actor.tenant_id):
        request = _locked(actor, request_id)
        if (request.asked_by_type, request.asked_by_id) != (actor.type, actor.id):
            kind = find_kind(request.kind)
            permit(actor, call, kind.approve, kind.resource(request), hide=True)
            raise MayNotVote("Only whoever asked takes a request back.")
        _check_open(request, also="approved")
        _close(request, "withdrawn")
        _note(actor, call, request, "approval.withdrawn", {})
        return _again(request)


def use(
    actor: Actor,
    call: Call,
    kind: str,
    *,
    subject_id: str,
    content: Mapping[str, Any],
    at_least: int = 0,
) -> tuple[str, ...]:
    """Let the act pass: within its own transaction, before anything is changed.

    () where nobody else has to agree; else the ids of the votes it rests on, for its record, and
    the request is used up. ApprovalNeeded (409) where nobody agreed to exactly this content.
    """
    wanted = min(max(needed(actor.tenant_id, kind), at_least), MOST_NEEDED)
    if wanted == 0:
        return ()
    sha256 = content_hash(content)
    same = ApprovalRequest.objects.filter(
        tenant_id=actor.tenant_id,
        kind=kind,
        subject_id=subject_id,
        sha256=sha256,
        expires_at__gt=Now(),
        status__in=OPEN,
    )
    request = same.select_for_update().first()
    votes: list[ApprovalVote] = []
    if request is not None and request.status == "approved":
        votes = list(request.votes.filter(verdict="approve").order_by("id"))
    if request is None or len(votes) < wanted:
        raise ApprovalNeeded(_how(find_kind(kind), request, wanted), kind=kind, needed=wanted,
                             sha256=sha256, **_members(request))  # fmt: skip
    _close(request, "used")
    _note(actor, call, request, "approval.used", {})
    return tuple(str(one.id) for one in votes)


def void(actor: Actor, call: Call, kind: str, *, subject_id: str) -> int:
    """End every open request about ``subject_id``, because what it is about was changed. How
    many.
    """
    open_ones = ApprovalRequest.objects.select_for_update().filter(
        tenant_id=actor.tenant_id, kind=kind, subject_id=subject_id, status__in=OPEN
    )
    found = list(open_ones.order_by("id"))
    for request in found:
        _close(request, "void")
        _note(actor, call, request, "approval.voided", {})
    return len(found)


def content_hash(content: Mapping[str, Any]) -> str:
    """SHA-256, in hex, of the canonical JSON (RFC 8785; names are ASCII, numbers whole)."""
    body = orjson.dumps(dict(content), option=orjson.OPT_SORT_KEYS)
    if len(body) > MAX_CONTENT:
        raise unfit("content", f"at most {MAX_CONTENT // 1024} KiB can be asked for at once")
    return hashlib.sha256(body).hexdigest()


def _behind(actor: Actor, call: Call) -> set[UUID]:
    """The members who ask: the caller, and whom the caller acts for."""
    found = {actor.id} if actor.type == "member" else set()
    if call.on_behalf_of:  # its form was checked when the act was decided
        found.add(UUID(call.on_behalf_of.rpartition(":")[2]))
    return found


def _check_enough(request: ApprovalRequest, kind: Kind) -> None:
    if len(request.electors) >= request.needed:
        return
    people = "person" if request.needed == 1 else "people"
    others = "nobody else" if not request.electors else f"only {len(request.electors)}"
    raise TooFewApprovers(
        f"{request.needed} other {people} must agree, and {others} could: invite somebody, or give "
        f"a member a role that includes {kind.approve}, then ask again.",
        kind=kind.name,
        needed=request.needed,
        could=len(request.electors),
    )


def _close_stale(asked: ApprovalRequest) -> None:
    """One of the same content that has expired, or asked for fewer, no longer stands in the way."""
    stale = Q(expires_at__lte=Now()) | Q(needed__lt=asked.needed)
    _open(asked).filter(stale).update(status="void", closed_at=Now())


def _open(like: ApprovalRequest) -> QuerySet[ApprovalRequest]:
    return ApprovalRequest.objects.filter(
        tenant_id=like.tenant_id,
        kind=like.kind,
        subject_id=like.subject_id,
        sha256=like.sha256,
        status__in=OPEN,
    )


def _locked(actor: Actor, request_id: UUID) -> ApprovalRequest:
    rows = ApprovalRequest.objects.select_for_update()
    request = rows.filter(tenant_id=actor.tenant_id, id=request_id).first()
    if request is None:
        raise NoSuchRequest
    return request


def _check_voter(actor: Actor, request: ApprovalRequest) -> None:
    if actor.type != "member" or actor.auth_method != "session":
        raise MayNotVote("Only a person who is signed in agrees; no key or token does.")
    if actor.id in request.authors:
        raise MayNotVote("You asked for this or wrote it: somebody else has to agree.")
    if actor.id not in request.electors:
        raise MayNotVote("You were given this right after it was asked for: others have to agree.")


def _check_open(request: ApprovalRequest, also: str = "pending") -> None:
    if request.status not in {"pending", also}:
        raise RequestClosed(f"This request is {request.status}.", status_now=request.status)
    if not ApprovalRequest.objects.filter(id=request.id, expires_at__gt=Now()).exists():
        raise RequestClosed("This request has expired; ask again.", status_now="expired")


def _cast(actor: Actor, request: ApprovalRequest, verdict: str, reason: str) -> ApprovalVote:
    try:
        with transaction.atomic():
            return ApprovalVote.objects.create(
                tenant_id=actor.tenant_id,
                request=request,
                verdict=verdict,
                sha256=request.sha256,
                reason=reason,
                member_id=actor.id,
                member_name=actor.name[:200],
            )
    except IntegrityError:
        raise VotedAlready from None


def _settle(request: ApprovalRequest, kind: Kind, actor: Actor, call: Call) -> None:
    _close(request, "approved")
    if kind.perform is None:
        return
    kind.perform(request, actor, call)
    if _again(request).status == "approved":  # the act did not use it up itself
        _close(request, "used")
        _note(actor, call, request, "approval.used", {})


def _close(request: ApprovalRequest, status: Status) -> None:
    request.status = status
    ApprovalRequest.objects.filter(id=request.id).update(status=status, closed_at=Now())


def _again(request: ApprovalRequest) -> ApprovalRequest:
    return ApprovalRequest.objects.get(tenant_id=request.tenant_id, id=request.id)


def _note(
    actor: Actor, call: Call, request: ApprovalRequest, event: str, details: Mapping[str, Any]
) -> None:
    """A record of what needed no decision of its own."""
    draft = compose(
        actor=actor,
        call=call,
        action=find_kind(request.kind).approve,
        resource_type="approval",
        resource_id=str(request.id),
        extra=_about(request) | {"event": event, **details},
    )
    run_flow(append(draft))


def _about(request: ApprovalRequest) -> dict[str, Any]:
    return {
        "kind": request.kind,
        "subject": f"{request.subject_type}:{request.subject_id}",
        "name": request.subject_name,
        "sha256": request.sha256,
        "needed": request.needed,
    }


def _members(request: ApprovalRequest | None) -> dict[str, Any]:
    return {"approval": str(request.id)} if request is not None else {}


def _how(kind: Kind, request: ApprovalRequest | None, wanted: int) -> str:
    people = "One other person" if wanted == 1 else f"{wanted} other people"
    begin = f"{people} must agree first."
    if request is not None:
        return f"{begin} It is asked for; those who may agree see it under Approvals."
    return f"{begin} Ask for it{f' at {kind.ask}' if kind.ask else ''}."

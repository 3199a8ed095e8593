"""Every change of a tenant's policies: decide, change, raise the epoch where rules in force change,
record.

A version never changes once written. Putting one in force raises the epoch in the same
transaction, so that no write whose statement starts after it was decided without it. No forbid
binds an owner who activates or deactivates (see ``gate/policy/invariants.py``): whatever was put in
force can be taken out again at once.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F, Sum
from django.db.models.functions import Now

from governance.policies.acts import resource_of
from governance.policies.approving import ACTIVATE, REVIEW, activation_of
from governance.policies.exceptions import (
    NothingToRollBackTo,
    PolicyNameTaken,
    SameText,
    TooManyStatements,
)
from governance.policies.readiness import check_ready, opens_restricted
from stateward.gate.approvals.exceptions import TooFewApprovers
from stateward.gate.approvals.models import ApprovalRequest
from stateward.gate.approvals.services import ask, needed, use, void
from stateward.gate.policy.caps import MAX_SET
from stateward.gate.policy.exceptions import InvalidPolicy
from stateward.gate.policy.levels import Level
from stateward.gate.policy.models import Policy, PolicyActivation, PolicyVersion
from stateward.gate.policy.permits import permit, record
from stateward.gate.policy.requests import Decision, Resource
from stateward.gate.policy.statements import parse
from stateward.gate.policy.validate import validate
from stateward.kernel.errors import NotFound, unfit
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.epochs import bump
from stateward.tenancy.scope import tenant_scope

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 ._-]{0,98}[A-Za-z0-9])?")
MAX_NOTE = 2_000


def create_policy(
    actor: Actor, call: Call, *, name: str, text: str, description: str = ""
) -> Policy:
    """A policy with its version 1, not in force. 422 with places for a text that is not valid."""
    with tenant_scope(actor.tenant_id):
        proposed = Resource("policy", name, {"name": name})
        decision = permit(actor, call, "policy.draft", proposed)
        if not _NAME.fullmatch(name):
            raise unfit("name", "1 to 100 of letters, digits, space, '.', '_' and '-'")
        _check_note("description", description)
        check_text(text)
        try:
            with transaction.atomic():
                policy = Policy.objects.create(
                    tenant_id=actor.tenant_id, name=name, description=description
                )
        except IntegrityError:
            raise PolicyNameTaken from None
        version = _write_version(actor, policy, 1, text, "")
        details = {"name": name, "version": 1, "sha256": version.sha256}
        record(call, decision, "policy.draft", resource_of(policy), details)
        return Policy.objects.get(id=policy.id)


def add_version(
    actor: Actor, call: Call, policy_id: UUID, *, text: str, note: str = ""
) -> PolicyVersion:
    """A new version of the text; what is in force stays in force. 409 if nothing changed."""
    with tenant_scope(actor.tenant_id):
        policy, decision = _locked(actor, call, "policy.draft", policy_id)
        _check_note("note", note)
        check_text(text)
        newest = policy.versions.get(number=policy.latest_version)
        if newest.text == text:
            raise SameText
        number = policy.latest_version + 1
        version = _write_version(actor, policy, number, text, note)
        policy.latest_version = number
        _save(policy, "latest_version")
        void(actor, call, ACTIVATE, subject_id=str(policy.id))
        details = {"name": policy.name, "version": number, "sha256": version.sha256}
        record(call, decision, "policy.draft", resource_of(policy), details)
        return PolicyVersion.objects.get(id=version.id)


def activate(
    actor: Actor, call: Call, policy_id: UUID, *, version: int, level: Level = "hard"
) -> Policy:
    """Put a version in force, an older one as well as a newer, as firmly as ``level`` says; the
    same again changes nothing. 409 where others have yet to agree, or it is not ready.
    """
    with tenant_scope(actor.tenant_id):
        policy, decision = _locked(actor, call, "policy.activate", policy_id)
        chosen = _chosen(policy, version)
        if (policy.active_version, policy.level) != (version, level):
            check_text(chosen.text)  # the schema may have changed since it was written
            check_ready(policy, chosen, level)
            approvals = _agreed(actor, call, policy, chosen, level)
            _put_in_force(call, policy, decision, chosen, level, approvals=approvals)
        return Policy.objects.get(id=policy.id)


def ask_to_activate(
    actor: Actor,
    call: Call,
    policy_id: UUID,
    *,
    version: int | None,
    level: Level = "hard",
    reason: str = "",
) -> ApprovalRequest:
    """Ask others to agree that a version is put in force; None: that the policy is taken out."""
    with tenant_scope(actor.tenant_id):
        policy, _ = _locked(actor, call, "policy.activate", policy_id)
        chosen = None
        if version is not None:
            chosen = _chosen(policy, version)
            check_text(chosen.text)
            check_ready(policy, chosen, level)
        wanted = f"version {version} in force, {level}" if chosen else "out of force"
        return ask(
            actor,
            call,
            ACTIVATE,
            subject=("policy", str(policy.id), policy.name),
            content=activation_of(policy, chosen, level),
            summary=f"Put {policy.name} {wanted}" if chosen else f"Take {policy.name} {wanted}",
            reason=reason,
            authors=[chosen.author_id] if chosen and chosen.author_type == "member" else [],
            at_least=_at_least(policy, chosen),
        )


def deactivate(actor: Actor, call: Call, policy_id: UUID) -> Policy:
    """Take the policy out of force; its versions stay."""
    with tenant_scope(actor.tenant_id):
        policy, decision = _locked(actor, call, "policy.activate", policy_id)
        if policy.active_version is not None:
            approvals = _agreed(actor, call, policy, None, "hard")
            _put_in_force(call, policy, decision, None, approvals=approvals)
        return Policy.objects.get(id=policy.id)


def roll_back(
    actor: Actor, call: Call, policy_id: UUID, *, is_emergency: bool = False, reason: str = ""
) -> Policy:
    """Put in force what was in force before the last change: an earlier version, or none.

    In an emergency nobody else has to agree first; where they would have had to, they are asked to
    look at it afterwards.
    """
    with tenant_scope(actor.tenant_id):
        policy, decision = _locked(actor, call, "policy.activate", policy_id)
        last = policy.activations.order_by("-id").first()
        if last is None:
            raise NothingToRollBackTo
        before = None
        if last.from_version is not None:
            before = policy.versions.get(number=last.from_version)
        level = last.from_level
        needs = needed(actor.tenant_id, ACTIVATE)
        approvals: tuple[str, ...] = ()
        if not is_emergency:
            approvals = _agreed(actor, call, policy, before, level)
        elif needs and not reason.strip():
            raise unfit("reason", "say what the emergency is, for those who look at it afterwards")
        skipped = is_emergency and needs > 0
        _put_in_force(
            call, policy, decision, before, level,
            approvals=approvals, is_rollback=True, is_emergency=skipped,
        )  # fmt: skip
        if skipped:
            _have_reviewed(actor, call, policy, before, reason)
        return Policy.objects.get(id=policy.id)


def check_text(text: str) -> None:
    """InvalidPolicy (422) with every fault's place, unless ``text`` could come into force."""
    faults = validate(text)
    if faults:
        first = faults[0]
        raise InvalidPolicy(
            f"Line {first.line}, column {first.column}: {first.message}.", errors=faults
        )


def _locked(actor: Actor, call: Call, action: str, policy_id: UUID) -> tuple[Policy, Decision]:
    """The policy under its row's lock, which makes its changes follow one another; 404 to whoever
    may not read it.
    """
    policy = (
        Policy.objects.select_for_update().filter(tenant_id=actor.tenant_id, id=policy_id).first()
    )
    if policy is None:
        raise NotFound
    permit(actor, call, "policy.read", resource_of(policy), hide=True)
    return policy, permit(actor, call, action, resource_of(policy))


def _chosen(policy: Policy, number: int) -> PolicyVersion:
    chosen = policy.versions.filter(number=number).first()
    if chosen is None:
        raise unfit("version", f"this policy has the versions 1 to {policy.latest_version}")
    return chosen


def _agreed(
    actor: Actor, call: Call, policy: Policy, version: PolicyVersion | None, level: Level
) -> tuple[str, ...]:
    return use(
        actor,
        call,
        ACTIVATE,
        subject_id=str(policy.id),
        content=activation_of(policy, version, level),
        at_least=_at_least(policy, version),
    )


def _at_least(policy: Policy, version: PolicyVersion | None) -> int:
    """One more than usual where a dry run showed that it lets somebody in to what is restricted."""
    usual = needed(policy.tenant_id, ACTIVATE)
    return usual + 1 if usual and version and opens_restricted(policy, version) else usual


def _have_reviewed(
    actor: Actor, call: Call, policy: Policy, version: PolicyVersion | None, reason: str
) -> None:
    last = policy.activations.order_by("-id")[0]
    content = activation_of(policy, version, last.to_level) | {"activation": str(last.id)}
    with suppress(TooFewApprovers):  # nobody else is there to look; the record says that it was one
        ask(
            actor,
            call,
            REVIEW,
            subject=("policy", str(policy.id), policy.name),
            content=content,
            summary=f"{policy.name} was rolled back in an emergency: look at it",
            reason=reason,
            at_least=1,
        )


def _put_in_force(
    call: Call,
    policy: Policy,
    decision: Decision,
    version: PolicyVersion | None,
    level: Level = "hard",
    *,
    approvals: Sequence[str] = (),
    is_rollback: bool = False,
    is_emergency: bool = False,
) -> None:
    actor = decision.actor
    # The epoch's row is locked by this from here to the commit: two activations in one tenant
    # follow each other, so that the count below holds.
    bump(actor.tenant_id, "policies")
    before, after = policy.active_version, version.number if version else None
    level_before = policy.level
    policy.active_version, policy.level = after, level if version else "hard"
    _save(policy, "active_version", "level")
    _check_set(actor.tenant_id)
    PolicyActivation.objects.create(
        tenant_id=actor.tenant_id,
        policy=policy,
        from_version=before,
        to_version=after,
        from_level=level_before,
        to_level=policy.level,
        is_emergency=is_emergency,
        actor_type=actor.type,
        actor_id=actor.id,
        actor_name=actor.name,
    )
    details = {
        "name": policy.name,
        "from_version": before,
        "to_version": after,
        "sha256": version.sha256 if version else None,
        "level": policy.level,
        "rollback": is_rollback,
        "emergency": is_emergency,
    }
    record(call, decision, "policy.activate", resource_of(policy), details, approvals=approvals)


def _check_set(tenant_id: UUID) -> None:
    in_force = PolicyVersion.objects.filter(
        tenant_id=tenant_id, number=F("policy__active_version")
    ).aggregate(statements=Sum("statements"))["statements"]
    if (in_force or 0) > MAX_SET:
        raise TooManyStatements(f"At most {MAX_SET:,} statements may be in force at a time.")


def _write_version(
    actor: Actor, policy: Policy, number: int, text: str, note: str
) -> PolicyVersion:
    return PolicyVersion.objects.create(
        tenant_id=actor.tenant_id,
        policy=policy,
        number=number,
        text=text,
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        statements=len(parse(text)) if text else 0,  # type: ignore[arg-type]  # valid, so statements
        note=note,
        author_type=actor.type,
        author_id=actor.id,
        author_name=actor.name,
    )


def _save(policy: Policy, *fields: str) -> None:
    values = {field: getattr(policy, field) for field in fields}
    Policy.objects.filter(id=policy.id).update(**values, updated_at=Now())


def _check_note(member: str, text: str) -> None:
    if len(text) > MAX_NOTE:
        raise unfit(member, f"at most {MAX_NOTE:,} characters")

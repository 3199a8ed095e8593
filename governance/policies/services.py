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
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F, Sum
from django.db.models.functions import Now

from governance.policies.acts import resource_of
from governance.policies.exceptions import (
    NothingToRollBackTo,
    PolicyNameTaken,
    SameText,
    TooManyStatements,
)
from stateward.gate.policy.caps import MAX_SET
from stateward.gate.policy.exceptions import InvalidPolicy
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
        details = {"name": policy.name, "version": number, "sha256": version.sha256}
        record(call, decision, "policy.draft", resource_of(policy), details)
        return PolicyVersion.objects.get(id=version.id)


def activate(actor: Actor, call: Call, policy_id: UUID, *, version: int) -> Policy:
    """Put a version in force, an older one as well as a newer; the same again changes nothing."""
    with tenant_scope(actor.tenant_id):
        policy, decision = _locked(actor, call, "policy.activate", policy_id)
        chosen = policy.versions.filter(number=version).first()
        if chosen is None:
            raise unfit("version", f"this policy has the versions 1 to {policy.latest_version}")
        if policy.active_version != version:
            check_text(chosen.text)  # the schema may have changed since it was written
            _put_in_force(call, policy, decision, chosen)
        return Policy.objects.get(id=policy.id)


def deactivate(actor: Actor, call: Call, policy_id: UUID) -> Policy:
    """Take the policy out of force; its versions stay."""
    with tenant_scope(actor.tenant_id):
        policy, decision = _locked(actor, call, "policy.activate", policy_id)
        if policy.active_version is not None:
            _put_in_force(call, policy, decision, None)
        return Policy.objects.get(id=policy.id)


def roll_back(actor: Actor, call: Call, policy_id: UUID) -> Policy:
    """Put in force what was in force before the last change: an earlier version, or none."""
    with tenant_scope(actor.tenant_id):
        policy, decision = _locked(actor, call, "policy.activate", policy_id)
        last = policy.activations.order_by("-id").first()
        if last is None:
            raise NothingToRollBackTo
        before = None
        if last.from_version is not None:
            before = policy.versions.get(number=last.from_version)
        _put_in_force(call, policy, decision, before, is_rollback=True)
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


def _put_in_force(
    call: Call,
    policy: Policy,
    decision: Decision,
    version: PolicyVersion | None,
    *,
    is_rollback: bool = False,
) -> None:
    actor = decision.actor
    # The epoch's row is locked by this from here to the commit: two activations in one tenant
    # follow each other, so that the count below holds.
    bump(actor.tenant_id, "policies")
    before, after = policy.active_version, version.number if version else None
    policy.active_version = after
    _save(policy, "active_version")
    _check_set(actor.tenant_id)
    PolicyActivation.objects.create(
        tenant_id=actor.tenant_id,
        policy=policy,
        from_version=before,
        to_version=after,
        actor_type=actor.type,
        actor_id=actor.id,
        actor_name=actor.name,
    )
    details = {
        "name": policy.name,
        "from_version": before,
        "to_version": after,
        "sha256": version.sha256 if version else None,
        "rollback": is_rollback,
    }
    record(call, decision, "policy.activate", resource_of(policy), details)


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


def _save(policy: Policy, field: str) -> None:
    Policy.objects.filter(id=policy.id).update(**{field: getattr(policy, field)}, updated_at=Now())


def _check_note(member: str, text: str) -> None:
    if len(text) > MAX_NOTE:
        raise unfit(member, f"at most {MAX_NOTE:,} characters")

"""What every change of grants and groups does besides the change: be decided, raise the epoch, be
recorded, and be undone if rights changed meanwhile. Inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from governance.grants.holding import Giver
from governance.grants.objects import Target, find_target
from governance.people.acts import note
from stateward.gate.policy.exceptions import NotDelegated
from stateward.gate.policy.load import current_policies
from stateward.gate.policy.principals import load_delegator
from stateward.gate.policy.requests import Decision, Resource
from stateward.kernel.errors import StatewardError
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.epochs import bump, standing
from stateward.tenancy.scope import run_flow
from stateward.web.drf.settling import RightsChanged


@contextmanager
def changing(actor: Actor, about: Resource, before: int | None = None) -> Iterator[None]:
    """What is done within raises the epoch. RightsChanged (503) undoes it if anybody's rights were
    changed since ``before`` (without it: now): those it was done by may be among them. A refusal
    within is recorded as one of managing grants on ``about``.
    """
    before = standing(actor.tenant_id) if before is None else before
    try:
        yield
    except StatewardError as error:
        if not hasattr(error, "action"):
            error.action, error.resource = "grant.manage", about  # type: ignore[attr-defined]
        raise
    bump(actor.tenant_id, "policies")
    if standing(actor.tenant_id) != before:
        raise RightsChanged


def giver(actor: Actor, call: Call) -> Giver:
    """The caller, with the rules as of now: for all that one act or page asks."""
    book = run_flow(current_policies(actor.tenant_id))
    try:
        delegator = run_flow(load_delegator(actor, call))
    except NotDelegated as refused:
        refused.action = "grant.read"  # type: ignore[attr-defined]  # for its record
        raise
    return Giver(book, actor, call, delegator)


def manageable(by: Giver, kind: str, name: str) -> tuple[Target, Decision | None]:
    """The object, if the caller may manage grants on it: else 403, or 404 for who may not know."""
    target = find_target(by.actor.tenant_id, by.actor.tenant_slug, kind, name)
    return target, by.require("grant.manage", target.resource, known_by=target.known_by)


def readable(by: Giver, kind: str, name: str) -> Target:
    """The same for who may read its grants."""
    target = find_target(by.actor.tenant_id, by.actor.tenant_slug, kind, name)
    by.require("grant.read", target.resource, known_by=target.known_by)
    return target


def record(
    actor: Actor,
    call: Call,
    event: str,
    *,
    about: Resource,
    decision: Decision | None,
    details: Mapping[str, Any],
) -> None:
    note(actor, call, "grant.manage", event, about=about, decision=decision, details=details)

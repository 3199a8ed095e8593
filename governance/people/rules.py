"""Who may give which rights: pure rules, whatever the policies say.

The decision point holds the same line as invariants; here it is drawn again where the rows are
known, because what the target holds *now* matters too: nobody edits a member who holds more than
they do.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from governance.people.exceptions import AboveOwnRights, LastOwner, OwnMembership, Unfit
from stateward.gate.policy.vocabulary import ACTIONS, GROUPS
from stateward.kernel.errors import Fault
from stateward.tenancy.actors import Actor
from stateward.tenancy.models import AGENT_ROLES, MEMBER_ROLES, RISK_CLASSES

OWNER = "owner"
DEFAULT_CREDENTIAL_DAYS = 90
MAX_CREDENTIALS = 20
MAX_OVERLAP = timedelta(days=30)

# What the holder of a member's role may hand out.
_GIVES: dict[str, frozenset[str]] = {
    "owner": frozenset(MEMBER_ROLES + AGENT_ROLES),
    "admin": frozenset(MEMBER_ROLES + AGENT_ROLES) - {OWNER},
}
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_SCOPES = frozenset(ACTIONS) | GROUPS


def check_may_give(actor: Actor, roles: Iterable[str]) -> None:
    """AboveOwnRights (403) unless all of ``roles`` are the actor's to give."""
    if actor.type == "system":
        return
    gives = frozenset[str]().union(*(_GIVES.get(role, frozenset()) for role in actor.roles))
    above = sorted(set(roles) - gives)
    if above:
        raise AboveOwnRights(f"Giving or taking the role {above[0]} takes more than you hold.")


def check_is_other(actor: Actor, member_id: object) -> None:
    if actor.id == member_id:
        raise OwnMembership


def check_owner_stays(owners: Collection[object], leaving: object) -> None:
    """LastOwner (409) if ``leaving`` is the only one of ``owners``, the active ones."""
    if set(owners) == {leaving}:
        raise LastOwner


def check_scopes(actor: Actor, scopes: Collection[str] | None) -> None:
    """A scope names an action or a group of them, and a capped credential makes none less
    capped.
    """
    unknown = sorted(set(scopes or ()) - _SCOPES)
    if unknown:
        raise unfit("scopes", f"{unknown[0]!r} is not an action or a group of actions")
    if actor.scopes is not None and (scopes is None or not set(scopes) <= actor.scopes):
        raise AboveOwnRights("A credential makes no credential with more scopes than its own.")


def credential_end(asked: datetime | None, *, now: datetime, most_days: int) -> datetime:
    """When a new credential ends: as asked, or after 90 days, but never later than the tenant
    allows.
    """
    latest = now + timedelta(days=most_days)
    if asked is None:
        return min(now + timedelta(days=DEFAULT_CREDENTIAL_DAYS), latest)
    if asked <= now:
        raise unfit("expires_at", "lies in the past")
    if asked > latest:
        raise unfit("expires_at", f"this tenant's credentials live at most {most_days} days")
    return asked


def check_slug(slug: str) -> None:
    if not _SLUG.fullmatch(slug):
        raise unfit("slug", "1 to 63 of a-z, 0-9 and '-', not at the ends")


def check_roles(roles: Collection[str], known: Collection[str]) -> None:
    if not roles or not set(roles) <= set(known):
        raise unfit("roles", f"one or more of {', '.join(known)}")


def check_risk_class(risk_class: str) -> None:
    if risk_class not in RISK_CLASSES:
        raise unfit("risk_class", f"one of {', '.join(RISK_CLASSES)}")


def unfit(member: str, message: str) -> Unfit:
    return Unfit(f"{member}: {message}.", errors=(Fault(f"/{member}", message),))

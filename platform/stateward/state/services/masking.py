"""Setting what a namespace masks: decided like any change of it, recorded, in force with the next
read. In the tenant's scope.
"""

from __future__ import annotations

from stateward.kernel.errors import Fault, Unprocessable, unfit
from stateward.state.detectors.kinds import GROUPS, KINDS, kinds_of
from stateward.state.exceptions import OnlyPeopleLower
from stateward.state.masks import load_masks, put_masks
from stateward.state.services.bounding import allowed, record_change
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.scope import run_flow

MOST = 40


def namespace_masks(actor: Actor, call: Call, name: str) -> tuple[str, ...]:
    """The kinds, and groups of them, that the namespace masks."""
    rules = allowed(actor, call, "namespace.read", name).rules
    return run_flow(load_masks(actor.tenant_id)).get(rules.id, ())


def set_namespace_masks(
    actor: Actor, call: Call, name: str, kinds: list[str], *, reason: str = ""
) -> tuple[str, ...]:
    """Mask these from the next read on; none: nothing. To mask less is for people, with a
    reason.
    """
    about = allowed(actor, call, "namespace.update", name)
    unknown = [one for one in kinds if one not in KINDS and one not in GROUPS]
    if unknown or len(kinds) > MOST:
        raise unfit("kinds", f"at most {MOST} of {', '.join([*GROUPS, *KINDS])}")
    before = run_flow(load_masks(actor.tenant_id)).get(about.rules.id, ())
    chosen = tuple(dict.fromkeys(kinds))
    if kinds_of(frozenset(before)) - kinds_of(frozenset(chosen)):
        _check_less(actor, reason)
    run_flow(put_masks(actor.tenant_id, about.rules.id, chosen))
    details = {"before": list(before), "after": list(chosen), "why": reason}
    record_change(actor, call, about, "namespace.masks_set", details)
    return chosen


def _check_less(actor: Actor, reason: str) -> None:
    if actor.type != "member":
        raise OnlyPeopleLower("Only a person lets a namespace mask less.")
    if not reason.strip():
        message = "say why less need be masked"
        raise Unprocessable(f"reason: {message}.", errors=(Fault("/reason", message),))

"""Rate limits of the control plane's callers. Their limits are those of at most a second ago; a
browser's session has none, so that who mends a limit gets in.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from functools import cache
from uuid import UUID

from stateward.tenancy.actors import Actor
from stateward.tenancy.limits import RateLimit, rate_limits_of
from stateward.tenancy.scope import run_flow, tenant_scope
from stateward.web.limiting import Standing, SyncLimiter

MAX_AGE_SECONDS = 0.8
MOST_KNOWN = 10_000
_known: OrderedDict[UUID, tuple[float, tuple[RateLimit, ...]]] = OrderedDict()


def standing_of(actor: Actor) -> Standing | None:
    """What came of this request under the caller's limits; None for who has none."""
    limits = _limits_of(actor)
    return _limiter().take(limits) if limits else None


def _limits_of(actor: Actor) -> tuple[RateLimit, ...]:
    if actor.credential_id is None:
        return ()
    found = _known.get(actor.credential_id)
    if found is not None and time.monotonic() - found[0] <= MAX_AGE_SECONDS:
        return found[1]
    moment = time.monotonic()
    with tenant_scope(actor.tenant_id):
        limits = run_flow(rate_limits_of(actor.tenant_id, actor.credential_id, actor.tenant_id))
    _known[actor.credential_id] = (moment, limits)
    while len(_known) > MOST_KNOWN:
        _known.popitem(last=False)
    return limits


@cache
def _limiter() -> SyncLimiter:
    return SyncLimiter()

"""Nobody changes anything with a right that was taken meanwhile.

Who calls was found out before the transaction began, what they may do was decided within it, and
the change came after both. So within the transaction the caller is looked up again, and at its end
the counters of principals and policies are compared with those of its beginning, but for what the
transaction itself raised. If they differ, all is undone and done again under the new rights. A
transaction that raised its tenant's epoch holds that row, so nothing can come between this
comparison and the commit; one that raised nothing changed nothing that matters here.
"""

from __future__ import annotations

from collections.abc import Callable

from rest_framework.response import Response

from stateward.kernel.errors import Unavailable
from stateward.tenancy.actors import Actor
from stateward.tenancy.epochs import standing

ATTEMPTS = 5


class RightsChanged(Unavailable):
    """Rights were being changed all the while; nothing was done. Try again."""

    code, title = "rights_changed", "Rights changed meanwhile"


def settle(actor: Actor, look_up: Callable[[], Actor], act: Callable[[], Response]) -> Response:
    """``act``'s answer, if nobody's rights changed; RightsChanged undoes it. Inside the
    transaction.
    """
    before = standing(actor.tenant_id)
    if look_up() != actor:
        raise RightsChanged
    response = act()
    if standing(actor.tenant_id) != before:
        raise RightsChanged
    return response

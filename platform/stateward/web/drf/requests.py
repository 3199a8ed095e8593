"""The request as control-plane views see it: DRF's, with who calls and what the call says about
itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.request import Request

from stateward.tenancy.actors import Actor, Call

if TYPE_CHECKING:

    class ActorRequest(Request):
        """``ApiView`` sets both before any handler runs; ``actor`` only where the view is not
        ``public``.
        """

        actor: Actor
        call: Call

else:
    ActorRequest = Request  # the attributes are set on Django's request, which DRF's looks through

"""What the index's coming along means to requests: those it has come to are ready, and whoever is
under a restriction stays so in what is written anew.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from governance.privacy.acts import note, own_call, system
from governance.privacy.finding import find, places_of
from governance.privacy.models import SubjectRequest
from governance.privacy.restricting import restrict, restricted, unrestricted
from stateward.tenancy.scope import run_flow


def follow(tenant_id: UUID, at: datetime) -> None:
    """In the tenant's scope; ``at``: the index is complete up to there."""
    waiting = SubjectRequest.objects.select_for_update(of=("self",)).filter(
        tenant_id=tenant_id, state="searching", received_at__lt=at
    )
    for request in waiting:
        found = run_flow(find(request, at))
        request.state, request.found = "ready", found.entries
        request.save(update_fields=["state", "found"])
        details = {"entries": found.entries, "complete_to": at.isoformat()}
        note(system(tenant_id), own_call(), request, "found", details=details)
    standing = SubjectRequest.objects.select_for_update(of=("self",)).filter(
        tenant_id=tenant_id, state="waiting", kind="restriction"
    )
    for request in standing:
        anew = unrestricted(request, run_flow(places_of(request)))
        if anew:
            restrict(request, anew)
            request.restricted = restricted(request)
            request.save(update_fields=["restricted"])
            details = {"entries": len(anew)}
            note(system(tenant_id), own_call(), request, "extended_to", details=details)

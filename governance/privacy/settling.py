"""How a request stands once all was done that could be: answered, or waiting for the rest."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

from django.db.models import Min
from django.db.models.functions import Now

from governance.privacy.acts import note
from governance.privacy.certificate import certify
from governance.privacy.models import SubjectItem, SubjectRequest
from governance.privacy.restricting import lift, restricted
from stateward.gate.keys.shredding import Shred, shred_subject_known
from stateward.kernel.clock import rfc3339
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.scope import run_flow

WORDS = {
    "held": "{} under a hold",
    "retained": "{} kept by retain rules",
    "leased": "{} leased or being written",
}


def settle(actor: Actor, call: Call, request: SubjectRequest) -> None:
    """The erasure's: ``done`` when nothing of the list is left, else ``waiting``, with what for."""
    items = SubjectItem.objects.filter(tenant_id=request.tenant_id, request=request)
    states = Counter(items.values_list("state", flat=True))
    kept = items.filter(state="retained")
    lift(request, all_but=list(kept.values_list("namespace_id", "key")))
    request.erased, request.restricted = states["erased"], restricted(request)
    waits = [WORDS[state].format(states[state]) for state in WORDS if states[state]]
    request.waits_for = ", ".join(waits)
    request.wait_until = _until(request, states)
    request.state = "waiting" if waits else "done"
    request.answered_at = request.answered_at or Now()
    request.save()
    request.refresh_from_db()
    counts: dict[str, Any] = {"erased": states["erased"], "waits_for": request.waits_for or None}
    if request.wait_until is not None:
        counts["wait_until"] = rfc3339(request.wait_until)
    event = "waiting" if waits else "done"
    if not waits:
        counts["keys_destroyed"] = _shred(actor, call, request)
    note(actor, call, request, event, action="subject.erase", text=request.waits_for,
         details=counts)  # fmt: skip
    certify(request)


def _shred(actor: Actor, call: Call, request: SubjectRequest) -> int:
    """Destroy the person's own data keys, where a namespace keeps such: copies of what was erased,
    wherever they lie, are not readable any more.
    """
    why = Shred(f"Erased at a person's request: {request.reference}.")
    destroyed = 0
    for one in request.identifiers.order_by("id"):
        for name in one.key_hashes:
            shredded = run_flow(shred_subject_known(actor, call, bytes(name), why))
            destroyed += len(shredded.entries)
    return destroyed


def _until(request: SubjectRequest, states: Counter[str]) -> datetime | None:
    """When there may be more to do; None where nobody can say."""
    if states["held"] or states["leased"] or not states["retained"]:
        return None
    items = SubjectItem.objects.filter(tenant_id=request.tenant_id, request=request)
    found: datetime | None = items.filter(state="retained").aggregate(at=Min("keep_until"))["at"]
    return found

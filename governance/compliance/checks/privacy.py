"""What persons asked for, and whether what was erased stays away: C42, C43."""

from __future__ import annotations

from datetime import timedelta

from governance.compliance.registry import Ground, check
from governance.compliance.results import Answer, Evidence, Item, Tally, insufficient
from governance.privacy.models import SubjectRequest, SubjectRescan

AREA = "Privacy"
LOOKED_BACK = timedelta(days=365)
RESCAN_AGE = timedelta(days=2)


@check(
    "C42",
    "Nothing is left of what was erased",
    area=AREA,
    severity="critical",
    proves="A search of every key and every value within two days found nothing of the erased"
    " entries and persons that is older than their erasure, and did find what lives.",
    does_not_prove="Anything about archives, which end with their age and are restored without what"
    " was erased, or about values in which no place names the person.",
)
def nothing_left(ground: Ground) -> Answer:
    erased = SubjectRequest.objects.filter(
        tenant_id=ground.tenant_id, kind="erasure", erased__gt=0
    ).count()
    tally = Tally("erasure,erasures", population=erased)
    nothing = "Nobody was erased."
    if not erased:
        return tally.answer("left nothing", "left something", nothing=nothing)
    last = SubjectRescan.objects.filter(tenant_id=ground.tenant_id).order_by("-at").first()
    if last is None or last.at < ground.now - RESCAN_AGE or last.requests < erased:
        return insufficient("The stores were not searched since the last erasure, or not lately.")
    if not last.control_found:
        return insufficient(
            "The search did not find a person who is there: it cannot be relied on."
        )
    tally.evidence.append(Evidence("search", str(last.id), f"{last.looked_at:,} versions"))
    for one in last.details:
        item_id = f"{one['store']}/{one['id_hash']}"
        tally.fail(
            Item("remnant", item_id, one["store"], "Older than the erasure, and still there.")
        )
    tally.failing += last.remnants - len(last.details)
    return tally.answer("left nothing", "left something", nothing=nothing)


@check(
    "C43",
    "Persons are answered in time",
    area=AREA,
    severity="high",
    proves="Each request of the last year was answered by its date: 30 days, or 90 where it was put"
    " off once with a reason.",
    does_not_prove="That the answer was right, or that every request was taken in here.",
)
def answered_in_time(ground: Ground) -> Answer:
    rows = SubjectRequest.objects.filter(
        tenant_id=ground.tenant_id, received_at__gt=ground.now - LOOKED_BACK
    )
    tally = Tally("request,requests")
    for one in rows.exclude(state="withdrawn").order_by("id").iterator():
        answered = one.answered_at or ground.now
        late = (answered - one.due_at).days + 1
        detail = f"{one.kind.capitalize()}: due {one.due_at:%d %b %Y}, {late} days late."
        is_late = answered > one.due_at
        tally.add(Item("subject_request", str(one.id), one.reference, detail) if is_late else None)
    return tally.answer(
        "were answered in time, or still may be",
        "were not answered in time",
        nothing="Nobody asked for anything within a year.",
    )

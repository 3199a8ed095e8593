"""What state holds against how closely it is kept: C32."""

from __future__ import annotations

from datetime import timedelta

from governance.classification.models import ClassificationStanding, ClassificationSuggestion
from governance.compliance.registry import Ground, check
from governance.compliance.results import Answer, Item, Tally, counted, insufficient
from stateward.state.detectors.kinds import KINDS
from stateward.state.models import Namespace


@check(
    "C32",
    "A scan finds no personal or secret data in lower classes",
    area="State",
    severity="high",
    proves="Every namespace was looked through in full within the time set, and nothing was found"
    " that asks for a higher classification, but what a person dismissed with a reason.",
    does_not_prove="That nothing escapes the detectors; how good they are is measured.",
)
def nothing_kept_too_low(ground: Ground) -> Answer:
    namespaces = Namespace.objects.filter(tenant_id=ground.tenant_id, deleted_at=None)
    names = dict(namespaces.values_list("id", "name"))
    tally = Tally("namespace,namespaces", population=len(names))
    for one in ClassificationSuggestion.objects.filter(
        tenant_id=ground.tenant_id, state="open", namespace_id__in=list(names)
    ).order_by("id"):
        name = names[one.namespace_id]
        kinds = ", ".join(KINDS[each["kind"]].title for each in one.kinds if each["kind"] in KINDS)
        tally.fail(Item("namespace", name, name, f"It is {one.was}, and holds: {kinds}."))
    if not tally.failing and (unseen := _unseen(ground, len(names))):
        days = ground.number("classification_scan_days")
        many = counted(unseen, "namespace was,namespaces were")
        return insufficient(f"{many} not looked through in full within {days} days.")
    return tally.answer(
        "hold nothing that asks for a higher classification",
        "hold more than their classification says",
        nothing="The tenant has no namespace.",
    )


def _unseen(ground: Ground, count: int) -> int:
    since = ground.now - timedelta(days=ground.number("classification_scan_days"))
    seen = ClassificationStanding.objects.filter(
        tenant_id=ground.tenant_id, namespace__deleted_at=None, coverage="full", unread=0,
        scanned_at__gte=since,
    )  # fmt: skip
    return count - seen.count()

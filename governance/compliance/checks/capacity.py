"""Whether there is room: C48."""

from __future__ import annotations

from governance.capacity.forecast import Exhaustion
from governance.capacity.outlook import Outlook, outlook
from governance.compliance.registry import Ground, check
from governance.compliance.results import Answer, Item, Tally, insufficient, not_applicable


@check(
    "C48",
    "Nothing runs out soon",
    area="Capacity",
    severity="medium",
    proves="By the forecast of the measured days, neither a quota of this tenant nor the database's"
    " volume is reached within the allowed days.",
    does_not_prove="Anything about connections, processors or memory; a forecast is no promise.",
)
def nothing_runs_out(ground: Ground) -> Answer:
    days = ground.number("capacity_days")
    found = outlook(ground.tenant_id)
    limits = _limits(found)
    if not limits:
        return not_applicable("No limit is known: the tenant has no quota, nor the disk a size.")
    if found.missing_days:
        more = found.missing_days
        return insufficient(f"A forecast needs {more} more measured days.")
    tally = Tally("limit,limits")
    for name, label, end in limits:
        left = (end.expected - found.day).days if end.expected else None
        is_soon = left is not None and left <= days
        when = "It is reached already." if end.is_over else f"It is reached on {end.expected}."
        detail = f"{when} At least {days} days are wanted."
        tally.add(Item("capacity", name, label, detail) if is_soon else None)
    return tally.answer(
        f"are not reached within {days} days",
        f"are reached within {days} days",
        nothing="No limit is known.",
    )


def _limits(found: Outlook) -> list[tuple[str, str, Exhaustion]]:
    """What can run out, with when it does."""
    limits = []
    if found.quota.bytes is not None:
        limits.append(("bytes", "The quota of bytes", found.bytes_end))
    if found.quota.entries is not None:
        limits.append(("entries", "The quota of entries", found.entries_end))
    if found.volume is not None:
        limits.append(("disk", "The database's volume", found.volume.end))
    return limits

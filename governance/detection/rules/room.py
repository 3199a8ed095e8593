"""Whether there is room for what is still to be written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from governance.detection.rule import Hit, Rule, Scene, Subject, Threshold, Thresholds
from stateward.kernel.flow import Statement
from stateward.state.bounds import Quota, load_quotas
from stateward.state.quotas import total
from stateward.state.usage import Sum, sums_of
from stateward.tenancy.scope import execute, run_flow

NAMES = "SELECT id, name FROM stateward_namespace WHERE tenant_id = %s AND id = ANY (%s)"
WORDS = {"entries": "entries", "bytes": "bytes", "writes": "the day's writes"}


def _nearly_full(scene: Scene, thresholds: Thresholds) -> Iterator[Hit]:
    quotas = run_flow(load_quotas(scene.tenant_id))
    if not quotas:
        return
    sums = run_flow(sums_of(scene.tenant_id))
    spaces = [subject for subject in quotas if subject != scene.tenant_id]
    names: dict[UUID, str] = dict(execute(Statement(NAMES, (scene.tenant_id, spaces))))
    for subject, quota in quotas.items():
        used = total(sums.values()) if subject == scene.tenant_id else sums.get(subject, Sum())
        what, share = _fullest(quota, used)
        if share < thresholds["percent"]:
            continue
        if subject == scene.tenant_id:
            about = Subject("tenant", str(subject), "the tenant")
        elif subject in names:
            about = Subject("namespace", str(subject), names[subject])
        else:
            continue  # deleted since
        yield Hit(
            about,
            _says(what),
            # A day is an episode: who resolved it today is told again tomorrow.
            scene.span.until.replace(hour=0, minute=0, second=0, microsecond=0),
            scene.span.until,
            count=int(share),
            is_episode=True,
            severity="high" if share >= 100 else None,
        )


def _fullest(quota: Quota, used: Sum) -> tuple[str, float]:
    shares = [
        (100 * have / limit, name)
        for (name, have), limit in zip(used._asdict().items(), quota, strict=True)
        if limit is not None
    ]
    share, name = max(shares)
    return name, share


def _says(what: str) -> Any:
    def says(name: str, count: int) -> str:
        return f"{count} % of the quota of {WORDS[what]} of {name} is used."

    return says


RULES = (
    Rule(
        "quota_nearly_full",
        22,
        "A quota is nearly full",
        "When a quota is full, writes are refused.",
        "Raise the quota, delete what is not needed, or bound the history with a window.",
        "medium",
        ("ASI08",),
        (Threshold("percent", "Percent of the quota that is used", 80, 1, 100),),
        _nearly_full,
    ),
)

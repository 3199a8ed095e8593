"""How detection stands, in one question: for the side bar and the overview."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from governance.detection.heartbeat import MISSED
from governance.detection.models import SEVERITIES
from governance.detection.rules import rules_of
from stateward.kernel.flow import Statement
from stateward.tenancy.scope import execute

BAD = frozenset({"high", "critical"})
STANDING = """
WITH sample AS (
    SELECT severity FROM stateward_alert WHERE tenant_id = %(tenant)s AND state = 'open' LIMIT 1000
)
SELECT clock_timestamp(), p.rules, p.times, s.off, a.severities, a.counts
FROM (SELECT array_agg(rule ORDER BY rule) AS rules, array_agg(evaluated_at ORDER BY rule) AS times
      FROM stateward_detection_progress WHERE tenant_id = %(tenant)s) p,
    (SELECT array_agg(rule) AS off
     FROM stateward_detection_setting WHERE tenant_id = %(tenant)s AND NOT enabled) s,
    (SELECT array_agg(severity) AS severities, array_agg(number) AS counts
     FROM (SELECT severity, count(*) AS number FROM sample GROUP BY severity) grouped) a
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """The alerts nobody has taken up, a thousand of them at most, and the rules that are late."""

    by_severity: dict[str, int]
    rules: int
    late: int
    silent_for: timedelta | None  # since any rule was last evaluated; None: never

    @property
    def count(self) -> int:
        return sum(self.by_severity.values())

    @property
    def worst(self) -> str:
        """The highest severity among them; empty without any."""
        return next((one for one in reversed(SEVERITIES) if self.by_severity.get(one)), "")

    @property
    def tone(self) -> str:
        if not self.count:
            return ""
        return "bad" if self.worst in BAD else "warn"


def standing(tenant_id: UUID) -> Standing:
    """Within the tenant's scope."""
    now, names, times, off, severities, counts = execute(
        Statement(STANDING, {"tenant": tenant_id})
    )[0]
    looked: dict[str, datetime | None] = dict(zip(names or (), times or (), strict=True))
    rules = [one for one in rules_of("tenant") if one.name not in (off or ())]
    late = 0
    for rule in rules:
        at = looked.get(rule.name)
        late += at is None or now - at > MISSED * rule.interval
    last = max((at for at in looked.values() if at is not None), default=None)
    waiting = dict(zip(severities or (), counts or (), strict=True))
    return Standing(waiting, len(rules), late, now - last if last else None)

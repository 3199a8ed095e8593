"""How a tenant has set each rule: as it ships, but for what was changed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from governance.detection.models import RuleSetting
from governance.detection.rule import Rule, Thresholds


@dataclass(frozen=True, slots=True)
class RuleInForce:
    """A rule as a tenant has it."""

    rule: Rule
    enabled: bool
    severity: str
    owner_id: UUID | None
    thresholds: Thresholds
    changed_at: datetime | None = None
    changed_by: str = ""

    @property
    def is_as_shipped(self) -> bool:
        return self.changed_at is None


def rules_in_force(tenant_id: UUID, rules: Iterable[Rule]) -> list[RuleInForce]:
    """These rules as the tenant has set them; within the tenant's scope."""
    set_here = {one.rule: one for one in RuleSetting.objects.filter(tenant_id=tenant_id)}
    return [in_force(rule, set_here.get(rule.name)) for rule in rules]


def in_force(rule: Rule, setting: RuleSetting | None) -> RuleInForce:
    shipped = RuleInForce(rule, True, rule.severity, None, rule.usual())
    if setting is None:
        return shipped
    known = rule.usual()
    return replace(
        shipped,
        enabled=setting.enabled,
        severity=setting.severity or rule.severity,
        owner_id=setting.owner_id,
        thresholds=known | {k: v for k, v in setting.thresholds.items() if k in known},
        changed_at=setting.changed_at,
        changed_by=setting.changed_by,
    )

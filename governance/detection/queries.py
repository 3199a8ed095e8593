"""Reads of alerts and rules. Within the tenant's scope; each door decides before it asks."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from governance.detection.models import SEVERITIES, Alert, AlertEvent, Suppression
from stateward.kernel.errors import NotFound

STANDING = (Alert.State.OPEN, Alert.State.ACKNOWLEDGED)
BAD = frozenset({"high", "critical"})
OPEN = """
SELECT severity, count(*) FROM (
    SELECT severity FROM stateward_alert WHERE tenant_id = %s AND state = 'open' LIMIT 1000
) standing GROUP BY severity
"""
RECORDS = """
SELECT record_id FROM stateward_alert_record WHERE tenant_id = %s AND alert_id = %s
ORDER BY at DESC, record_id DESC LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class OpenAlerts:
    """How many alerts nobody has looked at, by severity; at most a thousand are counted."""

    by_severity: dict[str, int]

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


def open_alerts(tenant_id: UUID) -> OpenAlerts:
    """For the side bar and the overview."""
    with connection.cursor() as cursor:
        cursor.execute(OPEN, (tenant_id,))
        return OpenAlerts(dict(cursor.fetchall()))


def alerts_of(tenant_id: UUID) -> QuerySet[Alert, Alert]:
    """All of a tenant's, resolved ones too."""
    return Alert.objects.filter(tenant_id=tenant_id).select_related("owner__person")


def find_alert(tenant_id: UUID, alert_id: UUID) -> Alert:
    alert = alerts_of(tenant_id).filter(id=alert_id).first()
    if alert is None:
        raise NotFound
    return alert


def history_of(alert: Alert) -> QuerySet[AlertEvent, AlertEvent]:
    return AlertEvent.objects.filter(tenant_id=alert.tenant_id, alert=alert).order_by("-id")


def record_ids(alert: Alert, limit: int) -> list[UUID]:
    """The newest records that the alert counts."""
    with connection.cursor() as cursor:
        cursor.execute(RECORDS, (alert.tenant_id, alert.id, limit))
        return [row[0] for row in cursor.fetchall()]


def suppressions_of(tenant_id: UUID) -> QuerySet[Suppression, Suppression]:
    return Suppression.objects.filter(tenant_id=tenant_id)

"""Reads of alerts and rules. Within the tenant's scope; each door decides before it asks."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.db.models import QuerySet

from governance.detection.models import Alert, AlertEvent, Suppression
from stateward.gate.audit.queries import COLUMNS, AuditRecord, record_from
from stateward.kernel.errors import NotFound
from stateward.kernel.flow import Statement
from stateward.tenancy.scope import execute

STANDING = (Alert.State.OPEN, Alert.State.ACKNOWLEDGED)
RECORDS = """
SELECT record_id FROM stateward_alert_record WHERE tenant_id = %s AND alert_id = %s
ORDER BY at DESC, record_id DESC LIMIT %s
"""
AROUND = timedelta(hours=1)  # between a refusal, and the record that counts it
LISTED = f"""
SELECT {COLUMNS} FROM stateward_audit_record r
WHERE r.tenant_id = %(tenant)s AND r.at >= %(since)s AND r.at < %(until)s AND r.id IN (
    SELECT k.record_id FROM stateward_alert_record k
    WHERE k.tenant_id = %(tenant)s AND k.alert_id = %(alert)s ORDER BY k.at DESC LIMIT %(limit)s)
ORDER BY r.at DESC, r.id DESC
"""


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
    rows = execute(Statement(RECORDS, (alert.tenant_id, alert.id, limit)))
    return [row[0] for row in rows]


def records_of(alert: Alert, limit: int) -> list[AuditRecord]:
    """The same as records, newest first; a record that was counted late lies a little after."""
    rows = execute(
        Statement(
            LISTED,
            {
                "tenant": alert.tenant_id,
                "alert": alert.id,
                "since": alert.first_at - AROUND,
                "until": alert.last_at + AROUND,
                "limit": limit,
            },
        )
    )
    return [record_from(row) for row in rows]


def suppressions_of(tenant_id: UUID) -> QuerySet[Suppression, Suppression]:
    return Suppression.objects.filter(tenant_id=tenant_id)

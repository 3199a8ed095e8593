"""From what a rule found to an alert: grouped by subject, added to while it stands, held back where
it is suppressed.

Inside the look's transaction, so that an alert and the progress of its rule stand or fall together.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import connection
from django.db.models import F, Q, QuerySet

from governance.detection.acts import detector, record_opening
from governance.detection.models import Alert, AlertEvent, Suppression
from governance.detection.rule import Hit, Subject
from governance.detection.settings import RuleInForce
from governance.detection.sightings import Sighting
from stateward.state.models import Namespace
from stateward.tenancy.models import Agent, Member

MOST_LINKS = 1_000  # records that one alert lists; what comes on top is counted

LINK = """
WITH room AS (
    SELECT %(most)s - count(*) AS left FROM stateward_alert_record
    WHERE tenant_id = %(tenant)s AND alert_id = %(alert)s
)
INSERT INTO stateward_alert_record (tenant_id, alert_id, record_id, at)
SELECT %(tenant)s, %(alert)s, id, at FROM (
    SELECT u.id, u.at, row_number() OVER (ORDER BY u.at, u.id) AS place
    FROM unnest(%(ids)s::uuid[], %(times)s::timestamptz[]) AS u (id, at)
    WHERE NOT EXISTS (SELECT FROM stateward_alert_record k WHERE k.tenant_id = %(tenant)s
        AND k.alert_id = %(alert)s AND k.record_id = u.id)
) fresh, room WHERE place <= room.left
"""
LINKED = """
SELECT record_id FROM stateward_alert_record
WHERE tenant_id = %(tenant)s AND alert_id = %(alert)s AND record_id = ANY (%(ids)s)
"""


def raise_alert(tenant_id: UUID, rule: RuleInForce, hit: Hit, now: datetime) -> str:
    """Open an alert, or add to the one that stands; says which: ``opened``, ``grew``,
    ``suppressed`` or ``known``.
    """
    standing = (
        _about(tenant_id, rule, hit).exclude(state=Alert.State.RESOLVED).select_for_update().first()
    )
    if standing is None and hit.is_episode and _was_resolved(tenant_id, rule, hit):
        return "known"
    if _is_suppressed(tenant_id, rule, hit, now):
        return "suppressed"
    if standing is None:
        return _open(tenant_id, rule, hit)
    return _grow(standing, rule, hit, now)


def name_of_subject(tenant_id: UUID, subject: Subject) -> str:
    """What people call the subject."""
    if subject.name:
        return subject.name
    find = _NAMES.get(subject.type)
    if find is None:
        return subject.id
    try:
        return find(tenant_id, UUID(subject.id)) or f"a former {subject.type}"
    except ValueError:
        return subject.id


def _member(tenant_id: UUID, subject_id: UUID) -> str | None:
    rows = Member.objects.filter(tenant_id=tenant_id, id=subject_id).select_related("person")
    return str(member.person) if (member := rows.first()) else None


def _agent(tenant_id: UUID, subject_id: UUID) -> str | None:
    rows = Agent.objects.filter(tenant_id=tenant_id, id=subject_id)
    return rows.values_list("name", flat=True).first()


def _namespace(tenant_id: UUID, subject_id: UUID) -> str | None:
    rows = Namespace.objects.filter(tenant_id=tenant_id, id=subject_id)
    return rows.values_list("name", flat=True).first()


_NAMES = {"member": _member, "agent": _agent, "namespace": _namespace}


def _about(tenant_id: UUID, rule: RuleInForce, hit: Hit) -> QuerySet[Alert, Alert]:
    subject = hit.subject
    return Alert.objects.filter(
        tenant_id=tenant_id,
        rule=rule.rule.name,
        subject_type=subject.type,
        subject_id=subject.id,
    )


def _was_resolved(tenant_id: UUID, rule: RuleInForce, hit: Hit) -> bool:
    """Whether this very episode was dealt with already."""
    return _about(tenant_id, rule, hit).filter(last_at__gte=hit.first_at).exists()


def _is_suppressed(tenant_id: UUID, rule: RuleInForce, hit: Hit, now: datetime) -> bool:
    anyone = Q(subject_type="", subject_id="")
    this_one = Q(subject_type=hit.subject.type, subject_id=hit.subject.id)
    inside = Suppression.objects.filter(
        anyone | this_one, tenant_id=tenant_id, rule=rule.rule.name, ends_at__gt=now
    )
    counted = 1 if hit.is_episode else sum(one.weight for one in hit.sightings if one.is_new)
    first = inside.order_by("id").first()
    if first is None:
        return False
    Suppression.objects.filter(id=first.id).update(suppressed=F("suppressed") + counted)
    return True


def _open(tenant_id: UUID, rule: RuleInForce, hit: Hit) -> str:
    name = name_of_subject(tenant_id, hit.subject)[:254]
    alert = Alert.objects.create(
        tenant_id=tenant_id,
        rule=rule.rule.name,
        subject_type=hit.subject.type,
        subject_id=hit.subject.id,
        subject_name=name,
        severity=hit.severity or rule.severity,
        said=hit.says(name, hit.count),
        count=hit.count,
        first_at=hit.first_at,
        last_at=hit.last_at,
        asks=dict(hit.asks),
        owner_id=rule.owner_id,
    )
    _link(alert, hit.sightings)
    _tell(alert, "opened")
    details = {"rule": alert.rule, "severity": alert.severity, "count": alert.count}
    record_opening(tenant_id, alert.id, details)
    return "opened"


def _grow(alert: Alert, rule: RuleInForce, hit: Hit, now: datetime) -> str:
    if hit.is_episode:
        added = hit.count - alert.count
        alert.count = hit.count
    else:
        linked = _linked(alert, hit.sightings)
        added = sum(one.weight for one in hit.sightings if one.is_new and one.id not in linked)
        alert.count += added
    _link(alert, hit.sightings)
    alert.last_at = max(alert.last_at, hit.last_at)
    alert.said = hit.says(alert.subject_name, alert.count)
    alert.changed_at = now
    alert.save(update_fields=["count", "last_at", "said", "changed_at"])
    if added > 0 and alert.state == Alert.State.ACKNOWLEDGED:
        last = alert.history.order_by("-id").first()
        if last is None or last.event != "grew":  # once, until somebody says something again
            _tell(alert, "grew")
    return "grew" if added > 0 else "known"


def _tell(alert: Alert, event: str) -> None:
    by = detector(alert.tenant_id)
    AlertEvent.objects.create(
        tenant_id=alert.tenant_id,
        alert=alert,
        event=event,
        actor_type=by.type,
        actor_id=by.id,
        actor_name=by.name,
    )


def _linked(alert: Alert, sightings: Iterable[Sighting]) -> set[UUID]:
    ids = [one.id for one in sightings]
    with connection.cursor() as cursor:
        cursor.execute(LINKED, {"tenant": alert.tenant_id, "alert": alert.id, "ids": ids})
        return {row[0] for row in cursor.fetchall()}


def _link(alert: Alert, sightings: Iterable[Sighting]) -> None:
    found = list(sightings)
    if not found:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            LINK,
            {
                "tenant": alert.tenant_id,
                "alert": alert.id,
                "ids": [one.id for one in found],
                "times": [one.at for one in found],
                "most": MOST_LINKS,
            },
        )

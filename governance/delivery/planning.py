"""From alerts to messages: what each route has not been told of, and is to be told now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Count, Q

from governance.delivery.fitting import Facts, Wanted, fits, is_due, messages
from governance.delivery.models import Delivery, Route, Told
from governance.delivery.wording import body_of, title_of
from governance.detection.models import Alert
from stateward.kernel.flow import Statement
from stateward.tenancy.models import Tenant
from stateward.tenancy.scope import execute

MOST = 10  # messages of one route in one pass; more are told together
MOST_AN_HOUR = 60  # of one route; beyond it what comes is told together
NEWEST = 1_000  # standing alerts that are looked at
# The namespaces that an alert's newest records are about.
NAMESPACES = """
SELECT k.alert_id, array_agg(DISTINCT n.name)
FROM stateward_alert_record k
JOIN stateward_audit_record r ON r.tenant_id = k.tenant_id AND r.id = k.record_id
    AND r.at BETWEEN k.at - interval '1 hour' AND k.at + interval '1 hour'
JOIN stateward_namespace n ON n.tenant_id = k.tenant_id AND n.id = r.namespace_id
WHERE k.tenant_id = %s AND k.alert_id = ANY (%s)
GROUP BY k.alert_id
"""
LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('alert delivery ' || %s, 0))"


def plan(tenant: Tenant, now: datetime) -> int:
    """Make the messages that are due now; how many. Within the tenant's scope. One pass at a time:
    what two would tell of at once is told once.
    """
    routes = list(Route.objects.filter(tenant_id=tenant.id, enabled=True).order_by("id"))
    if not routes:
        return 0
    execute(Statement(LOCK, (str(tenant.id),)))
    rows = Alert.objects.filter(tenant_id=tenant.id).exclude(state=Alert.State.RESOLVED)
    standing = {one.id: one for one in rows.order_by("-id")[:NEWEST]}
    facts = _facts(tenant.id, standing.values(), routes)
    told = _told(tenant.id, standing)
    busy = _busy(tenant.id, now)
    made = 0
    for route in routes:
        wanted = wanted_of(route)
        due = [
            one
            for one in facts
            if (route.id, one.id) not in told
            and one.opened_at >= route.created_at
            and fits(wanted, one)
            and is_due(wanted, one, now)
        ]
        room = max(min(MOST, MOST_AN_HOUR - busy.get(route.id, 0)), 0)
        for part in messages(wanted, due, now, most=room):
            make(tenant, route, [standing[one.id] for one in part])
            made += 1
    return made


def make(
    tenant: Tenant, route: Route, alerts: Sequence[Alert], *, is_test: bool = False
) -> Delivery:
    """One message, ready to be sent, and the note that its alerts were told of."""
    kind = _kind(route, alerts, is_test=is_test)
    delivery = Delivery(
        tenant_id=tenant.id,
        route=route,
        kind=kind,
        alerts=[str(one.id) for one in alerts],
        title=title_of(tenant, kind, alerts),
    )
    delivery.body = body_of(tenant, delivery, alerts, as_json=route.kind == "webhook")
    delivery.save(force_insert=True)
    if not is_test:
        Told.objects.bulk_create(
            [Told(tenant_id=tenant.id, route=route, alert_id=one.id) for one in alerts]
        )
    return delivery


def wanted_of(route: Route) -> Wanted:
    quiet = None
    if route.quiet_from is not None and route.quiet_to is not None:
        quiet = (route.quiet_from, route.quiet_to)
    return Wanted(
        route.severity,
        tuple(route.rules),
        tuple(route.namespaces),
        timedelta(minutes=route.after_minutes),
        timedelta(minutes=route.digest_minutes),
        quiet,
    )


def _kind(route: Route, alerts: Sequence[Alert], *, is_test: bool) -> Delivery.Kind:
    if is_test:
        return Delivery.Kind.TEST
    if len(alerts) > 1:
        return Delivery.Kind.DIGEST
    return Delivery.Kind.LADDER if route.after_minutes else Delivery.Kind.ALERT


def _facts(tenant_id: UUID, alerts: Iterable[Alert], routes: Iterable[Route]) -> list[Facts]:
    found = sorted(alerts, key=lambda one: one.id)
    names: dict[UUID, list[str]] = {}
    if any(route.namespaces for route in routes):
        ids = [one.id for one in found]
        names = {row[0]: row[1] for row in execute(Statement(NAMESPACES, (tenant_id, ids)))}
    return [
        Facts(
            one.id,
            one.rule,
            one.severity,
            one.state,
            one.opened_at,
            [
                *names.get(one.id, ()),
                *([one.subject_name] if one.subject_type == "namespace" else ()),
            ],
        )
        for one in found
    ]


def _told(tenant_id: UUID, standing: Iterable[UUID]) -> set[tuple[UUID, UUID]]:
    rows = Told.objects.filter(tenant_id=tenant_id, alert_id__in=list(standing))
    return set(rows.values_list("route_id", "alert_id"))


def _busy(tenant_id: UUID, now: datetime) -> dict[UUID, int]:
    recent = Q(tenant_id=tenant_id, made_at__gt=now - timedelta(hours=1))
    rows = Delivery.objects.filter(recent).values("route_id").annotate(number=Count("id"))
    return {row["route_id"]: row["number"] for row in rows}

"""The first page: how things stand, in a sentence, then in numbers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from django.contrib.auth.decorators import login_required
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from dashboards import traffic
from dashboards.alerts.health import detection_part
from dashboards.changes import recent_changes
from dashboards.evidence import evidence
from dashboards.health import Part, parts
from dashboards.permissions import may
from dashboards.ranges import NAMED, USUAL, read_range
from dashboards.requests import ConsoleRequest, Crumb, page
from governance.detection.standing import standing
from stateward.gate.approvals.queries import waiting_for
from stateward.operations.metrics.queries import metric_series
from stateward.tenancy.models import Credential
from stateward.tenancy.scope import run_flow, tenant_scope
from stateward.web.csvfile import csv_response

DAY = timedelta(days=1)
SOON = timedelta(days=7)
VERIFIER = "/api/v1/audit/verifier"
HEADINGS = ("time", "writes", "reads", "denials", "write_p50_ms", "write_p99_ms")


@login_required
def front_door(request: HttpRequest) -> HttpResponse:
    """``/``: on to the tenant this session last worked in."""
    membership = getattr(request, "tenant", None)
    if not membership:
        return render(request, "no_tenant.html")
    return redirect("console:overview", membership.tenant_slug)


@page
def overview(request: ConsoleRequest) -> HttpResponse:
    """Everything is read in one transaction, and bounded: the page costs the same at any size."""
    tenant_id = request.tenant.tenant_id
    with tenant_scope(tenant_id):
        proof = run_flow(evidence(tenant_id, waiting_for(request.actor)))
        now = proof.now
        day = run_flow(metric_series(tenant_id, now - DAY, now, now=now, series=traffic.SERIES))
        shown = read_range(request.GET, now, "1h" if traffic.is_young(day, now) else USUAL)
        before = run_flow(
            metric_series(tenant_id, now - 2 * DAY, now - DAY, now=now, series=traffic.SERIES)
        )
        ranged = day
        if shown.name != USUAL:
            ranged = run_flow(
                metric_series(tenant_id, shown.since, shown.until, now=now, series=traffic.SERIES)
            )
        stands = standing(tenant_id)
        health = [*run_flow(parts(tenant_id, proof, day)), detection_part(stands)]
        may_see_audit = may(request, "audit.read", "audit_log")
        changes = run_flow(recent_changes(tenant_id, now)) if may_see_audit.allowed else []
        may_see_alerts = may(request, "alert.read").allowed
        may_see_keys = may(request, "agent.read")
        ending = _keys_that_end(request) if may_see_keys.allowed else []
    context = {
        "crumbs": [Crumb("Overview")],
        "pulse": proof,
        "asked_of_you": proof.counted,
        "waiting": stands if may_see_alerts else None,
        "now": now,
        "health": health,
        "said": _sentence(health, day["denials"].total),
        "strip": traffic.strip(day, before, proof),
        "changes": changes,
        "may_see_audit": may_see_audit,
        "ending": ending,
        "may_see_keys": may_see_keys,
        "range": shown,
        "ranges": [(name, label) for name, (label, _, _) in NAMED.items()],
        "figures": [
            traffic.throughput(ranged, shown.until, shown.says),
            traffic.latency(ranged, shown.says),
        ],
        "csv_url": _csv_url(request),
        "verifier_url": VERIFIER,
    }
    return render(request, "overview/overview.html", context)


@page
def traffic_csv(request: ConsoleRequest) -> StreamingHttpResponse:
    """The figures' numbers, every step of the range in the address."""
    tenant_id = request.tenant.tenant_id
    with tenant_scope(tenant_id):
        now = run_flow(evidence(tenant_id)).now
        shown = read_range(request.GET, now)
        series = run_flow(
            metric_series(tenant_id, shown.since, shown.until, now=now, series=traffic.SERIES)
        )
    name = f"{request.tenant.tenant_slug}-traffic-{shown.name or 'range'}"
    return csv_response(name, HEADINGS, traffic.table(series))


def _csv_url(request: ConsoleRequest) -> str:
    url = reverse("console:traffic_csv", args=[request.tenant.tenant_slug])
    query = request.GET.urlencode()
    return f"{url}?{query}" if query else url


def _keys_that_end(request: ConsoleRequest) -> list[Credential]:
    """Keys in force that end within a week, soonest first: someone must rotate them."""
    keys = Credential.objects.filter(
        tenant_id=request.tenant.tenant_id,
        revoked_at=None,
        expires_at__gt=Now(),
        expires_at__lt=Now() + SOON,
    )
    return list(keys.select_related("agent", "member__person").order_by("expires_at")[:5])


def _sentence(health: Sequence[Part], denials: int) -> str:
    seen = [part for part in health if part.tone != "off"]
    well = [part for part in seen if part.tone == "ok"]
    ill = [part for part in seen if part.tone in {"warn", "bad"}]
    if not ill:
        said = f"All {len(well)} parts work"
    else:
        worst = next((part for part in ill if part.tone == "bad"), ill[0])
        others = f" and {len(ill) - 1} more" if len(ill) > 1 else ""
        said = f"{len(well)} of {len(seen)} parts work; look at {worst.name}{others}"
    denied = {0: "nothing was denied", 1: "one request was denied"}.get(
        denials, f"{denials:,} requests were denied"
    )
    return f"{said}, and {denied} in 24 h."

"""What the detection rules found: the list, and one alert with its records, its subject and its
history.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render

from dashboards import figures
from dashboards.alerts.words import EVENTS, STATES, TONES, standing_of
from dashboards.audit.records import resource_name
from dashboards.permissions import may
from dashboards.requests import ConsoleRequest, Crumb, address, page
from governance.detection import queries
from governance.detection.heartbeat import heartbeats
from governance.detection.models import SEVERITIES, Alert
from governance.detection.rendering import audit_filter, rule_of
from governance.detection.rule import Rule
from governance.detection.rules import RULES
from governance.detection.standing import Standing, standing
from governance.evidence.queries import namespace_names
from stateward.gate.audit.queries import AuditRecord
from stateward.gate.policy.permits import permit, whole_tenant
from stateward.kernel.errors import Malformed
from stateward.tenancy.models import Agent, Member
from stateward.tenancy.scope import tenant_scope
from stateward.web.cursors import decode_cursor, encode_cursor

ROWS = 50
RECORDS = 20
FILTERS = ("state", "severity", "rule", "subject")


@dataclass(frozen=True, slots=True)
class Shown:
    """An alert with what a page says of it."""

    alert: Alert
    rule: Rule
    tone: str

    @property
    def state(self) -> tuple[str, str, str]:
        return STATES[self.alert.state]


@dataclass(frozen=True, slots=True)
class Principal:
    """Whom an alert is about, where that is an agent or a member of this tenant."""

    kind: str
    name: str
    url: str
    status: str
    risk_class: str
    roles: str
    pause_url: str = ""
    quarantine_url: str = ""


@page
def alerts(request: ConsoleRequest) -> HttpResponse:
    """Newest first; the filter is in the address. Without one: what still waits for somebody."""
    asked = _asked(request.GET)
    cursor = request.GET.get("cursor", "")
    tenant_id = request.tenant.tenant_id
    with tenant_scope(tenant_id):
        permit(request.actor, request.call, "alert.read", whole_tenant(request.actor))
        rows = _rows(tenant_id, asked)
        if cursor:
            rows = rows.filter(id__lt=_place(cursor))
        found = list(rows.order_by("-id")[: ROWS + 1])
        stands = standing(tenant_id)
        beats = heartbeats(tenant_id)
    late = [one for one in beats if one.is_late]
    shown = [shown_of(one) for one in found[:ROWS]]
    context = {
        "alerts": shown,
        "said": _said(stands),
        "waiting": stands,
        "late": late,
        "states": _choices(request, "state", {"": "Standing", **_LABELS, "all": "All"}),
        "state": asked["state"],
        "severities": _choices(
            request, "severity", {"": "Any", **{one: one.capitalize() for one in SEVERITIES}}
        ),
        "severity": asked["severity"],
        "conditions": _conditions(request, asked),
        "next_cursor": encode_cursor([str(shown[-1].alert.id)]) if len(found) > ROWS else None,
        "cursor": cursor,
        "crumbs": [Crumb("Alerts")],
    }
    return render(request, "alerts/alerts.html", context)


@page
def alert(request: ConsoleRequest, alert_id: UUID) -> HttpResponse:
    return render(request, "alerts/alert.html", about(request, alert_id))


def about(request: ConsoleRequest, alert_id: UUID) -> dict[str, Any]:
    """What every page of one alert shows."""
    tenant_id = request.tenant.tenant_id
    with tenant_scope(tenant_id):
        permit(request.actor, request.call, "alert.read", whole_tenant(request.actor))
        found = queries.find_alert(tenant_id, alert_id)
        history = list(queries.history_of(found)[:ROWS])
        records = queries.records_of(found, RECORDS + 1)
        names = namespace_names(tenant_id, (one.namespace_id for one in records))
        may_manage = may(request, "alert.manage").allowed
        may_pause = may(request, "agent.manage", "agent").allowed
        may_read_audit = may(request, "audit.read", "audit_log").allowed
        principal = _principal(request, found, may_pause=may_pause)
    shown = shown_of(found)
    return {
        "shown": shown,
        "alert": found,
        "rule": shown.rule,
        "standing": standing_of(found),
        "history": [(EVENTS.get(one.event, (one.event, "info")), one) for one in history],
        "records": [(one, resource_name(one, names), _times(one)) for one in records[:RECORDS]],
        "has_more": len(records) > RECORDS,
        "audit_url": _audit_url(request, found) if may_read_audit else "",
        "principal": principal,
        "may_manage": may_manage,
        "suppress_url": _suppress_url(request, found),
        "crumbs": [Crumb("Alerts", address(request, "alerts")), Crumb(found.subject_name)],
    }


def _times(record: AuditRecord) -> int:
    """How many identical refusals the record counts."""
    details = record.content.get("details") or {}
    count = details.get("count")
    return count if isinstance(count, int) else 1


def shown_of(found: Alert) -> Shown:
    return Shown(found, rule_of(found), TONES[found.severity])


_LABELS = {name: word for name, (_, word, _) in STATES.items()}


def _asked(query: Mapping[str, str]) -> dict[str, str]:
    given = {name: query.get(name, "").replace("\x00", "")[:128] for name in FILTERS}
    if given["state"] not in {*_LABELS, "all"}:
        given["state"] = ""
    if given["severity"] not in SEVERITIES:
        given["severity"] = ""
    return given


def _rows(tenant_id: UUID, asked: Mapping[str, str]) -> Any:
    rows = queries.alerts_of(tenant_id)
    if asked["state"] != "all":
        rows = rows.filter(state__in=[asked["state"]] if asked["state"] else queries.STANDING)
    if asked["severity"]:
        rows = rows.filter(severity=asked["severity"])
    if asked["rule"]:
        rows = rows.filter(rule=asked["rule"])
    if asked["subject"]:
        rows = rows.filter(subject_id=asked["subject"])
    return rows


def _place(cursor: str) -> UUID:
    try:
        return UUID(str(decode_cursor(cursor, length=1)[0]))
    except ValueError:
        raise Malformed("The cursor is not one that was given out here.") from None


def _said(waiting: Standing) -> str:
    late, rules = waiting.late, waiting.rules
    if waiting.count:
        verb = "waits" if waiting.count == 1 else "wait"
        noun = "alert" if waiting.count == 1 else "alerts"
        said = f"{figures.whole(waiting.count)} {noun} {verb} for somebody"
        said += f", the worst {waiting.worst}" if waiting.worst else ""
    else:
        said = "No alert waits for anybody"
    if late == rules:
        return f"{said}; no rule is being evaluated."
    if late:
        return f"{said}; {late} of {rules} rules are not being evaluated."
    return f"{said}; all {rules} rules were evaluated in time."


def _choices(request: ConsoleRequest, name: str, words: Mapping[str, str]) -> list[dict[str, str]]:
    return [
        {"value": value, "label": label, "url": _url(request, **{name: value})}
        for value, label in words.items()
    ]


def _conditions(request: ConsoleRequest, asked: Mapping[str, str]) -> list[tuple[str, str]]:
    """What else narrows the list, each with the address without it."""
    found = []
    if asked["rule"]:
        rule = RULES.get(asked["rule"])
        found.append((rule.title if rule else asked["rule"], _url(request, rule="")))
    if asked["subject"]:
        found.append((f"about {asked['subject']}", _url(request, subject="")))
    return found


def _url(request: ConsoleRequest, **changes: str) -> str:
    query = request.GET.copy()
    query.pop("cursor", None)
    for name, value in changes.items():
        query[name] = value
        if not value:
            del query[name]
    return f"?{query.urlencode()}"


def _audit_url(request: ConsoleRequest, found: Alert) -> str:
    query = audit_filter(found)
    query["until"] = query.pop("to")
    return f"{address(request, 'audit')}?{urlencode(query)}"


def _suppress_url(request: ConsoleRequest, found: Alert) -> str:
    query = {"rule": found.rule, "type": found.subject_type, "subject": found.subject_id}
    return f"{address(request, 'suppression_new')}?{urlencode(query)}"


def _principal(request: ConsoleRequest, found: Alert, *, may_pause: bool) -> Principal | None:
    tenant_id = request.tenant.tenant_id
    if found.subject_type == "agent":
        agent = Agent.objects.filter(tenant_id=tenant_id, id=found.subject_id).first()
        if agent is None:
            return None
        can_be = may_pause and agent.status == Agent.Status.ACTIVE
        return Principal(
            "agent",
            agent.name,
            address(request, "agent", agent.id),
            agent.status,
            agent.risk_class,
            ", ".join(agent.roles),
            address(request, "agent_pause", agent.id) if can_be else "",
            address(request, "quarantine_new", agent.id) if can_be else "",
        )
    if found.subject_type == "member":
        members = Member.objects.select_related("person")
        member = members.filter(tenant_id=tenant_id, id=found.subject_id).first()
        if member is None:
            return None
        status = "active" if member.is_active else "suspended"
        url = address(request, "member", member.id)
        return Principal("member", str(member.person), url, status, "", ", ".join(member.roles))
    return None

"""One finding: what is wrong, on what evidence, what became of it; and what people do about it."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render

from dashboards.compliance.words import (
    EVENTS,
    crumbs,
    day,
    evidence_url,
    item_url,
    outcome_badge,
    status_badge,
)
from dashboards.figures import plural
from dashboards.permissions import may
from dashboards.requests import ConsoleRequest, Crumb, address, page
from dashboards.state.forms import show_faults
from governance.compliance.models import Finding, FindingEvent
from governance.compliance.queries import (
    exceptions_of,
    findings_of,
    permit_reading,
    results_of_check,
)
from governance.compliance.registry import find_check
from governance.compliance.services import (
    Acceptance,
    accept_risk,
    change_finding,
    withdraw_exception,
)
from governance.compliance.thresholds import THRESHOLDS
from stateward.kernel.clock import now
from stateward.kernel.errors import Conflict, NotFound, Unprocessable
from stateward.tenancy.models import Member
from stateward.tenancy.scope import tenant_scope

UNFIT = (Conflict, Unprocessable)
MOST_MEMBERS = 200
MOST_EVENTS = 50
MOST_SCANS = 12


class WorkForm(forms.Form):
    """Who mends it, until when, and whether somebody is at it."""

    status = forms.ChoiceField(choices=[("open", "Open"), ("in_progress", "In progress")])
    owner = forms.TypedChoiceField(required=False, coerce=str, empty_value=None)
    due_on = forms.DateField(
        label="Due", required=False, widget=forms.DateInput(attrs={"type": "date"})
    )

    def __init__(self, *args: Any, members: list[Member], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _choose(self.fields["owner"], members, nobody=True)


class AcceptForm(forms.Form):
    """Why the risk is taken, until when, and who answers for it."""

    reason = forms.CharField(max_length=2_000, widget=forms.Textarea(attrs={"rows": 3}))
    expires_on = forms.DateField(
        label="Accepted until", widget=forms.DateInput(attrs={"type": "date"})
    )
    owner = forms.TypedChoiceField(coerce=str, empty_value=None)

    def __init__(self, *args: Any, members: list[Member], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _choose(self.fields["owner"], members, nobody=False)

    @property
    def acceptance(self) -> Acceptance:
        """It ends with that day, in UTC."""
        given = self.cleaned_data
        ends = datetime.combine(given["expires_on"], time(23, 59, 59), tzinfo=now().tzinfo)
        owner = UUID(given["owner"]) if given["owner"] else None
        return Acceptance(given["reason"], ends, owner)


@page
def finding(request: ConsoleRequest, finding_id: UUID) -> HttpResponse:
    """Everything that is known of it."""
    return render(request, "compliance/finding.html", about(request, finding_id))


@page
def work(request: ConsoleRequest, finding_id: UUID) -> HttpResponse:
    """Assign it, give it a day, say that somebody is at it."""
    context = about(request, finding_id)
    found = context["finding"]
    initial = {
        "status": "in_progress" if found.standing == "in_progress" else "open",
        "owner": str(found.owner_id or ""),
        "due_on": found.due_on,
    }
    form = WorkForm(request.POST or None, initial=initial, members=_members(request))
    if found.standing == "accepted":  # it is open again when its exception is withdrawn
        del form.fields["status"]
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            change_finding(
                request.actor,
                request.call,
                finding_id,
                status=given.get("status"),
                owner_id=UUID(given["owner"]) if given["owner"] else None,
                due_on=given["due_on"],
            )
        except UNFIT as error:
            show_faults(form, error)
        else:
            messages.success(request, "Saved; it is in the finding's history.")
            return redirect(address(request, "compliance_finding", finding_id))
    context |= {"form": form, "crumbs": _crumbs(request, found, "Assign")}
    status = 422 if form.is_bound else 200
    return render(request, "compliance/finding_work.html", context, status=status)


@page
def accept(request: ConsoleRequest, finding_id: UUID) -> HttpResponse:
    """Take its risk for a time."""
    context = about(request, finding_id)
    found = context["finding"]
    initial = {
        "owner": str(request.actor.id),
        "expires_on": (now() + timedelta(days=90)).date(),
    }
    form = AcceptForm(request.POST or None, initial=initial, members=_members(request))
    if request.method == "POST" and form.is_valid():
        try:
            risk = accept_risk(request.actor, request.call, finding_id, form.acceptance)
        except UNFIT as error:
            show_faults(form, error)
        else:
            messages.success(request, f"The risk is accepted until {day(risk.expires_at)}.")
            return redirect(address(request, "compliance_finding", finding_id))
    context |= {
        "form": form,
        "longest": THRESHOLDS["longest_exception_days"].value,
        "crumbs": _crumbs(request, found, "Accept risk"),
    }
    status = 422 if form.is_bound else 200
    return render(request, "compliance/finding_accept.html", context, status=status)


@page
def withdraw(request: ConsoleRequest, exception_id: UUID) -> HttpResponse:
    """End an exception before its day."""
    with tenant_scope(request.tenant.tenant_id):
        permit_reading(request.actor, request.call)
        risk = exceptions_of(request.tenant.tenant_id).filter(id=exception_id).first()
    if risk is None:
        raise NotFound
    context: dict[str, Any] = {"risk": risk, "finding": risk.finding}
    if request.method == "POST":
        try:
            withdraw_exception(request.actor, request.call, exception_id)
        except Conflict as error:
            context["fault"] = error
        else:
            messages.success(request, "The exception is withdrawn; the finding is open again.")
            return redirect(address(request, "compliance_finding", risk.finding_id))
    context["crumbs"] = _crumbs(request, risk.finding, "Withdraw exception")
    return render(request, "compliance/exception_withdraw.html", context)


def about(request: ConsoleRequest, finding_id: UUID) -> dict[str, Any]:
    """What the finding's pages show."""
    tenant_id = request.tenant.tenant_id
    with tenant_scope(tenant_id):
        permit_reading(request.actor, request.call)
        found = findings_of(tenant_id).filter(id=finding_id).first()
        if found is None:
            raise NotFound
        events = list(found.events.order_by("-id")[:MOST_EVENTS])
        risks = list(exceptions_of(tenant_id).filter(finding_id=found.id).order_by("-id"))
        results = results_of_check(tenant_id, found.check_id, MOST_SCANS)
        may_manage = may(request, "compliance.manage").allowed
    check = find_check(found.check_id)
    title = check.title if check else found.check_id
    last = results[0] if results else None
    return {
        "finding": found,
        "check": check,
        "title": title,
        "kind": found.item_kind.replace("_", " "),
        "badge": status_badge(found.standing, found.severity),
        "said": _said(found),
        "item_url": item_url(request, found.item_kind, found.item_id),
        "events": [_event(request, event) for event in events],
        "risks": [
            {"risk": risk, "stands": risk.ended_at is None and risk.expires_at > now()}
            for risk in risks
        ],
        "last": last,
        "last_badge": outcome_badge(last.outcome) if last else None,
        "evidence": [{"evidence": one, "url": evidence_url(request, one)} for one in last.evidence]
        if last
        else [],
        "may_manage": may_manage,
        "is_workable": found.standing != "resolved",
        "crumbs": crumbs(request, Crumb(found.check_id)),
    }


def _said(found: Any) -> str:
    seen = f"seen since {day(found.first_seen_at)}"
    if found.standing == "resolved":
        return f"No longer found since {day(found.resolved_at)}; first {seen}."
    again = ""
    if found.regressions:
        times = plural(found.regressions, "time", "times")
        again = f" It came back {times} after it was resolved."
    if found.standing == "accepted":
        until = day(found.accepted_until)
        return f"{found.detail} The risk is accepted until {until}; {seen}.{again}"
    owner = f"{found.owner_name} is to mend it" if found.owner_id else "nobody is to mend it yet"
    due = f" by {day(found.due_on)}" if found.due_on else ""
    return f"{found.detail} It is {seen}, and {owner}{due}.{again}"


def _event(request: ConsoleRequest, event: FindingEvent) -> dict[str, Any]:
    changes = event.details.get("changes", {})
    return {
        "event": event,
        "words": EVENTS.get(event.event, event.event),
        "changes": [
            {"name": name.replace("_", " "), "old": _plain(old), "new": _plain(new)}
            for name, (old, new) in sorted(changes.items())
            if name != "owner"
        ],
        "owner_changed": "owner" in changes,
        "record_url": address(request, "audit_record", event.record_id) if event.record_id else "",
    }


def _plain(value: str | None) -> str:
    return "none" if value is None else value.replace("_", " ")


def _crumbs(request: ConsoleRequest, found: Finding, last: str) -> list[Crumb]:
    own = Crumb(found.check_id, address(request, "compliance_finding", found.id))
    return crumbs(request, own, Crumb(last))


def _members(request: ConsoleRequest) -> list[Member]:
    with tenant_scope(request.tenant.tenant_id):
        rows = Member.objects.filter(tenant_id=request.tenant.tenant_id, is_active=True)
        return list(rows.select_related("person").order_by("person__name", "id")[:MOST_MEMBERS])


def _choose(field: forms.Field, members: list[Member], *, nobody: bool) -> None:
    assert isinstance(field, forms.TypedChoiceField)  # noqa: S101  # declared above
    people = [(str(one.id), str(one.person)) for one in members]
    field.choices = [("", "nobody"), *people] if nobody else people

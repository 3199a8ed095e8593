"""What bounds a namespace, and how often callers may call: looked at and set."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render

from dashboards import figures
from dashboards.requests import ConsoleRequest, Crumb, address, page
from dashboards.state.forms import show_faults
from dashboards.state.rights import rights
from governance.people.services import limits
from stateward.kernel.errors import NotFound, Unprocessable
from stateward.kernel.gcra import Pace
from stateward.state.bounds import Bounds, Quota, Tier
from stateward.state.services import bounding
from stateward.state.usage import Sum
from stateward.tenancy.limits import LEAST_PER_SECOND, MOST_BURST, MOST_PER_SECOND
from stateward.tenancy.models import Credential
from stateward.tenancy.scope import tenant_scope

MOST, MOST_INTEGER, MOST_DAYS = 2**62, 2**31 - 1, 36_500


def _number(label: str, most: int = MOST_INTEGER) -> forms.IntegerField:
    return forms.IntegerField(required=False, min_value=1, max_value=most, label=label)


class BoundsForm(forms.Form):
    """A namespace's quota, windows and compression; whatever is empty does not bound it."""

    entries = _number("Entries", MOST)
    bytes = _number("Bytes", MOST)
    writes_per_day = _number("Writes a day", MOST)
    keep_revisions = _number("Revisions of each key")
    keep_history_bytes = _number("Bytes of history of each key")
    keep_entries = _number("Newest entries")
    compress_over_bytes = _number("New values from this many bytes")
    compress_after_days = _number("Revisions older than this many days", MOST_DAYS)
    dead_after_days = _number("Days until a key is called dead", MOST_DAYS)

    @property
    def quota(self) -> Quota:
        return Quota(**{name: self.cleaned_data[name] for name in Quota._fields})

    @property
    def bounds(self) -> Bounds:
        return Bounds(**{name: self.cleaned_data[name] for name in Bounds._fields})


class PaceForm(forms.Form):
    """Both, or neither: no limit."""

    requests_per_second = forms.FloatField(
        required=False,
        min_value=LEAST_PER_SECOND,
        max_value=MOST_PER_SECOND,
        label="Requests a second",
    )
    burst = forms.IntegerField(required=False, min_value=1, max_value=MOST_BURST, label="At once")

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if (data.get("requests_per_second") is None) != (data.get("burst") is None):
            raise forms.ValidationError("Give both numbers, or neither for no limit.")
        return data

    @property
    def pace(self) -> Pace | None:
        rate, burst = self.cleaned_data["requests_per_second"], self.cleaned_data["burst"]
        return None if rate is None else Pace(rate, burst)


@page
def bounds(request: ConsoleRequest, name: str) -> HttpResponse:
    """A namespace's bounds, what they are compared with, and what they have come to."""
    with tenant_scope(request.tenant.tenant_id):
        quota, used = bounding.namespace_quota(request.actor, request.call, name)
        now, tier = bounding.namespace_bounds(request.actor, request.call, name)
        may_change = rights(request, name)["update"]
    form = BoundsForm(request.POST or None, initial=quota._asdict() | now._asdict())
    if request.method == "POST" and form.is_valid():
        try:
            with tenant_scope(request.tenant.tenant_id):
                if form.quota != quota:
                    bounding.set_namespace_quota(request.actor, request.call, name, form.quota)
                if form.bounds != now:
                    bounding.set_namespace_bounds(request.actor, request.call, name, form.bounds)
        except Unprocessable as error:
            show_faults(form, error)
        else:
            messages.success(request, f"Bounds of {name} saved. They hold from the next write on.")
            return redirect(address(request, "namespace_bounds", name))
    context = {
        "name": name,
        "form": form,
        "may_change": may_change,
        "said": _said(quota, used, now),
        "done": _done(tier),
        "used": used,
        "crumbs": [
            Crumb("Namespaces", address(request, "namespaces")),
            Crumb(name, address(request, "namespace", name)),
            Crumb("Bounds"),
        ],
    }
    return render(request, "capacity/bounds.html", context, status=422 if form.is_bound else 200)


@page
def tenant_limit(request: ConsoleRequest) -> HttpResponse:
    """How often all callers of the tenant together may call."""
    with tenant_scope(request.tenant.tenant_id):
        now = limits.tenant_pace(request.actor, request.call)
    back = address(request, "capacity")

    def change(pace: Pace | None) -> None:
        limits.limit_tenant(actor=request.actor, call=request.call, pace=pace)

    crumbs = [Crumb("Capacity", back), Crumb("Rate limit")]
    about = {"title": "Rate limit of the tenant", "back": back, "crumbs": crumbs}
    return _limit(request, now, change, about)


@page
def credential_limit(request: ConsoleRequest, credential_id: UUID) -> HttpResponse:
    """How often one agent's key may call."""
    with tenant_scope(request.tenant.tenant_id):
        found = (
            Credential.objects.select_related("agent")
            .filter(tenant_id=request.tenant.tenant_id, id=credential_id, agent__isnull=False)
            .first()
        )
        if found is None or found.agent is None:
            raise NotFound
        now = limits.credential_pace(request.actor, request.call, credential_id)
    back = address(request, "agent", found.agent.id)

    def change(pace: Pace | None) -> None:
        limits.limit_credential(
            actor=request.actor, call=request.call, credential_id=credential_id, pace=pace
        )

    crumbs = [
        Crumb("Agents", address(request, "agents")),
        Crumb(found.agent.name, back),
        Crumb("Rate limit"),
    ]
    title = f"Rate limit of {found.label or f'sw_{found.key_id}_…'}"
    return _limit(request, now, change, {"title": title, "back": back, "crumbs": crumbs})


def _limit(
    request: ConsoleRequest, now: Pace | None, change: Any, about: dict[str, Any]
) -> HttpResponse:
    initial = {"requests_per_second": now.per_second, "burst": now.burst} if now else {}
    form = PaceForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            with tenant_scope(request.tenant.tenant_id):
                change(form.pace)
        except Unprocessable as error:
            show_faults(form, error)
        else:
            what = "is lifted" if form.pace is None else "holds within a second, in every process"
            messages.success(request, f"{about['title']} {what}.")
            return redirect(about["back"])
    said = (
        f"{now.per_second:g} requests a second, {now.burst} at once."
        if now
        else "There is no limit now."
    )
    context = {"form": form, "said": said, **about}
    return render(request, "capacity/limit.html", context, status=422 if form.is_bound else 200)


def _said(quota: Quota, used: Sum, now: Bounds) -> str:
    stored = f"{figures.plural(used.entries, 'entry', 'entries')}, {figures.size(used.bytes)}"
    if quota == Quota() and now == Bounds():
        return f"Nothing bounds it: {stored} so far."
    shares = [
        100 * have / limit for have, limit in zip(used, quota, strict=True) if limit is not None
    ]
    full = f"; {max(shares):.0f} % of its quota is used" if shares else ""
    return f"{stored} so far{full}."


def _done(tier: Tier) -> list[tuple[str, str]]:
    """What windows and compression have come to, in words."""
    saved = tier.cold_bytes_before - tier.cold_bytes_after
    share = f", {100 * saved / tier.cold_bytes_before:.0f} % less" if tier.cold_bytes_before else ""
    cold = figures.plural(tier.cold_revisions, "revision", "revisions")
    trimmed = figures.plural(tier.trimmed_revisions, "value", "values")
    return [
        ("Cold", f"{cold} compressed: {figures.size(saved)} saved{share}"),
        ("Given up", f"{trimmed} of history, {figures.size(tier.trimmed_bytes)}"),
        ("Purged", figures.plural(tier.purged_entries, "entry", "entries")),
    ]

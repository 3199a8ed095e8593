"""Dry runs: what a version would have answered to what was asked, before it is in force."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpResponse
from django.shortcuts import redirect, render

from dashboards.permissions import may
from dashboards.requests import ConsoleRequest, Crumb, address, page
from dashboards.state.forms import show_faults
from governance.policies import dry_runs as services
from governance.policies.models import DryRun
from governance.policies.queries import readable_policy
from stateward.gate.policy.models import Policy
from stateward.kernel.clock import now, parse_rfc3339
from stateward.kernel.errors import Unprocessable
from stateward.tenancy.scope import tenant_scope

ROWS = 20
WINDOWS = ((1, "the last day"), (7, "the last week"), (30, "the last 30 days"))
WORDS = {
    "allow_to_deny": ("bad", "Would be refused"),
    "deny_to_allow": ("warn", "Would be let in"),
    "undecidable": ("", "Cannot be told"),
}


class DryRunForm(forms.Form):
    """Which version is tried on what."""

    version = forms.TypedChoiceField(coerce=int)
    days = forms.TypedChoiceField(label="On what was asked in", choices=WINDOWS, coerce=int)
    namespace = forms.CharField(label="Only beneath the namespace", required=False, max_length=640)


@page
def dry_runs(request: ConsoleRequest, policy_id: UUID) -> HttpResponse:
    """A policy's dry runs. POST starts one."""
    with tenant_scope(request.tenant.tenant_id):
        found = readable_policy(request.actor, request.call, policy_id)
        made = services.dry_runs_of(request.actor, request.call, policy_id)
        shown = list(made.order_by("-id")[:ROWS])
    form = DryRunForm(request.POST or None, initial=_initial(request, found))
    numbers = range(found.latest_version, 0, -1)
    form.fields["version"].choices = [  # type: ignore[attr-defined]  # of a choice field
        (number, f"Version {number}") for number in numbers
    ]
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            asked = services.ask_for_dry_run(
                request.actor,
                request.call,
                policy_id,
                version=data["version"],
                since=now() - timedelta(days=data["days"]),
                namespace=data["namespace"].strip(),
            )
        except Unprocessable as error:
            show_faults(form, error)
        else:
            return redirect(address(request, "dry_run", asked.id))
    context = {"policy": found, "shown": shown, "form": form, "crumbs": _crumbs(request, found)}
    status = 422 if form.is_bound else 200
    return render(request, "policies/dry_runs.html", context, status=status)


@page
def dry_run(request: ConsoleRequest, dry_run_id: UUID) -> HttpResponse:
    """One dry run: its numbers, and what would change for whom."""
    with tenant_scope(request.tenant.tenant_id):
        made = services.find_dry_run(request.actor, request.call, dry_run_id)
        with_samples = services.may_see_samples(request.actor, request.call)
        may_see_run = may(request, "job.read", "job").allowed
    result = made.result or {}
    context = {
        "made": made,
        "policy": made.policy,
        "result": result,
        "said": _said(made),
        "groups": [_group(one, with_samples=with_samples) for one in result.get("groups", ())],
        "with_samples": with_samples,
        "run": made.run_id if may_see_run else None,
        "crumbs": [*_crumbs(request, made.policy, is_last=False), Crumb(f"Version {made.version}")],
    }
    return render(request, "policies/dry_run.html", context)


def _initial(request: ConsoleRequest, found: Policy) -> dict[str, Any]:
    wanted = request.GET.get("version", "")
    is_known = wanted.isascii() and wanted.isdigit() and len(wanted) < 10
    return {"version": int(wanted) if is_known else found.latest_version, "days": 7}


def _group(group: dict[str, Any], *, with_samples: bool) -> dict[str, Any]:
    tone, word = WORDS[group["change"]]
    samples = [
        sample | {"at": parse_rfc3339(sample["at"])} for sample in group["samples"] if with_samples
    ]
    return group | {"tone": tone, "word": word, "samples": samples}


def _said(made: DryRun) -> str:
    result = made.result
    if result is None:
        return "The recorded decisions are being made again. This page shows the result by itself."
    if not result["decisions"]:
        return "Nothing was asked in this window, so nothing can be told."
    changed = result["allow_to_deny"] + result["deny_to_allow"]
    if not changed:
        said = f"None of {result['decisions']:,} decisions would have come out otherwise"
    else:
        said = (
            f"Of {result['decisions']:,} decisions, {result['allow_to_deny']:,} would have been"
            f" refused instead of allowed, and {result['deny_to_allow']:,} allowed instead of"
            " refused"
        )
    if result["undecidable"]:
        said += f"; of {result['undecidable']:,} it cannot be told"
    return f"{said}."


def _crumbs(request: ConsoleRequest, found: Policy, *, is_last: bool = True) -> list[Crumb]:
    dry = Crumb("Dry runs", "" if is_last else address(request, "dry_runs", found.id))
    return [
        Crumb("Policies", address(request, "policies")),
        Crumb(found.name, address(request, "policy", found.id)),
        dry,
    ]

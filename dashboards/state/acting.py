"""Actions from the page of an entry, where values change through nothing else."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render

from dashboards.requests import ConsoleRequest, Crumb, address, page, record
from dashboards.state.forms import show_faults
from dashboards.state.modes import ActionForm, has_actions, mode_said
from dashboards.state.panes import panes, where
from dashboards.state.reading import value_of
from dashboards.state.values import text_of
from stateward.kernel.errors import Conflict, Malformed, NotFound, StatewardError, Unprocessable
from stateward.state.entries import Entry
from stateward.state.services.entries import Action, act_on_entry
from stateward.tenancy.scope import run_flow, tenant_scope


@page
def act(request: ConsoleRequest, namespace: str, key: str) -> HttpResponse:
    """Change an entry by an action. Nobody's own action is lost, so no version is named."""
    return acting(request, namespace, key)


def acting(request: ConsoleRequest, namespace: str, key: str | None) -> HttpResponse:
    """The page of an action on ``key``, or (None) on a key that is typed in it."""
    context = panes(request, namespace, key)
    found = context["namespace"]
    if not has_actions(found):
        raise NotFound
    form = ActionForm(found, request.POST or None, is_new=key is None)
    if request.method == "POST" and form.is_valid():
        name = key if key is not None else form.cleaned_data["key"]
        try:
            written = _act(request, namespace, name, form)
        except (Conflict, Malformed, Unprocessable) as error:
            record(request, error)
            _show(form, error)
        else:
            messages.success(request, f"Version {written.version} of {name} written.")
            return redirect(address(request, "entry", namespace, name) + where(request))
    context |= {"form": form, "is_new": key is None, "mode_said": mode_said(found)}
    if key is None:
        context["crumbs"].append(Crumb("New entry"))
    elif found.classification in {"public", "internal"}:
        context["now"] = _now(request, namespace, key)
    status = 422 if form.is_bound else 200
    return render(request, "state/act.html", context, status=status)


def _act(request: ConsoleRequest, namespace: str, key: str, form: ActionForm) -> Entry:
    assert form.pressed is not None  # noqa: S101  # a form without it is not valid
    action = Action(form.pressed.type, form.brought, form.cleaned_data["note"] or None)
    with tenant_scope(request.tenant.tenant_id):
        done = run_flow(act_on_entry(request.actor, request.call, namespace, key, action))
    assert done.entry is not None  # noqa: S101  # only a deletion answers without one
    return done.entry


def _show(form: ActionForm, error: StatewardError) -> None:
    """Faults at the fields: ``/payload/at`` is the field "at"."""
    for fault in error.errors:
        parts = fault.pointer.split("/")
        name = next((part for part in reversed(parts) if part in form.fields), None)
        if name is not None:
            form.add_error(name, fault.message.capitalize())
            return
    show_faults(form, error) if error.code != "bad_key" else form.add_error("key", error.detail)


def _now(request: ConsoleRequest, namespace: str, key: str) -> str:
    try:
        with tenant_scope(request.tenant.tenant_id):
            return text_of(value_of(request, namespace, key, None).value)
    except NotFound:
        return ""

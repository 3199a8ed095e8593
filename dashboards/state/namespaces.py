"""Namespaces: all of them, one with its keys, and how one is made, changed and deleted."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render

from dashboards.classification.beside import may_see
from dashboards.requests import ConsoleRequest, Crumb, address, page, record
from dashboards.retention.beside import of_namespace
from dashboards.state.code import samples
from dashboards.state.forms import NamespaceForm, NewNamespaceForm, labels_text, show_faults
from dashboards.state.modes import mode_name, mode_said
from dashboards.state.panes import Tree, keys_pane, open_namespace, tree_pane, where
from dashboards.state.rights import rights
from dashboards.state.values import text_of
from stateward.kernel.errors import Conflict, Unprocessable
from stateward.state.exceptions import NamespaceNotEmpty, UnderHold
from stateward.state.models import Namespace
from stateward.state.services import namespaces as services
from stateward.tenancy.models import Agent, Member
from stateward.tenancy.scope import tenant_scope

SETTINGS = (
    "classification",
    "concurrency",
    "reducer",
    "crdt",
    "scope",
    "default_ttl_seconds",
    "labels",
    "schema",
)


@page
def namespaces(request: ConsoleRequest) -> HttpResponse:
    """Every namespace one may know of."""
    with tenant_scope(request.tenant.tenant_id):
        tree = tree_pane(request)
    context = {
        "tree": tree,
        "said": _count_said(tree),
        "crumbs": [Crumb("Namespaces")],
        "pane": "tree",
    }
    return render(request, "state/namespaces.html", context)


@page
def namespace(request: ConsoleRequest, name: str) -> HttpResponse:
    """One namespace: its keys, its rules."""
    with tenant_scope(request.tenant.tenant_id):
        found, tree = open_namespace(request, name)
        context = {
            "namespace": found,
            "tree": tree,
            "keys": keys_pane(request, name),
            "may": rights(request, name),
            "kept": where(request),
            "owner": _owner(found),
            "keeping": of_namespace(request, found),
            "sees_findings": may_see(request, name),
            "mode_said": mode_said(found),
            "mode": mode_name(found),
            "schema_text": text_of(found.schema) if found.schema is not None else "",
            "samples": samples(name, None),
            "crumbs": [Crumb("Namespaces", address(request, "namespaces")), Crumb(name)],
            "pane": "keys",
        }
    return render(request, "state/namespace.html", context)


@page
def create(request: ConsoleRequest) -> HttpResponse:
    """A new namespace, owned by whoever makes it."""
    form = NewNamespaceForm(request.POST or None, initial={"name": request.GET.get("under", "")})
    if request.method == "POST" and form.is_valid():
        fields = {name: form.cleaned_data[name] for name in SETTINGS}
        name = form.cleaned_data["name"].strip()
        try:
            with tenant_scope(request.tenant.tenant_id):
                services.create_namespace(request.actor, request.call, name, fields)
        except (Conflict, Unprocessable) as error:
            show_faults(form, error)
        else:
            messages.success(request, f"Namespace {name} created. Nothing is in it yet.")
            return redirect(address(request, "namespace", name))
    crumbs = [Crumb("Namespaces", address(request, "namespaces")), Crumb("New namespace")]
    context = {"form": form, "crumbs": crumbs, "is_new": True}
    return render(request, "state/namespace_form.html", context, status=_status(form))


@page
def settings(request: ConsoleRequest, name: str) -> HttpResponse:
    """Change a namespace's rules; from the moment this is saved they hold for every write."""
    with tenant_scope(request.tenant.tenant_id):
        found = services.find_namespace(request.actor, request.call, name)
    form = NamespaceForm(request.POST or None, initial=_initial(found))
    if request.method == "POST" and form.is_valid():
        fields = {one: form.cleaned_data[one] for one in SETTINGS}
        changed = {one: value for one, value in fields.items() if value != getattr(found, one)}
        try:
            with tenant_scope(request.tenant.tenant_id):
                services.update_namespace(
                    request.actor, request.call, name, changed,
                    reason=form.cleaned_data["reason"],
                )  # fmt: skip
        except (Conflict, Unprocessable) as error:
            show_faults(form, error)
        else:
            messages.success(request, _changed_said(name, changed))
            return redirect(address(request, "namespace", name))
    crumbs = [
        Crumb("Namespaces", address(request, "namespaces")),
        Crumb(name, address(request, "namespace", name)),
        Crumb("Settings"),
    ]
    context = {"form": form, "namespace": found, "crumbs": crumbs}
    return render(request, "state/namespace_form.html", context, status=_status(form))


@page
def delete(request: ConsoleRequest, name: str) -> HttpResponse:
    """Delete a namespace, after its name was typed."""
    with tenant_scope(request.tenant.tenant_id):
        found = services.find_namespace(request.actor, request.call, name)
        keys = keys_pane(request, name)
    fault = ""
    if request.method == "POST":
        if request.POST.get("typed", "").strip() != name:
            fault = "What you typed is not this namespace's name. Nothing was deleted."
        else:
            try:
                with tenant_scope(request.tenant.tenant_id):
                    services.delete_namespace(
                        request.actor, request.call, name, force=bool(keys.entries)
                    )
            except NamespaceNotEmpty:
                fault = "It has entries that you may not see. Nothing was deleted."
            except UnderHold as held:
                record(request, held)
                fault = held.detail
            else:
                messages.success(request, f"Namespace {name} deleted with its entries.")
                return redirect(address(request, "namespaces"))
    crumbs = [
        Crumb("Namespaces", address(request, "namespaces")),
        Crumb(name, address(request, "namespace", name)),
        Crumb("Delete"),
    ]
    context = {"namespace": found, "keys": keys, "fault": fault, "crumbs": crumbs}
    return render(request, "state/namespace_delete.html", context, status=422 if fault else 200)


def _owner(found: Namespace) -> dict[str, Any]:
    """Who owns it, by name; an owner that is gone keeps only its id."""
    rows = Agent.objects.filter(tenant_id=found.tenant_id, id=found.owner_id)
    if found.owner_type == "agent":
        agent = rows.first()
        return {"name": agent.name if agent else "", "agent": agent}
    members = Member.objects.select_related("person").filter(tenant_id=found.tenant_id)
    member = members.filter(id=found.owner_id).first()
    return {"name": str(member.person) if member else ""}


def _initial(found: Namespace) -> dict[str, Any]:
    initial = {name: getattr(found, name) for name in SETTINGS}
    initial["reducer"] = (found.reducer or {}).get("name", "")
    initial["reducer_by"] = (found.reducer or {}).get("by", "")
    initial["crdt"] = (found.crdt or {}).get("type", "")
    initial["labels"] = labels_text(found.labels)
    initial["schema"] = text_of(found.schema) if found.schema is not None else ""
    return initial


def _count_said(tree: Tree) -> str:
    if not tree.namespaces:
        return ""
    shown = len(tree.namespaces)
    by_class = Counter(one.classification for one in tree.namespaces)
    secret = by_class["restricted"] + by_class["confidential"]
    begin = f"The first {shown} namespaces" if tree.has_more else _number(shown)
    if not secret:
        return f"{begin}; no value in them is confidential or restricted."
    return f"{begin}; {secret} hold{'s' if secret == 1 else ''} confidential or restricted values."


def _number(count: int) -> str:
    return "One namespace" if count == 1 else f"{count} namespaces"


def _changed_said(name: str, changed: dict[str, Any]) -> str:
    if not changed:
        return f"Nothing of {name} was different."
    named = ", ".join(sorted(one.replace("_", " ") for one in changed))
    return f"Settings of {name} saved: {named}. They hold from the next write on."


def _status(form: NamespaceForm) -> int:
    return 422 if form.is_bound else 200

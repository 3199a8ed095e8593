"""One entry: what it is, what it was, and how a person changes it."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render

from dashboards.classification.beside import of_entry as found_in_entry
from dashboards.requests import ConsoleRequest, Crumb, address, page, record
from dashboards.retention.beside import of_entry
from dashboards.state.acting import acting
from dashboards.state.changes import changes_of
from dashboards.state.code import samples
from dashboards.state.forms import EntryForm, NewEntryForm, labels_text, show_faults
from dashboards.state.modes import has_actions, mode_name
from dashboards.state.panes import panes, where
from dashboards.state.reading import Sight, Wanted, look, value_of
from dashboards.state.threeway import ThreeWay, picks_of, three_way
from dashboards.state.values import text_of, value_tree
from stateward.kernel.errors import (
    Conflict,
    Gone,
    Locked,
    Malformed,
    NotFound,
    PreconditionFailed,
    StatewardError,
    TooLarge,
    Unprocessable,
)
from stateward.state.entries import Entry
from stateward.state.exceptions import MergeConflict
from stateward.state.past import preview_of
from stateward.state.services.entries import (
    KEEP,
    Conditions,
    Put,
    delete_entry,
    put_entry,
    roll_back_entry,
)
from stateward.state.services.namespaces import find_namespace
from stateward.tenancy.scope import run_flow, tenant_scope

UNFIT = (Conflict, Locked, Malformed, TooLarge, Unprocessable)


@page
def entry(request: ConsoleRequest, namespace: str, key: str) -> HttpResponse:
    """An entry with its history. POST reveals a restricted value, and the audit says so."""
    context = panes(request, namespace, key)
    wanted = Wanted.of(request)
    sight = look(request, context["namespace"], key, context["keys"], wanted)
    context |= {
        "sight": sight,
        "wanted": wanted,
        "mode": mode_name(context["namespace"]),
        "has_actions": has_actions(context["namespace"]),
        "samples": samples(namespace, key),
        "history_before": request.GET.get("before", ""),
    }
    with tenant_scope(request.tenant.tenant_id):
        context["keeping"] = of_entry(request, context["namespace"], key, sight.meta)
        if sight.meta is not None and wanted.version is None:  # it is about what stands now
            context["holding"] = found_in_entry(request, context["namespace"], key)
    if sight.entry is not None:
        changed = {change.pointer for change in sight.changes if change.sign != "-"}
        value = sight.entry.value
        context["text" if wanted.is_raw else "value_tree"] = (
            text_of(value) if wanted.is_raw else value_tree(value, changed)
        )
        context["copied"] = text_of(value)
    return render(request, "state/entry.html", context)


@page
def download(request: ConsoleRequest, namespace: str, key: str) -> HttpResponse:
    """The value by itself, as JSON."""
    wanted = Wanted.of(request)
    with tenant_scope(request.tenant.tenant_id):
        found = value_of(request, namespace, key, wanted.version)
    response = HttpResponse(text_of(found.value) + "\n", content_type="application/json")
    name = f"{namespace}-{quote(key, safe='')}-v{found.version}.json"
    response["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(name)}"
    return response


@page
def create(request: ConsoleRequest, namespace: str) -> HttpResponse:
    """A new entry; an existing one of that key is left alone."""
    with tenant_scope(request.tenant.tenant_id):
        found = find_namespace(request.actor, request.call, namespace)
    if has_actions(found):
        return acting(request, namespace, None)
    initial = {"version": 0, "value": "{\n  \n}", "key": request.GET.get("prefix", "")}
    form = NewEntryForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        key = form.cleaned_data["key"]
        try:
            _put(request, namespace, key, form, Conditions(if_none=True))
        except PreconditionFailed:
            form.add_error("key", "There is an entry of this key already. Open it and edit it.")
        except UNFIT as error:
            show_faults(form, error) if error.code != "bad_key" else form.add_error(
                "key", error.detail
            )
        else:
            messages.success(request, f"Version 1 of {key} written.")
            return redirect(address(request, "entry", namespace, key) + where(request))
    context = panes(request, namespace, None) | {"form": form, "is_new": True}
    context["crumbs"].append(Crumb("New entry"))
    status = 422 if form.is_bound else 200
    return render(request, "state/entry_form.html", context, status=status)


@page
def edit(request: ConsoleRequest, namespace: str, key: str) -> HttpResponse:
    """Change a value. It is written only over the version that was seen; in mode ``merge`` also
    together with what others changed elsewhere. Where both changed the same place, a person says
    what holds.
    """
    context = panes(request, namespace, key)
    if has_actions(context["namespace"]):
        return redirect(address(request, "entry_act", namespace, key) + where(request))
    if request.method != "POST":
        context |= _begin(request, namespace, key)
        return render(request, "state/entry_form.html", context)
    form = EntryForm(request.POST)
    if form.is_valid():
        version = form.cleaned_data["version"]
        try:
            written = _write(request, namespace, key, form)
        except (PreconditionFailed, MergeConflict):
            context |= _meanwhile(request, namespace, key, form)
        except UNFIT as error:
            show_faults(form, error)
        else:
            messages.success(request, _written_said(written, key, version))
            return redirect(address(request, "entry", namespace, key) + where(request))
    context |= {"form": form, "base": form["version"].value()}
    status = 412 if context.get("meanwhile") else 422
    return render(request, "state/entry_form.html", context, status=status)


@page
def roll_back(request: ConsoleRequest, namespace: str, key: str) -> HttpResponse:
    """Write the value of an older version as a new one."""
    return _sheet(request, namespace, key, "state/roll_back.html", _roll_back, _roll_back_preview)


@page
def delete(request: ConsoleRequest, namespace: str, key: str) -> HttpResponse:
    """Remove the value; its history stays."""
    return _sheet(request, namespace, key, "state/entry_delete.html", _delete)


def _sheet(
    request: ConsoleRequest, namespace: str, key: str, template: str, act: Any, *more: Any
) -> HttpResponse:
    """A consequence: GET says it, POST does it under the version that was said."""
    context = panes(request, namespace, key)
    wanted = Wanted.of(request)
    sight = look(request, context["namespace"], key, context["keys"], wanted)
    context |= {"sight": sight, "wanted": wanted}
    for add in more:
        context |= add(request, namespace, key, wanted, sight)
    if request.method == "POST":
        seen = request.POST.get("version", "")
        version = int(seen) if seen.isascii() and seen.isdigit() else 0
        try:
            said = act(request, namespace, key, wanted, version)
        except PreconditionFailed:
            context["stale"] = True
        except UNFIT as error:
            record(request, error)
            context["fault"] = error
        else:
            messages.success(request, said)
            return redirect(address(request, "entry", namespace, key) + where(request))
    status = 412 if context.get("stale") else 422 if context.get("fault") else 200
    return render(request, template, context, status=status)


def _roll_back_preview(
    request: ConsoleRequest, namespace: str, key: str, wanted: Wanted, sight: Sight
) -> dict[str, Any]:
    """What it would change, and what would refuse it; nothing of values that are masked."""
    if wanted.version is None or sight.is_masked or sight.entry is None:
        return {}
    try:
        with tenant_scope(request.tenant.tenant_id):
            seen = run_flow(preview_of(request.actor, request.call, namespace, key, sight.entry))
    except StatewardError:
        return {}
    return {"preview": seen, "preview_changes": changes_of(seen.patch)}


def _roll_back(
    request: ConsoleRequest, namespace: str, key: str, wanted: Wanted, version: int
) -> str:
    if wanted.version is None:
        raise NotFound
    # A deleted entry has no version that could be named; there its absence is what was seen.
    is_deleted = request.POST.get("deleted") == "yes"
    conditions = Conditions(if_none=True) if is_deleted else Conditions(if_version=version)
    with tenant_scope(request.tenant.tenant_id):
        done = run_flow(
            roll_back_entry(
                request.actor, request.call, namespace, key, wanted.version, conditions=conditions
            )
        )
    assert done.entry is not None  # noqa: S101  # only a deletion answers without one
    return f"Version {done.entry.version} written, with the value of version {wanted.version}."


def _delete(request: ConsoleRequest, namespace: str, key: str, _: Wanted, version: int) -> str:
    with tenant_scope(request.tenant.tenant_id):
        run_flow(
            delete_entry(
                request.actor,
                request.call,
                namespace,
                key,
                conditions=Conditions(if_version=version),
            )
        )
    return f"{key} deleted. Its history stays, and any version of it can be written again."


def _put(
    request: ConsoleRequest, namespace: str, key: str, form: EntryForm, conditions: Conditions
) -> Entry:
    data = form.cleaned_data
    ttl: Any = None if data["keep_expiry"] else data["ttl_seconds"] or KEEP
    put = Put(data["value"], ttl_seconds=ttl, labels=data["labels"], note=data["note"] or None)
    with tenant_scope(request.tenant.tenant_id):
        done = run_flow(
            put_entry(request.actor, request.call, namespace, key, put, conditions=conditions)
        )
    assert done.entry is not None  # noqa: S101  # only a deletion answers without one
    return done.entry


def _begin(request: ConsoleRequest, namespace: str, key: str) -> dict[str, Any]:
    with tenant_scope(request.tenant.tenant_id):
        found = value_of(request, namespace, key, None)
    initial = {
        "version": found.version,
        "value": text_of(found.value),
        "labels": labels_text(found.labels),
    }
    return {"form": EntryForm(initial=initial), "base": found.version, "entry": found}


def _write(request: ConsoleRequest, namespace: str, key: str, form: EntryForm) -> Entry:
    """Write what was typed over the version that was seen; or, where somebody resolves a conflict,
    what it comes to with the version that stands. PreconditionFailed where that leaves a place open
    or is not the newest any more.
    """
    version = form.cleaned_data["version"]
    if "resolve" in request.POST:
        way = _three_way(request, namespace, key, form, version)
        if way is None or way.open:
            raise PreconditionFailed(current_version=version)
        form.cleaned_data["value"] = way.merged.value
    return _put(request, namespace, key, form, Conditions(if_version=version))


def _written_said(written: Entry, key: str, seen: int) -> str:
    if written.version == seen + 1:
        return f"Version {written.version} of {key} written."
    return (
        f"Version {written.version} of {key} written: your changes of version {seen}, merged with "
        f"what stood in version {written.version - 1}."
    )


def _meanwhile(
    request: ConsoleRequest, namespace: str, key: str, form: EntryForm
) -> dict[str, Any]:
    """What others did since the version that was seen, beside what was typed: the form goes on from
    the version that stands now, and remembers the one where the person began.
    """
    began = form.cleaned_data["base"] or form.cleaned_data["version"]
    again = request.POST.copy()
    again["base"] = str(began)
    try:
        with tenant_scope(request.tenant.tenant_id):
            now = value_of(request, namespace, key, None)
    except NotFound:
        again["version"], form.data = "0", again
        return {"meanwhile": {"version": 0, "is_gone": True}}
    again["version"] = str(now.version)
    form.data = again
    form.cleaned_data["base"] = began
    way = _three_way(request, namespace, key, form, now.version)
    is_unsettled = "resolve" in request.POST and way is not None and way.open
    if is_unsettled and now.version == form.cleaned_data["version"]:
        form.add_error(None, "Nothing was written: choose a side where both changed a place.")
    return {"meanwhile": {"version": now.version, "entry": now, "seen": began}, "way": way}


def _three_way(
    request: ConsoleRequest, namespace: str, key: str, form: EntryForm, version: int
) -> ThreeWay | None:
    """The version where the person began, ``version``, and what was typed; None where one of them
    cannot be read any more.
    """
    began = form.cleaned_data["base"] or form.cleaned_data["version"]
    try:
        with tenant_scope(request.tenant.tenant_id):
            base = value_of(request, namespace, key, began)
            theirs = value_of(request, namespace, key, version)
    except (NotFound, Gone):
        return None
    return three_way(base, theirs, form.cleaned_data["value"], picks_of(request.POST))

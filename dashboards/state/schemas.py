"""The schema of a namespace as it evolves: versions, a draft, what stored values say to it, the run
that brings them to it, and taking that back.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from dashboards.jobs.words import names_of, view_of
from dashboards.requests import ConsoleRequest, Crumb, address, page
from dashboards.state.changes import compare_texts, structural
from dashboards.state.forms import json_of, show_faults
from dashboards.state.places import place_at, place_of
from dashboards.state.rights import rights
from dashboards.state.values import text_of
from governance.jobs.services import find_run as find_job_run
from governance.schemas import queries, services
from governance.schemas.models import SchemaRun
from stateward.kernel import strictjson
from stateward.kernel.errors import Conflict, StatewardError, Unprocessable
from stateward.state.evolution.transforms import compile_migration
from stateward.state.models import Namespace, SchemaVersion
from stateward.state.services.schemas import MAX_SCHEMA_BYTES, check_schema
from stateward.tenancy.scope import tenant_scope

MAX_BODY = 256 * 1024
RUNS = 20
VERSION_WORDS = {
    "draft": ("", "Draft", "edit"),
    "active": ("ok", "In force", "check"),
    "retired": ("", "Retired", "history"),
}
RUN_WORDS = {
    "queued": ("", "Waits", "hourglass"),
    "running": ("accent", "Running", "play"),
    "done": ("ok", "Done", "check"),
    "refused": ("warn", "Refused", "warning"),
    "stopped": ("warn", "Stopped", "stop-sign"),
    "failed": ("bad", "Failed", "warning"),
    "cancelled": ("", "Cancelled", "stop-sign"),
}
KIND_WORDS = {
    "check": "Check",
    "activate": "Activation",
    "migrate": "Migration",
    "undo": "Taking back",
}
STAYS = "what it had written stays, and can be taken back."
UNFINISHED = {
    "queued": "It waits for a worker.",
    "running": "It is at work.",
    "stopped": f"It stopped at its errors; {STAYS}",
    "failed": f"It failed before it was through; {STAYS}",
    "cancelled": f"It was ended before it was through; {STAYS}",
}
COMPATIBILITY_WORDS = {
    "full": ("ok", "Compatible both ways"),
    "backward": ("ok", "What fitted before fits this"),
    "forward": ("warn", "What fits this fitted before, not the other way round"),
    "none": ("bad", "Incompatible both ways"),
    "unknown": ("warn", "The schemas alone do not say"),
}


class DraftForm(forms.Form):
    """A version that is being drafted."""

    schema = forms.CharField(label="JSON Schema", widget=forms.Textarea)
    steps = forms.CharField(label="Migration", required=False, widget=forms.Textarea)
    inverse = forms.CharField(label="Way back", required=False, widget=forms.Textarea)
    note = forms.CharField(required=False, max_length=1000)

    def clean_schema(self) -> Any:
        return json_of(self.cleaned_data["schema"], MAX_SCHEMA_BYTES)

    def clean_steps(self) -> Any:
        return _optional(self.cleaned_data["steps"])

    def clean_inverse(self) -> Any:
        return _optional(self.cleaned_data["inverse"])


def _optional(text: str) -> Any:
    return json_of(text, MAX_SCHEMA_BYTES) if text.strip() else None


@page
def schemas(request: ConsoleRequest, name: str) -> HttpResponse:
    """Versions and runs of a namespace's schema. POST drafts a version."""
    with tenant_scope(request.tenant.tenant_id):
        namespace, versions = queries.versions(request.actor, request.call, name)
        runs, _ = queries.runs(request.actor, request.call, name, limit=RUNS)
        may = rights(request, name)
    initial = {"schema": text_of(namespace.schema) if namespace.schema is not None else "{}"}
    form = DraftForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        fields = {one: form.cleaned_data[one] for one in ("schema", "steps", "inverse", "note")}
        try:
            with tenant_scope(request.tenant.tenant_id):
                _, made = services.draft(request.actor, request.call, name, fields)
        except (Conflict, Unprocessable) as error:
            show_faults(form, error)
        else:
            messages.success(request, f"Version {made.number} drafted. Nothing is judged by it.")
            return redirect(address(request, "schema", name, made.number))
    context = {
        "namespace": namespace,
        "versions": [_worded(namespace, one) for one in versions],
        "runs": [_run_view(one) for one in runs],
        "may": may,
        "form": form,
        "next_number": max([namespace.schema_version, *(one.number for one in versions)]) + 1,
        "crumbs": _crumbs(request, name, "Schema"),
    }
    return render(request, "state/schemas.html", context, status=422 if form.is_bound else 200)


@page
def schema(request: ConsoleRequest, name: str, number: int) -> HttpResponse:
    """One version: its text, what it changes, what stored values become."""
    with tenant_scope(request.tenant.tenant_id):
        namespace, version = queries.version(request.actor, request.call, name, number)
        may = rights(request, name)
        compared, compatibility = queries.compatibility(
            request.actor, request.call, name, number, _other(namespace, version)
        )
        old = queries.version(request.actor, request.call, name, compared)[1] if compared else None
        runs, _ = queries.runs(request.actor, request.call, name, limit=100)
    before = text_of(old.schema) if old is not None else ""
    tone, said = COMPATIBILITY_WORDS[compatibility.word]
    context = {
        "namespace": namespace,
        "view": _worded(namespace, version),
        "version": version,
        "compared": compared,
        "compatibility": {"tone": tone, "said": said, "answers": _answers(compatibility)},
        "schema_text": text_of(version.schema),
        "steps_text": text_of(version.steps) if version.steps is not None else "",
        "inverse_text": text_of(version.inverse) if version.inverse is not None else "",
        "lines": compare_texts(before, text_of(version.schema)) if compared else [],
        "runs": [_run_view(one) for one in runs if one.number == number],
        "is_busy": any(one.is_open and one.kind != "check" for one in runs),
        "may": may,
        "crumbs": _crumbs(request, name, f"Version {number}"),
    }
    if "preview" in request.GET:
        context["previewed"] = _preview(request, name, number)
    return render(request, "state/schema.html", context)


@require_POST
@page
def act(request: ConsoleRequest, name: str, number: int) -> HttpResponse:
    """Start a check, an activation or a migration of this version."""
    kind = request.POST.get("kind", "")
    how: dict[str, Any] = {"note": request.POST.get("note", "")[:1000]}
    if kind != "check":
        how["only_new_writes"] = request.POST.get("only_new_writes") == "on"
    if kind == "migrate":
        most = request.POST.get("max_errors", "0")
        how["max_errors"] = int(most) if most.isascii() and most.isdigit() else 0
    try:
        with tenant_scope(request.tenant.tenant_id):
            run = services.start_run(request.actor, request.call, name, number, kind, **how)
    except (Conflict, Unprocessable) as error:
        messages.error(request, f"{error.detail} Nothing was started.")
        return redirect(address(request, "schema", name, number))
    return redirect(address(request, "schema_run", name, run.id))


@page
def run(request: ConsoleRequest, name: str, run_id: UUID) -> HttpResponse:
    """One run: how far it is, what it found, and taking it back. POST cancels or undoes it."""
    if request.method == "POST":
        return _on_run(request, name, run_id)
    with tenant_scope(request.tenant.tenant_id):
        seen = queries.run(request.actor, request.call, name, run_id)
        may = rights(request, name)
        job = _job_view(request, seen.run)
    found = _run_view(seen.run)
    context = {
        "found": found,
        "run": seen.run,
        "view": job,
        "namespace_name": name,
        "samples": seen.samples,
        "hidden": seen.hidden,
        "may": may,
        "may_undo": may["update"] and seen.run.kind == "migrate" and not seen.run.is_open,
        "crumbs": _crumbs(request, name, found["title"]),
    }
    return render(request, "state/schema_run.html", context)


def _on_run(request: ConsoleRequest, name: str, run_id: UUID) -> HttpResponse:
    try:
        with tenant_scope(request.tenant.tenant_id):
            if request.POST.get("act") == "undo":
                undo = services.undo_run(request.actor, request.call, name, run_id)
                return redirect(address(request, "schema_run", name, undo.id))
            services.cancel_run(request.actor, request.call, name, run_id)
    except (Conflict, Unprocessable) as error:
        messages.error(request, f"{error.detail} Nothing was done.")
    else:
        messages.success(request, "The run ends at its next step.")
    return redirect(address(request, "schema_run", name, run_id))


@require_POST
@page
def validation(request: ConsoleRequest) -> HttpResponse:
    """What is wrong with the text of a schema, or of a migration's steps, for the editor:
    ``{"errors": [{line, column, …}]}``.
    """
    body = strictjson.loads(request.body, max_bytes=MAX_BODY)
    text = body.get("text") if isinstance(body, dict) else None
    is_schema = request.GET.get("of") != "steps"
    errors: list[dict[str, Any]] = []
    if isinstance(text, str) and text.strip():
        errors = _faults(text, check_schema if is_schema else compile_migration)
    return JsonResponse({"valid": not errors, "errors": errors})


def _faults(text: str, check: Callable[..., object]) -> list[dict[str, Any]]:
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return [_fault(text, error.pos, error.msg)]
    except (RecursionError, ValueError):
        return [_fault(text, 0, "not a JSON text that is accepted")]
    try:
        check(strictjson.loads(text.encode("utf-8", "surrogatepass")), pointer="")
    except StatewardError as error:
        return [
            place_of(text, one.pointer)._asdict() | {"message": one.message, "severity": "error"}
            for one in error.errors
        ]
    return []


def _fault(text: str, offset: int, message: str) -> dict[str, Any]:
    return place_at(text, offset)._asdict() | {"message": message, "severity": "error"}


def _preview(request: ConsoleRequest, name: str, number: int) -> dict[str, Any]:
    """Stored values before and after; a denial is shown in the panel, and recorded by ``page`` of
    whoever may not read any of them.
    """
    with tenant_scope(request.tenant.tenant_id):
        found, following = queries.preview(
            request.actor, request.call, name, number, after=request.GET.get("after", "")[:512]
        )
    rows = [
        {
            "key": one.key,
            "version": one.version,
            "errors": one.errors,
            "changes": [] if one.errors else structural(one.before, one.after),
        }
        for one in found
    ]
    return {"rows": rows, "next_after": following}


def _other(namespace: Namespace, version: SchemaVersion) -> int:
    """What a version is compared with: the one in force, or what it was made from."""
    return version.base if version.number == namespace.schema_version else namespace.schema_version


def _worded(namespace: Namespace, version: SchemaVersion) -> dict[str, Any]:
    tone, word, icon = VERSION_WORDS[version.state]
    if namespace.pending_version == version.number:
        tone, word, icon = "accent", "Being activated", "hourglass"
    return {"version": version, "tone": tone, "word": word, "icon": icon}


def _run_view(run: SchemaRun) -> dict[str, Any]:
    tone, word, icon = RUN_WORDS[run.state]
    title = f"{KIND_WORDS[run.kind]} of version {run.number}"
    counts = [(name.replace("_", " "), count) for name, count in run.counts.items()]
    return {
        "run": run, "tone": tone, "word": word, "icon": icon, "title": title, "counts": counts,
        "says": _says(run),
    }  # fmt: skip


def _says(run: SchemaRun) -> str:
    """How the run stands, in one sentence."""
    failing = run.counts.get("failing", 0)
    if run.state == "done":
        return _done(run, failing)
    if run.state == "refused":
        return f"Not activated: {failing:,} stored values do not fit. Nothing was changed by that."
    if run.kind == "check" and not run.is_open:
        return "It ended before everything was read."
    return UNFINISHED[run.state]


def _done(run: SchemaRun, failing: int) -> str:
    if run.kind == "check":
        return f"{failing:,} stored values do not fit." if failing else "Every stored value fits."
    if run.kind == "undo":
        return "The version before is in force again. What was written since stands as it was."
    rest = f"; {failing:,} stored values do not fit it" if failing else ""
    return f"Version {run.number} is in force{rest}."


def _answers(compatibility: Any) -> list[dict[str, Any]]:
    return [
        {"said": "What fitted the other fits this", "answer": compatibility.backward},
        {"said": "What fits this fitted the other", "answer": compatibility.forward},
    ]


def _job_view(request: ConsoleRequest, run: SchemaRun) -> Any:
    """The job's run behind it, for who may see runs; None for others."""
    if run.job_run is None:
        return None
    try:
        job = find_job_run(request.actor, request.call, run.job_run)
    except StatewardError:
        return None
    return view_of(job, names_of(request.tenant.tenant_id, [job]))


def _crumbs(request: ConsoleRequest, name: str, last: str) -> list[Crumb]:
    crumbs = [
        Crumb("Namespaces", address(request, "namespaces")),
        Crumb(name, address(request, "namespace", name)),
    ]
    if last != "Schema":
        crumbs.append(Crumb("Schema", address(request, "schemas", name)))
    return [*crumbs, Crumb(last)]

"""A namespace's past: its checkpoints, what became of it since, going back; and its branches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render

from dashboards.requests import ConsoleRequest, Crumb, address, page, record
from dashboards.state.changes import changes_of
from dashboards.state.panes import open_namespace
from dashboards.state.reading import COMPARED_UNASKED
from dashboards.state.rights import rights
from stateward.kernel.errors import Conflict, Malformed, NotFound, StatewardError, Unprocessable
from stateward.state.cuts import Cut, cut_now, parse_moment, settle_moment
from stateward.state.past import compare_cuts
from stateward.state.services.branches import (
    branches_of,
    fill_branch,
    find_branch,
    make_branch,
    merge_branch,
)
from stateward.state.services.checkpoints import (
    Checkpoint,
    delete_checkpoint,
    find_checkpoint,
    list_checkpoints,
    make_checkpoint,
)
from stateward.state.services.restoring import restore_cut
from stateward.tenancy.scope import run_flow, tenant_scope

SHOWN = 100
MAX_LABEL = 200


@page
def checkpoints(request: ConsoleRequest, namespace: str) -> HttpResponse:
    """The namespace's checkpoints; making one."""
    fault = ""
    if request.method == "POST":
        label = request.POST.get("label", "").strip()
        if 0 < len(label) <= MAX_LABEL:
            with tenant_scope(request.tenant.tenant_id):
                make_checkpoint(request.actor, request.call, namespace, label)
            messages.success(request, f"Checkpoint “{label}” made.")
            return redirect(address(request, "checkpoints", namespace))
        fault = f"A label is 1 to {MAX_LABEL} characters."
    with tenant_scope(request.tenant.tenant_id):
        context = _around(request, namespace, "Checkpoints")
        before = _uuid(request.GET.get("before"))
        found, following = list_checkpoints(
            request.actor, request.call, namespace, before=before, limit=SHOWN
        )
        context |= {"checkpoints": found, "following": following, "fault": fault}
        context |= {"is_later": before is not None, "most": MAX_LABEL}
    return render(request, "state/checkpoints.html", context, status=422 if fault else 200)


@page
def compare(request: ConsoleRequest, namespace: str) -> HttpResponse:
    """What became of the entries between two moments."""
    query, fault = request.GET, ""
    with tenant_scope(request.tenant.tenant_id):
        context = _around(request, namespace, "Compare", "checkpoints")
        with_patches = context["namespace"].classification in COMPARED_UNASKED
        known, _ = list_checkpoints(request.actor, request.call, namespace, limit=SHOWN)
        context |= {
            "checkpoints": known,
            "since": query.get("from", ""),
            "until": query.get("to", "now"),
        }
        context |= {"with_patches": with_patches, "rows": [], "following": None}
        if query.get("from"):
            try:
                before = _moment(request, namespace, query["from"])
                there = _moment(request, namespace, query.get("to") or "now")
            except Malformed:
                fault = "That is no moment: a time such as 2026-11-21T09:42:17Z, or a checkpoint."
            else:
                found = run_flow(
                    compare_cuts(
                        request.actor, request.call, namespace, before, there,
                        after=query.get("after", ""), limit=SHOWN, with_patches=with_patches,
                    )
                )  # fmt: skip
                context["rows"] = [(item, changes_of(item.patch or ())) for item in found.items]
                context["following"] = found.next_after
                context["is_asked"] = True
        context["fault"] = fault
    return render(request, "state/compare.html", context, status=422 if fault else 200)


@page
def restore(request: ConsoleRequest, namespace: str, checkpoint: UUID) -> HttpResponse:
    """Go back to a checkpoint: GET says what would change, POST does it."""
    with tenant_scope(request.tenant.tenant_id):
        found = find_checkpoint(request.actor, request.call, namespace, checkpoint)
        context = _around(request, namespace, found.label, "checkpoints")

    def act() -> str:
        done, lost = 0, 0
        after: str | None = ""
        while after is not None:
            with tenant_scope(request.tenant.tenant_id):
                part = restore_cut(
                    request.actor, request.call, namespace, found.cut, after=after,
                    because={"checkpoint": str(found.id), "label": found.label},
                )  # fmt: skip
            done, lost, after = done + len(part.items), lost + len(part.lost), part.next_after
        said = f"{_entries(done)} restored to “{found.label}”."
        return said if not lost else f"{said} {_entries(lost)} could not be: no longer kept."

    if (answer := _acted(request, namespace, act, context)) is not None:
        return answer
    with tenant_scope(request.tenant.tenant_id):
        seen = restore_cut(request.actor, request.call, namespace, found.cut, dry_run=True)
    context |= {"checkpoint": found, "seen": seen, "shown": seen.items[:SHOWN]}
    return render(request, "state/restore.html", context, status=_status(context))


@page
def forget(request: ConsoleRequest, namespace: str, checkpoint: UUID) -> HttpResponse:
    """Delete a checkpoint's name."""
    with tenant_scope(request.tenant.tenant_id):
        found = find_checkpoint(request.actor, request.call, namespace, checkpoint)
        context = _around(request, namespace, found.label, "checkpoints")

    def act() -> str:
        with tenant_scope(request.tenant.tenant_id):
            delete_checkpoint(request.actor, request.call, namespace, checkpoint)
        return f"Checkpoint “{found.label}” is forgotten. The history stays."

    if (answer := _acted(request, namespace, act, context)) is not None:
        return answer
    context |= {"checkpoint": found}
    return render(request, "state/checkpoint_delete.html", context, status=_status(context))


@page
def branches(request: ConsoleRequest, namespace: str) -> HttpResponse:
    """The namespace's branches; making one."""
    fault = ""
    if request.method == "POST":
        name = request.POST.get("name", "").strip()
        checkpoint = _uuid(request.POST.get("checkpoint"))
        try:
            entries = _branch(request, namespace, name, checkpoint)
        except (Conflict, Unprocessable) as error:
            fault = error.detail
        else:
            messages.success(request, f"Branch {name} made, with {_entries(entries)}.")
            return redirect(address(request, "namespace", name))
    with tenant_scope(request.tenant.tenant_id):
        context = _around(request, namespace, "Branches")
        known, _ = list_checkpoints(request.actor, request.call, namespace, limit=SHOWN)
        context |= {
            "branches": branches_of(request.actor, request.call, namespace)[:SHOWN],
            "checkpoints": known,
            "fault": fault,
            "typed": request.POST.get("name", f"{namespace}-branch"),
        }
    return render(request, "state/branches.html", context, status=422 if fault else 200)


@page
def merge(request: ConsoleRequest, namespace: str) -> HttpResponse:
    """Merge a branch into its parent: GET says what would change and what conflicts."""
    with tenant_scope(request.tenant.tenant_id):
        branch = find_branch(request.actor, request.call, namespace)
        context = _around(request, branch.parent, namespace, "branches")
    prefer = request.POST.get("prefer") if request.method == "POST" else None
    chosen = prefer if prefer in {"branch", "parent"} else None

    def act() -> str:
        done = 0
        after: str | None = ""
        while after is not None:
            with tenant_scope(request.tenant.tenant_id):
                part = merge_branch(
                    request.actor, request.call, namespace, after=after,
                    prefer=chosen,  # type: ignore[arg-type]  # one of the two, or None
                )  # fmt: skip
            done, after = done + len(part.items), part.next_after
        return f"{_entries(done)} of {namespace} merged into {branch.parent}."

    if (answer := _acted(request, branch.parent, act, context, back="branches")) is not None:
        return answer
    with tenant_scope(request.tenant.tenant_id):
        seen = merge_branch(request.actor, request.call, namespace, dry_run=True)
    context |= {"branch": branch, "seen": seen, "shown": seen.items[:SHOWN]}
    context |= {"clashes": seen.conflicts[:SHOWN]}
    return render(request, "state/branch_merge.html", context, status=_status(context))


def _branch(request: ConsoleRequest, namespace: str, name: str, checkpoint: UUID | None) -> int:
    with tenant_scope(request.tenant.tenant_id):
        made = make_branch(request.actor, request.call, namespace, name, checkpoint=checkpoint)
    entries = made.entries
    while made.next_after is not None:
        with tenant_scope(request.tenant.tenant_id):
            made = fill_branch(request.actor, request.call, name, after=made.next_after)
        entries += made.entries
    return entries


def _acted(
    request: ConsoleRequest, namespace: str, act: Callable[[], str], context: dict[str, Any],
    *, back: str = "checkpoints",
) -> HttpResponse | None:  # fmt: skip
    """Carry it out, if it was asked for; None where the page is to be shown, maybe with a fault."""
    if request.method != "POST":
        return None
    try:
        said = act()
    except NotFound:
        raise
    except StatewardError as error:
        if error.status >= 500:
            raise
        record(request, error)
        context["fault"] = error.detail
        return None
    messages.success(request, said)
    return redirect(address(request, back, namespace))


def _around(request: ConsoleRequest, namespace: str, title: str, under: str = "") -> dict[str, Any]:
    found, tree = open_namespace(request, namespace)
    crumbs = [
        Crumb("Namespaces", address(request, "namespaces")),
        Crumb(namespace, address(request, "namespace", namespace)),
    ]
    if under:
        crumbs.append(Crumb(under.capitalize(), address(request, under, namespace)))
    return {
        "namespace": found,
        "tree": tree,
        "may": rights(request, namespace),
        "crumbs": [*crumbs, Crumb(title)],
        "pane": "tree",
    }


def _moment(request: ConsoleRequest, namespace: str, text: str) -> Cut:
    if text == "now":
        return run_flow(cut_now())
    if (checkpoint := _uuid(text)) is not None:
        return _known(request, namespace, checkpoint).cut
    return run_flow(settle_moment(parse_moment(text, name="from")))


def _known(request: ConsoleRequest, namespace: str, checkpoint: UUID) -> Checkpoint:
    return find_checkpoint(request.actor, request.call, namespace, checkpoint)


def _entries(count: int) -> str:
    return "1 entry" if count == 1 else f"{count:,} entries"


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text or "")
    except ValueError:
        return None


def _status(context: dict[str, Any]) -> int:
    return 422 if context.get("fault") else 200

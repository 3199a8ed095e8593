"""A tenant's own policies: all of them, one with its versions, and what puts one in force."""

from __future__ import annotations

from collections import Counter
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from dashboards.permissions import may
from dashboards.policies.beside import LEVEL_WORDS, beside
from dashboards.policies.trial import trial
from dashboards.requests import ConsoleRequest, Crumb, address, page
from dashboards.state.changes import compare_texts
from dashboards.state.forms import show_faults
from governance.assist.endpoint import is_on
from governance.policies import services
from governance.policies.queries import (
    activations_of,
    readable_policies,
    readable_policy,
    versions_of,
)
from governance.policies.templates import TEMPLATES, Slot, Template, fill, find_template
from stateward.gate.audit.filters import RecordFilter
from stateward.gate.audit.queries import search_records
from stateward.gate.policy.models import Policy, PolicyVersion
from stateward.gate.policy.rules import shipped_roles
from stateward.gate.policy.validate import validate
from stateward.gate.policy.vocabulary import ACTIONS, ENTITY_TYPES
from stateward.kernel import strictjson
from stateward.kernel.errors import Conflict, NotFound, Unprocessable
from stateward.tenancy.scope import run_flow, tenant_scope
from stateward.web.cursors import decode_cursor, encode_cursor

ROWS = 50
LOOKED_AT = 500  # the newest records, for which rules decided lately
VERSIONS = 20
MAX_BODY = 256 * 1024
BEGINNING = """\
// Say in a sentence what this rule is for.
@id("my-rule")
forbid (
  principal is Agent,
  action == Action::"state.write",
  resource in Namespace::"airline.refunds"
) unless {
  context has purpose
};
"""
WORDS = " ".join(
    (
        *("permit", "forbid", "principal", "action", "resource", "context", "when", "unless"),
        *("has", "like", "in", "is"),
        *(f'Action::"{action}"' for action in ACTIONS),
        *(f"{name}" for name in dict.fromkeys(ENTITY_TYPES.values())),
        *("context.purpose", "context.mfa", "principal.team", "resource.classification"),
    )
)


class PolicyForm(forms.Form):
    """A text of a policy."""

    text = forms.CharField(strip=False, widget=forms.Textarea)
    note = forms.CharField(label="What changed", required=False, max_length=services.MAX_NOTE)


class NewPolicyForm(PolicyForm):
    name = forms.CharField(max_length=100)
    description = forms.CharField(required=False, max_length=services.MAX_NOTE)
    field_order = ("name", "description")


@page
def policies(request: ConsoleRequest) -> HttpResponse:
    """Policies of the tenant and the roles that are always there; and any question about them."""
    cursor = request.GET.get("cursor", "")
    after = UUID(str(decode_cursor(cursor, length=1)[0])) if cursor else None
    with tenant_scope(request.tenant.tenant_id):
        found, following = readable_policies(request.actor, request.call, after=after, limit=ROWS)
        lately = _decided_lately(request)
        may_draft = may(request, "policy.draft").allowed
        may_ask = may_draft and is_on() and may(request, "model.use").allowed
    counts: Counter[str] = lately or Counter()
    rows = [
        {
            "policy": one,
            "decided": counts[f"policy:{one.name}@{one.active_version}"],
            "level": LEVEL_WORDS[one.level][0] if one.active_version else "",
        }
        for one in found
    ]
    context = {
        "rows": rows,
        "said": _said(found, is_all=following is None and not cursor),
        "roles": [{"name": one.name, "decided": counts[one.label]} for one in shipped_roles()],
        "looked_at": LOOKED_AT,
        "lately": lately is not None,
        "may_draft": may_draft,
        "may_ask": may_ask,
        "trial": trial(request),
        "next_cursor": encode_cursor([str(following)]) if following else None,
        "cursor": cursor,
        "crumbs": [Crumb("Policies")],
    }
    return render(request, "policies/policies.html", context)


@page
def role(request: ConsoleRequest, name: str) -> HttpResponse:
    """What a shipped role allows, as the Cedar text it is."""
    known = {one.name: one for one in shipped_roles()}
    if name not in known:
        raise Http404
    crumbs = [Crumb("Policies", address(request, "policies")), Crumb(f"Role {name}")]
    return render(request, "policies/role.html", {"role": known[name], "crumbs": crumbs})


@page
def create(request: ConsoleRequest) -> HttpResponse:
    """A policy with its first version; not in force."""
    form = NewPolicyForm(_saved(request), initial={"text": BEGINNING} | _taken(request))
    template, fault = _template(request), ""
    if template is not None and request.method == "GET":
        given = {slot.name: request.GET.get(slot.name, "") for slot in template.slots}
        if "fill" in request.GET or not template.slots:
            try:
                initial = {"name": template.name, "description": template.says}
                form = NewPolicyForm(initial={**initial, "text": fill(template, given)})
            except Unprocessable as error:
                fault = error.detail
    if form.is_bound and form.is_valid():
        data = form.cleaned_data
        try:
            made = services.create_policy(
                request.actor,
                request.call,
                name=data["name"].strip(),
                text=_text(data["text"]),
                description=data["description"],
            )
        except (Conflict, Unprocessable) as error:
            _show(form, error)
        else:
            messages.success(request, f"{made.name} saved as version 1. It is not in force yet.")
            return redirect(address(request, "policy", made.id))
    crumbs = [Crumb("Policies", address(request, "policies")), Crumb("New policy")]
    context = {
        "form": form,
        "crumbs": crumbs,
        "words": WORDS,
        "templates": TEMPLATES,
        "template": template,
        "slots": _slots(request, template) if template else [],
        "fault": fault,
    }
    status = 422 if form.is_bound else 200
    return render(request, "policies/policy_new.html", context, status=status)


def _saved(request: ConsoleRequest) -> Any:
    """What was posted to be saved; a text from the form of a rule only comes to be looked at."""
    return None if "taken" in request.POST else request.POST or None


def _taken(request: ConsoleRequest) -> dict[str, str]:
    return request.POST.dict() if "taken" in request.POST else {}


def _template(request: ConsoleRequest) -> Template | None:
    name = request.GET.get("template", "")
    return find_template(name) if name else None


def _slots(request: ConsoleRequest, template: Template) -> list[tuple[Slot, str]]:
    """Each slot with what was typed into it, at first its example."""
    asked = "fill" in request.GET
    return [
        (slot, request.GET.get(slot.name, "") if asked else slot.example) for slot in template.slots
    ]


@page
def policy(request: ConsoleRequest, policy_id: UUID) -> HttpResponse:
    """One policy: a version's text, its versions, a trial. POST saves a new version."""
    with tenant_scope(request.tenant.tenant_id):
        found = readable_policy(request.actor, request.call, policy_id)
        shown, texts = version_shown(found, request.GET.get("version"))
        context = about(request, found, shown, texts)
        context |= beside(found, shown, context["in_force"])
    form = PolicyForm(_saved(request), initial={"text": shown.text} | _taken(request))
    if form.is_bound and form.is_valid():
        try:
            saved = services.add_version(
                request.actor,
                request.call,
                policy_id,
                text=_text(form.cleaned_data["text"]),
                note=form.cleaned_data["note"],
            )
        except (Conflict, Unprocessable) as error:
            _show(form, error)
        else:
            messages.success(request, f"Version {saved.number} saved. It is not in force yet.")
            return redirect(address(request, "policy", policy_id))
    context |= {"form": form, "trial": trial(request, found, shown)}
    status = 422 if form.is_bound else 200
    return render(request, "policies/policy.html", context, status=status)


@require_POST
@page
def validation(request: ConsoleRequest) -> HttpResponse:
    """What is wrong with a text, for the editor: ``{"valid", "errors": [{line, column, …}]}``."""
    body = strictjson.loads(request.body, max_bytes=MAX_BODY)
    text = body.get("text") if isinstance(body, dict) else None
    faults = validate(text) if isinstance(text, str) else ()
    return JsonResponse({"valid": not faults, "errors": [fault.as_dict() for fault in faults]})


def about(
    request: ConsoleRequest, found: Policy, shown: PolicyVersion, texts: dict[int, PolicyVersion]
) -> dict[str, Any]:
    """What the page and its consequences say of a policy; within the tenant's scope."""
    versions = list(versions_of(found).order_by("-number").defer("text")[:VERSIONS])
    activations = list(activations_of(found).order_by("-id")[:8])
    in_force = None
    if found.active_version is not None and found.active_version != shown.number:
        in_force = texts.get(found.active_version)
    crumbs = [Crumb("Policies", address(request, "policies")), Crumb(found.name)]
    lines = compare_texts(in_force.text, shown.text) if in_force else []
    return {
        "policy": found,
        "shown": shown,
        "versions": versions,
        "activations": activations,
        "before": activations[0].from_version if activations else None,
        "in_force": in_force,
        "lines": lines,
        "added": sum(line.sign == "+" for line in lines),
        "removed": sum(line.sign == "-" for line in lines),
        "may_draft": may(request, "policy.draft").allowed,
        "may_try": may(request, "policy.explain").allowed,
        "may_activate": may(request, "policy.activate").allowed,
        "crumbs": crumbs,
        "words": WORDS,
    }


def version_shown(
    found: Policy, text: str | None
) -> tuple[PolicyVersion, dict[int, PolicyVersion]]:
    """The version that the address names, else the newest; and the texts with the one in force."""
    number = found.latest_version
    if text and text.isascii() and text.isdigit() and len(text) < 10:
        number = int(text)
    wanted = {number, found.active_version or number}
    texts = {one.number: one for one in versions_of(found).filter(number__in=wanted)}
    if number not in texts:
        raise NotFound
    return texts[number], texts


def _decided_lately(request: ConsoleRequest) -> Counter[str] | None:
    """How often each rule was among those that decided, in the newest records; None: may not."""
    if not may(request, "audit.read", "audit_log").allowed:
        return None
    wanted = RecordFilter(request.tenant.tenant_id)
    records, _ = run_flow(search_records(wanted, limit=LOOKED_AT))
    counts: Counter[str] = Counter()
    for one in records:
        decision = one.content.get("decision")
        facts = decision if isinstance(decision, dict) else {}
        labels = [
            *facts.get("determining", ()), *facts.get("advised", ()), *facts.get("shadow", ()),
        ]  # fmt: skip
        counts.update({str(label).partition("#")[0] for label in labels})
    return counts


def _said(found: list[Policy], *, is_all: bool) -> str:
    in_force = sum(one.active_version is not None for one in found)
    drafts = sum((one.active_version or 0) < one.latest_version for one in found)
    if not found:
        return "No policy of your own: the shipped roles alone decide."
    begin = f"{'' if is_all else 'On this page '}{in_force} of {len(found)} policies in force"
    waits = f"; {drafts} with a version that is not" if drafts else ""
    return f"{begin}{waits}. The shipped roles decide beside them."


def _text(text: str) -> str:
    """Browsers send line ends of their own; a text is the same whatever it was typed in."""
    return text.replace("\r\n", "\n")


def _show(form: forms.Form, error: Conflict | Unprocessable) -> None:
    """Faults of the text with their lines; everything else at its field."""
    placed = [fault for fault in error.errors if hasattr(fault, "line")]
    for fault in placed:
        place = f"Line {fault.line}, column {fault.column}"  # type: ignore[attr-defined]  # a TextFault
        form.add_error("text", f"{place}: {fault.message}.")
    if not placed:
        show_faults(form, error)

"""A rule as a form beside its text: each says exactly what the other says, or the form says that it
cannot. Nothing is saved here; the text goes back to the page it came from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast
from uuid import UUID

from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.http import require_POST

from dashboards.requests import ConsoleRequest, Crumb, address, page
from governance.policies import building
from governance.policies.building import Condition, RuleForm, check_form, form_of_text, text_of_form
from governance.policies.queries import readable_policy
from stateward.gate.policy.validate import validate
from stateward.gate.policy.vocabulary import ACTIONS, GROUPS
from stateward.kernel.errors import NotFound, Unprocessable
from stateward.tenancy.scope import tenant_scope

EMPTY = RuleForm("forbid", "agents", "", ("state.write",), "namespace", "")
BLANK = Condition("", "is", ("",))
WHO = {
    "anybody": "Anybody",
    "agents": "Every agent",
    "members": "Every member",
    "agent": "One agent, by id",
    "member": "One member, by id",
    "role": "Whoever has a role",
}
WHAT = {
    "anything": "Anything",
    "entries": "Every entry",
    "namespace": "A namespace and all in it",
    "entry": "One entry, as namespace/key",
}
OPERATORS = {
    "is": "is",
    "is_not": "is not",
    "one_of": "is one of",
    "has_label": "label is",
    "has": "is there",
}
SIDES = (
    ("conditions", "Only if all of this holds"),
    ("exceptions", "But not if any of this holds"),
)
CARRIED = ("name", "description", "note")  # typed beside the text, and brought back with it


@dataclass(frozen=True, slots=True)
class Row:
    """One condition as typed; ``fault``: what is wrong with it."""

    number: int
    field: str
    operator: str
    values: str
    fault: str


@require_POST
@page
def build(request: ConsoleRequest) -> HttpResponse:
    """Show the form of the posted text, or the text of the posted form."""
    policy = _policy(request)
    given = request.POST
    text = given.get("text", "").replace("\r\n", "\n")
    form: RuleForm | None = EMPTY
    if "effect" in given:
        form = _changed(_typed(given), given.get("op", ""))
    elif text.strip():
        form = form_of_text(text)
    fault = _fault(form)
    if form is not None and "effect" in given:
        text = "" if fault else text_of_form(form)
    elif form is EMPTY:
        text = ""
    context = {
        "form": form,
        "text": text,
        "faults": [] if not text else [one.message for one in validate(text)],
        "sides": _sides(form, fault),
        "fault": fault[1] if fault and not _placed(fault) else "",
        "policy": policy,
        "carried": [(name, given[name]) for name in CARRIED if name in given],
        "who": WHO,
        "what": WHAT,
        "operators": OPERATORS,
        "actions": [*sorted(GROUPS), *ACTIONS],
        "fields": [*building.FIELDS, building.FLAG],
        "back": address(request, "policy", policy.id) if policy else address(request, "policy_new"),
        "crumbs": _crumbs(request, policy),
    }
    return render(request, "policies/build.html", context, status=422 if fault else 200)


def _policy(request: ConsoleRequest) -> Any:
    wanted = request.POST.get("policy", "")
    if not wanted:
        return None
    try:
        policy_id = UUID(wanted)
    except ValueError:
        raise NotFound from None
    with tenant_scope(request.tenant.tenant_id):
        return readable_policy(request.actor, request.call, policy_id)


def _typed(given: QueryDict) -> RuleForm:
    def one_of(name: str, known: Mapping[str, str] | tuple[str, ...]) -> Any:
        return given[name] if given.get(name) in known else next(iter(known))

    known = {*ACTIONS, *GROUPS}
    who, what = one_of("who", WHO), one_of("what", WHAT)
    return RuleForm(
        one_of("effect", building.EFFECTS),
        who,
        given.get("who_name", "").strip()[:200] if who in building.NAMED_WHO else "",
        tuple(name for name in given.getlist("actions") if name in known),
        what,
        given.get("what_name", "").strip()[:640] if what in building.NAMED_WHAT else "",
        *(_conditions(given, side) for side, _ in SIDES),
    )


def _conditions(given: QueryDict, side: str) -> tuple[Condition, ...]:
    rows = zip(
        given.getlist(f"{side}-field"),
        given.getlist(f"{side}-operator"),
        given.getlist(f"{side}-values"),
        strict=False,
    )
    return tuple(
        Condition(
            field.strip()[:200],
            cast(building.Operator, operator if operator in OPERATORS else "is"),
            tuple(filter(None, (line.strip()[:200] for line in values.splitlines())))
            if operator != "has"
            else (),
        )
        for field, operator, values in list(rows)[: building.MOST_CONDITIONS]
    )


def _changed(form: RuleForm, op: str) -> RuleForm:
    """With a row more, or one less: ``add-conditions``, ``drop-exceptions-0``."""
    verb, _, rest = op.partition("-")
    side, _, number = rest.partition("-")
    if side not in dict(SIDES):
        return form
    rows: tuple[Condition, ...] = getattr(form, side)
    if verb == "add" and len(rows) < building.MOST_CONDITIONS:
        rows = (*rows, BLANK)
    elif verb == "drop" and number.isdecimal():
        rows = tuple(one for place, one in enumerate(rows) if place != int(number))
    return replace(form, **{side: rows})  # type: ignore[arg-type]  # one of its two tuples


Fault = tuple[str, str]  # its pointer, what is wrong


def _fault(form: RuleForm | None) -> Fault | None:
    if form is None:
        return None
    if form.who in building.NAMED_WHO and not form.who_name:
        return "/who_name", "Say which one the rule is for."
    if form.what in building.NAMED_WHAT and not form.what_name:
        return "/what_name", "Say which one the rule is about."
    try:
        check_form(form)
    except Unprocessable as error:
        return error.errors[0].pointer, error.errors[0].message
    return None


def _placed(fault: Fault) -> bool:
    return fault[0].split("/")[1] in dict(SIDES)


def _sides(form: RuleForm | None, fault: Fault | None) -> list[tuple[str, str, list[Row]]]:
    def row(side: str, number: int, one: Condition) -> Row:
        is_here = fault is not None and fault[0].startswith(f"/{side}/{number}/")
        wrong = fault[1] if fault is not None and is_here else ""
        return Row(number, one.field, one.operator, "\n".join(one.values), wrong)

    return [
        (side, title, [row(side, *each) for each in enumerate(getattr(form, side, ()))])
        for side, title in SIDES
    ]


def _crumbs(request: ConsoleRequest, policy: Any) -> list[Crumb]:
    crumbs = [Crumb("Policies", address(request, "policies"))]
    if policy:
        crumbs.append(Crumb(policy.name, address(request, "policy", policy.id)))
    return [*crumbs, Crumb("As a form")]

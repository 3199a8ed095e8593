"""Proposals of a namespace: what is proposed, how the votes stand, and a member's own vote."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render

from dashboards.requests import ConsoleRequest, Crumb, address, page, record
from dashboards.state.changes import ABSENT, structural
from dashboards.state.forms import ProposalForm, show_faults
from dashboards.state.panes import open_namespace
from dashboards.state.reading import value_of
from dashboards.state.values import text_of
from stateward.kernel.errors import (
    Conflict,
    Locked,
    Malformed,
    NotFound,
    PreconditionFailed,
    StatewardError,
    TooLarge,
    Unprocessable,
)
from stateward.kernel.flow import Flow
from stateward.state.configuration import load_configuration_for, namespace_rules
from stateward.state.judging import judge_for
from stateward.state.models import Namespace
from stateward.state.proposals import Proposal, VoteName
from stateward.state.services.proposals import (
    Wish,
    find_proposal,
    list_proposals,
    propose,
    vote_on,
    withdraw_proposal,
)
from stateward.state.values import decode
from stateward.tenancy.scope import run_flow, tenant_scope

SHOWN = 50
STATES = (
    ("", "All"),
    ("open", "Open"),
    ("committed", "Committed"),
    ("rejected", "Rejected"),
    ("expired", "Expired"),
    ("withdrawn", "Withdrawn"),
)
VOTES: dict[str, VoteName] = {"accept": "accept", "reject": "reject"}
UNFIT = (Conflict, Locked, Malformed, PreconditionFailed, TooLarge, Unprocessable)


@page
def proposals(request: ConsoleRequest, namespace: str) -> HttpResponse:
    """Proposals, newest first."""
    state = request.GET.get("state", "")
    before = _id(request.GET["before"]) if "before" in request.GET else None
    if state not in dict(STATES):
        raise NotFound
    with tenant_scope(request.tenant.tenant_id):
        found, tree = open_namespace(request, namespace)
        listed = run_flow(
            list_proposals(
                request.actor, request.call, namespace,
                state=state or None, before=before, limit=SHOWN,
            )
        )  # fmt: skip
    context: dict[str, Any] = {
        "namespace": found,
        "tree": tree,
        "rows": [_row(request, one) for one in listed.items],
        "next_before": listed.next_before,
        "state": state,
        "states": STATES,
        "crumbs": _crumbs(request, namespace),
        "pane": "tree",
    }
    return render(request, "state/proposals.html", context)


@page
def create(request: ConsoleRequest, namespace: str) -> HttpResponse:
    """Propose a value; of ``?key=`` where that entry is to change, from the value that stands."""
    with tenant_scope(request.tenant.tenant_id):
        found, tree = open_namespace(request, namespace)
        initial = _initial(request, found)
    form = ProposalForm(request.POST or None, initial=initial)
    if form.is_bound and form.is_valid():
        try:
            with tenant_scope(request.tenant.tenant_id):
                made = run_flow(propose(request.actor, request.call, namespace, _wish(form)))
        except UNFIT as error:
            record(request, error)
            _show(form, error)
        else:
            messages.success(request, f"Proposed. {made.proposal.quorum} must accept.")
            return redirect(address(request, "proposal", namespace, str(made.proposal.id)))
    context = {
        "namespace": found,
        "tree": tree,
        "form": form,
        "crumbs": _crumbs(request, namespace, "New proposal"),
        "pane": "tree",
    }
    status = 422 if form.is_bound else 200
    return render(request, "state/proposal_form.html", context, status=status)


def _initial(request: ConsoleRequest, found: Namespace) -> dict[str, Any]:
    key = request.GET.get("key", "").replace("\x00", "")[:512]
    initial: dict[str, Any] = {"key": key, "value": "{\n  \n}", "quorum": 1, "hours": 24}
    if key and found.classification != "restricted" and _may(request, found, "state.read_value"):
        try:
            standing = value_of(request, found.name, key, None)
        except NotFound:
            return initial
        initial |= {"value": text_of(standing.value), "if_version": standing.version}
    return initial


def _show(form: ProposalForm, error: StatewardError) -> None:
    """What is wrong, at its field; of the voters the one who is, by the name that was typed."""
    voters = form.cleaned_data["voters"]
    for fault in error.errors:
        _, name, *place = f"{fault.pointer}/".split("/")
        if name == "voters" and place and place[0].isdigit() and int(place[0]) < len(voters):
            form.add_error("voters", f"{voters[int(place[0])]}: {fault.message}.")
            return
    show_faults(form, error)


def _wish(form: ProposalForm) -> Wish:
    given = form.cleaned_data
    return Wish(
        given["key"],
        given["value"],
        given["quorum"],
        given["voters"],
        given["hours"] * 3600.0,
        given["note"] or None,
        given["if_version"],
    )


@page
def withdraw(request: ConsoleRequest, namespace: str, proposal: str) -> HttpResponse:
    """Take one's own proposal back. POST only: its page has the button."""
    if request.method != "POST":
        return redirect(address(request, "proposal", namespace, proposal))
    with tenant_scope(request.tenant.tenant_id):
        run_flow(withdraw_proposal(request.actor, request.call, namespace, _id(proposal)))
    messages.success(request, "Taken back. Nothing was written.")
    return redirect(address(request, "proposal", namespace, proposal))


@page
def proposal(request: ConsoleRequest, namespace: str, proposal: str) -> HttpResponse:
    """One proposal, beside the value that stands now. POST votes."""
    wanted = _id(proposal)
    fault: StatewardError | None = None
    if request.method == "POST":
        vote = VOTES.get(request.POST.get("vote", ""))
        if vote is None:
            raise NotFound
        try:
            with tenant_scope(request.tenant.tenant_id):
                decided = run_flow(
                    vote_on(request.actor, request.call, namespace, wanted, vote)
                ).proposal
        except (Conflict, Locked, PreconditionFailed) as error:
            record(request, error)
            fault = error
        else:
            messages.success(request, _voted(decided, vote))
            return redirect(address(request, "proposal", namespace, proposal))
    with tenant_scope(request.tenant.tenant_id):
        found, tree = open_namespace(request, namespace)
        shown = _shown(request, found, wanted)
        context = shown | {
            "namespace": found,
            "tree": tree,
            "fault": fault,
            "crumbs": _crumbs(request, namespace, shown["proposal"].key),
            "pane": "tree",
        }
    return render(request, "state/proposal.html", context, status=fault.status if fault else 200)


def _row(request: ConsoleRequest, one: Proposal) -> dict[str, Any]:
    return {
        "proposal": one,
        "accepted": one.votes_of("accept"),
        "rejected": one.votes_of("reject"),
        "is_mine": one.state == "open" and one.names((request.actor.type, request.actor.id)),
    }


def _shown(request: ConsoleRequest, found: Namespace, wanted: UUID) -> dict[str, Any]:
    """What the page says. The values only where one may read them and nothing masks them."""
    with_value = found.classification != "restricted" and _may(request, found, "state.read_value")
    one = run_flow(
        find_proposal(request.actor, request.call, found.name, wanted, with_value=with_value)
    )
    me = (request.actor.type, request.actor.id)
    context: dict[str, Any] = _row(request, one) | {
        "voters": [(voter, one.votes.get((voter.type, voter.id))) for voter in one.voters],
        "mine": one.votes.get(me),
        "missing": max(0, one.quorum - one.votes_of("accept")),
        "has_value": one.data is not None,
        "is_own": one.state == "open" and (one.proposer.type, one.proposer.id) == me,
    }
    if one.data is not None:
        try:
            standing = value_of(request, found.name, one.key, None)
        except NotFound:
            context["changes"] = structural(ABSENT, decode(one.data))
        else:
            context["current"] = standing
            context["changes"] = structural(standing.value, decode(one.data))
        context["text"] = text_of(decode(one.data))
    return context


def _may(request: ConsoleRequest, found: Namespace, action: str) -> bool:
    def flow() -> Flow[bool]:
        configuration = yield from load_configuration_for(request.actor)
        rules = yield from namespace_rules(configuration, found.name)
        judge = yield from judge_for(configuration, request.actor, request.call)
        return judge.decide(action, rules.entry("", {})).allowed

    return run_flow(flow())


def _voted(decided: Proposal, vote: VoteName) -> str:
    if decided.state == "committed":
        return f"Accepted. The quorum is there: version {decided.version} is written."
    if decided.state == "rejected":
        return "Rejected. The quorum can no longer be reached: the proposal is over."
    return f"Your vote counts: {vote}. {decided.votes_of('accept')} of {decided.quorum} accept."


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound from None


def _crumbs(request: ConsoleRequest, namespace: str, key: str = "") -> list[Crumb]:
    here = address(request, "proposals", namespace)
    crumbs = [
        Crumb("Namespaces", address(request, "namespaces")),
        Crumb(namespace, address(request, "namespace", namespace)),
        Crumb("Proposals", here if key else ""),
    ]
    return [*crumbs, Crumb(key)] if key else crumbs

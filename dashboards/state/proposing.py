"""Proposals of a namespace: what is proposed, how the votes stand, and a member's own vote."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render

from dashboards.requests import ConsoleRequest, Crumb, address, page, record
from dashboards.state.changes import ABSENT, structural
from dashboards.state.panes import open_namespace
from dashboards.state.reading import value_of
from dashboards.state.values import text_of
from stateward.kernel.errors import (
    Conflict,
    Locked,
    NotFound,
    PreconditionFailed,
    StatewardError,
)
from stateward.kernel.flow import Flow
from stateward.state.configuration import load_configuration_for, namespace_rules
from stateward.state.judging import judge_for
from stateward.state.models import Namespace
from stateward.state.proposals import Proposal, VoteName
from stateward.state.services.proposals import find_proposal, list_proposals, vote_on
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

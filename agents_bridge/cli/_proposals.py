"""Commands on proposals."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Annotated, Literal

import typer

from agents_bridge._models import Proposal
from agents_bridge._wire import UNSET
from agents_bridge.cli._common import As, Json, Key, Limit, Namespace, connect, json_argument
from agents_bridge.cli._output import done, moment, render, show

app = typer.Typer(
    help="Proposals: a value that several decide on.",
    no_args_is_help=True,
)

ProposalId = Annotated[str, typer.Argument(help="The proposal's id.", show_default=False)]


@app.command("make")
def make(
    *,
    namespace: Namespace,
    key: Key,
    value: Annotated[
        str, typer.Argument(help="JSON, @file, or - for standard input.", show_default=False)
    ],
    voter: Annotated[
        list[str],
        typer.Option(
            "--voter", help="Who may vote: an agent's id or name, a member's id or address."
        ),
    ],
    quorum: Annotated[int, typer.Option(min=1, help="So many have to accept it.")],
    expires: Annotated[
        float | None, typer.Option("--expires", metavar="SECONDS", help="Open for so long.")
    ] = None,
    if_version: Annotated[
        int | None, typer.Option("--if-version", help="Only while the entry is at this version.")
    ] = None,
    note: Annotated[str | None, typer.Option(help="Kept with the revision.")] = None,
    json: Json = False,
    agent: As = None,
) -> None:
    """Have others accept a value before it is written.

    Example: stateward proposal make plans budget 12 --voter ann --voter bob --quorum 2
    """
    given = json_argument(value, what="The value")
    with connect(agent) as client:
        made = client.proposals.propose(
            namespace, key, given, quorum=quorum, voters=voter, if_version=if_version, note=note,
            expires_in_seconds=UNSET if expires is None else expires,
        )  # fmt: skip
    done(f"proposal {made.id}, open until {moment(made.expires_at)}", made, json=json)


@app.command("list")
def list_proposals(
    *,
    namespace: Namespace,
    state: Annotated[
        str | None,
        typer.Option(help="open, committed, rejected, expired or withdrawn."),
    ] = None,
    limit: Limit = 100,
    json: Json = False,
    agent: As = None,
) -> None:
    """List proposals, newest first."""
    with connect(agent) as client:
        pages = client.proposals.list(namespace, state=state, page_size=min(limit, 1000))
        found = [*islice(pages, limit)]
    show(found, json=json, otherwise=lambda: _table(found))


@app.command("show")
def show_one(
    *, namespace: Namespace, proposal: ProposalId, json: Json = False, agent: As = None
) -> None:
    """Show a proposal: its value while it is open, and who voted how."""
    with connect(agent) as client:
        found = client.proposals.get(namespace, proposal)
    show(found, json=json, otherwise=lambda: _one(found))


@app.command("vote")
def vote(
    *,
    namespace: Namespace,
    proposal: ProposalId,
    vote: Annotated[str, typer.Argument(help="accept or reject.", show_default=False)],
    json: Json = False,
    agent: As = None,
) -> None:
    """Vote, if you are named; the vote that makes the quorum writes the value."""
    chosen: Literal["accept", "reject"]
    if vote == "accept":
        chosen = "accept"
    elif vote == "reject":
        chosen = "reject"
    else:
        raise typer.BadParameter(f"A vote is accept or reject, not {vote!r}.")
    with connect(agent) as client:
        voted = client.proposals.vote(namespace, proposal, chosen)
    version = "" if voted.version is None else f", {voted.key} is at version {voted.version}"
    done(f"the proposal is {voted.state}{version}", voted, json=json)


@app.command("withdraw")
def withdraw(
    *, namespace: Namespace, proposal: ProposalId, json: Json = False, agent: As = None
) -> None:
    """Take your own proposal back."""
    with connect(agent) as client:
        client.proposals.withdraw(namespace, proposal)
    done(f"proposal {proposal} is withdrawn", {"withdrawn": True}, json=json)


def _table(found: Sequence[Proposal]) -> None:
    render().table(
        ["KEY", "STATE", ">ACCEPTED", "UNTIL (UTC)", "BY", "PROPOSAL"],
        (
            (each.key, each.state, f"{each.accepted} of {each.quorum}", moment(each.expires_at),
             each.proposer.name if each.proposer else "", each.id)
            for each in found
        ),
    )  # fmt: skip


def _one(found: Proposal) -> None:
    render().facts(
        [
            ("key", f"{found.namespace}/{found.key}"),
            ("state", found.state),
            ("accepted", f"{found.accepted} of {found.quorum}"),
            ("open until", moment(found.expires_at)),
            *((one.name, one.vote or "has not voted") for one in found.voters),
        ]
    )
    if "value" in found.raw:
        render().value(found.value)

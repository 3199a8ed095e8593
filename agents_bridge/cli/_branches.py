"""Commands on branches."""

from __future__ import annotations

from itertools import islice
from typing import Annotated, Literal

import typer

from agents_bridge._branches import MergedBranch
from agents_bridge.cli._common import As, Json, Limit, Namespace, Yes, confirm, connect
from agents_bridge.cli._exit import Exit
from agents_bridge.cli._output import done, moment, render, show

app = typer.Typer(
    help="Branches: a copy of a namespace to work in, and to merge back.",
    no_args_is_help=True,
)

Branch = Annotated[str, typer.Argument(help="The branch, a namespace's name.", show_default=False)]


@app.command("make")
def make(
    *,
    namespace: Namespace,
    branch: Branch,
    checkpoint: Annotated[
        str | None, typer.Option(help="Begin as it was at this checkpoint, not as it is now.")
    ] = None,
    json: Json = False,
    agent: As = None,
) -> None:
    """Make a namespace that begins as another is.

    Example: stateward branch make airline.plans airline.plans-b
    """
    with connect(agent) as client:
        made = client.branches.create(namespace, branch, checkpoint=checkpoint)
    said = f"{made.namespace} began as {made.parent} was at {moment(made.base_at)}"
    if made.lost:
        said += f", without {len(made.lost)} entries whose values are no longer kept"
    done(said, made, json=json)


@app.command("list")
def list_branches(
    *, namespace: Namespace, limit: Limit = 100, json: Json = False, agent: As = None
) -> None:
    """List the branches of a namespace."""
    with connect(agent) as client:
        found = [*islice(client.branches.list(namespace), limit)]
    show(
        found,
        json=json,
        otherwise=lambda: render().table(
            ["BRANCH", "OF", "AS OF (UTC)", "CHECKPOINT"],
            (
                (each.namespace, each.parent, moment(each.base_at), each.checkpoint)
                for each in found
            ),
        ),
    )


@app.command("show")
def show_one(*, branch: Branch, json: Json = False, agent: As = None) -> None:
    """Show what a branch is of, and since when."""
    with connect(agent) as client:
        found = client.branches.get(branch)
    show(
        found,
        json=json,
        otherwise=lambda: render().facts(
            [
                ("branch", found.namespace),
                ("of", found.parent),
                ("as of", moment(found.base_at)),
                ("checkpoint", found.checkpoint),
            ]
        ),
    )


@app.command("merge")
def merge(
    *,
    branch: Branch,
    prefer: Annotated[
        str | None,
        typer.Option(help="Whose entry is taken where both changed a place: branch or parent."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would do.")] = False,
    yes: Yes = False,
    json: Json = False,
    agent: As = None,
) -> None:
    """Write into its parent what a branch changed.

    Where both changed the same place nothing is written, and the places are listed: say whose are
    taken with --prefer, or change one side.
    """
    taken = _preferred(prefer)
    with connect(agent) as client:
        seen = client.branches.merge(branch, prefer=taken, dry_run=True)
        if not (dry_run or seen.conflicts) and seen.items:
            parent = client.branches.get(branch).parent
            confirm(f"Change {len(seen.items)} entries of {parent}?", yes=yes)
            seen = client.branches.merge(branch, prefer=taken)
    show(seen, json=json, otherwise=lambda: _merged(seen))
    if seen.conflicts and not dry_run:
        raise typer.Exit(int(Exit.CONFLICT))


def _preferred(text: str | None) -> Literal["branch", "parent"] | None:
    if text is None:
        return None
    if text == "branch":
        return "branch"
    if text == "parent":
        return "parent"
    raise typer.BadParameter(f"One prefers branch or parent, not {text!r}.")


def _merged(merge: MergedBranch) -> None:
    render().table(
        ["KEY", "CHANGE", ">VERSION", "CHANGED BY"],
        (
            (each.key, each.change, each.version, "both" if each.both else "the branch")
            for each in merge.items
        ),
    )
    if merge.conflicts:
        render().table(
            ["CONFLICT AT", "PLACES BOTH CHANGED"],
            ((each.key, ", ".join(each.pointers) or "(all of it)") for each in merge.conflicts),
        )
        render().hint("Nothing was written. Take one side with --prefer branch or --prefer parent.")

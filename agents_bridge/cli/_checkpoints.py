"""Commands on checkpoints."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import typer

from agents_bridge._checkpoints import Difference, Restored
from agents_bridge.cli._common import As, Json, Limit, Namespace, Yes, confirm, connect
from agents_bridge.cli._output import done, moment, render, show

app = typer.Typer(
    help="Checkpoints: moments to compare with and go back to.",
    no_args_is_help=True,
)
CheckpointId = Annotated[str, typer.Argument(help="The checkpoint's id.", show_default=False)]


@app.command("make")
def make(
    *,
    namespace: Namespace,
    label: Annotated[str, typer.Argument(help="What it is called.", show_default=False)],
    json: Json = False,
    agent: As = None,
) -> None:
    """Remember a namespace as it is now.

    Example: stateward checkpoint make airline.bookings "before the import"
    """
    with connect(agent) as client:
        made = client.checkpoints.create(namespace, label)
    done(f"checkpoint {made.id}, {moment(made.at)}", made, json=json)


@app.command("list")
def list_checkpoints(
    *, namespace: Namespace, limit: Limit = 100, json: Json = False, agent: As = None
) -> None:
    """List a namespace's checkpoints, newest first."""
    with connect(agent) as client:
        found = [*islice(client.checkpoints.list(namespace, page_size=min(limit, 1000)), limit)]
    show(
        found,
        json=json,
        otherwise=lambda: render().table(
            ["LABEL", "AT (UTC)", "BY", "CHECKPOINT"],
            (
                (each.label, moment(each.at), each.made_by.name if each.made_by else "", each.id)
                for each in found
            ),
        ),
    )


@app.command("diff")
def diff(
    *,
    namespace: Namespace,
    checkpoint: CheckpointId,
    to: Annotated[str, typer.Option(help="now, another checkpoint's id, or a time.")] = "now",
    limit: Limit = 100,
    json: Json = False,
    agent: As = None,
) -> None:
    """Show what became of the entries since a checkpoint."""
    with connect(agent) as client:
        pages = client.checkpoints.diff(
            namespace, checkpoint, to=to, page_size=min(limit, 1000), patch=json
        )
        found = [*islice(pages, limit)]
    show(found, json=json, otherwise=lambda: _differences(found))


@app.command("restore")
def restore(
    *,
    namespace: Namespace,
    checkpoint: CheckpointId,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would do.")] = False,
    yes: Yes = False,
    json: Json = False,
    agent: As = None,
) -> None:
    """Make the entries what they were; new revisions for exactly those that differ."""
    with connect(agent) as client:
        seen = client.checkpoints.restore(namespace, checkpoint, dry_run=True)
        if dry_run or not seen.items:
            show(seen, json=json, otherwise=lambda: _restored(seen))
            return
        confirm(f"Change {len(seen.items)} entries of {namespace}?", yes=yes)
        restored = client.checkpoints.restore(namespace, checkpoint)
    show(restored, json=json, otherwise=lambda: _restored(restored))


@app.command("delete")
def delete(
    *, namespace: Namespace, checkpoint: CheckpointId, json: Json = False, agent: As = None
) -> None:
    """Forget a checkpoint; the history stays."""
    with connect(agent) as client:
        client.checkpoints.delete(namespace, checkpoint)
    done(f"checkpoint {checkpoint} is forgotten", {"id": checkpoint}, json=json)


def _differences(found: list[Difference]) -> None:
    render().table(
        ["KEY", "CHANGE", "FROM", "TO"],
        ((each.key, each.change, each.from_version, each.to_version) for each in found),
    )


def _restored(done: Restored) -> None:
    render().table(
        ["KEY", "CHANGE", "VERSION", "VALUE OF"],
        ((each.key, each.change, each.version, each.from_version) for each in done.items),
    )
    if done.lost:
        render().hint(f"{len(done.lost)} no longer kept, left as they are: {', '.join(done.lost)}")

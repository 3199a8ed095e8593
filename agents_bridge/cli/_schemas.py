"""Commands on the versions of a namespace's schema."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from agents_bridge._schemas import SchemaRun, SchemaVersion
from agents_bridge.cli._common import As, Json, Limit, Namespace, connect, json_argument
from agents_bridge.cli._output import as_json, done, moment, render, show

app = typer.Typer(
    help="A schema's versions: draft, check, activate, migrate, undo.",
    no_args_is_help=True,
)

Version = Annotated[int, typer.Argument(min=1, help="The version's number.")]
Note = Annotated[str, typer.Option(help="Why; it stays in the history.")]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Until the run is over.")]
OnlyNew = Annotated[
    bool, typer.Option("--only-new-writes", help="Activate though stored values break it.")
]


@app.command("list")
def list_versions(
    *, namespace: Namespace, limit: Limit = 100, json: Json = False, agent: As = None
) -> None:
    """List the versions, newest first."""
    with connect(agent) as client:
        found = client.schemas.list(namespace, page_size=min(limit, 1000))
        versions = list(islice(found, limit))
    show(
        versions,
        json=json,
        otherwise=lambda: render().table(
            ["VERSION", "STATE", "COVERAGE", "MIGRATION", "CREATED (UTC)", "NOTE"],
            (
                (
                    str(each.version), each.state, each.coverage,
                    "yes" if each.migration else "", moment(each.created_at), each.note,
                )
                for each in versions
            ),
        ),
    )  # fmt: skip


@app.command("show")
def show_version(
    *, namespace: Namespace, version: Version, json: Json = False, agent: As = None
) -> None:
    """Show one version with its schema, its migration and how it compares with the active one."""
    with connect(agent) as client:
        found = client.schemas.get(namespace, version)
        compared = client.schemas.compatibility(namespace, version)
    show(found, json=json, otherwise=lambda: _facts(found, str(compared["compatibility"])))


@app.command("draft")
def draft(
    *,
    namespace: Namespace,
    schema: Annotated[Path, typer.Option("--schema", metavar="FILE", help="A JSON Schema.")],
    steps: Annotated[
        Path | None, typer.Option("--steps", metavar="FILE", help="A migration: a list of steps.")
    ] = None,
    inverse: Annotated[
        Path | None, typer.Option("--inverse", metavar="FILE", help="The steps back.")
    ] = None,
    note: Note = "",
    json: Json = False,
    agent: As = None,
) -> None:
    """Draft a version; nothing is judged by it until it is activated.

    Example: stateward schema draft airline.bookings --schema v2.json --steps v2-steps.json
    """
    text = json_argument(f"@{schema}", what="The schema")
    up = json_argument(f"@{steps}", what="The steps") if steps else None
    down = json_argument(f"@{inverse}", what="The inverse") if inverse else None
    with connect(agent) as client:
        made = client.schemas.create(namespace, text, steps=up, inverse=down, note=note)
    done(f"version {made.version} of {namespace} is drafted", made, json=json)


@app.command("check")
def check(
    *, namespace: Namespace, version: Version, wait: Wait = True, json: Json = False,
    agent: As = None,
) -> None:  # fmt: skip
    """Hold a version against every stored value."""
    with connect(agent) as client:
        run = client.schemas.check(namespace, version)
        run = client.schemas.wait(namespace, run.id) if wait else run
    _told(run, json=json)


@app.command("activate")
def activate(
    *,
    namespace: Namespace,
    version: Version,
    only_new_writes: OnlyNew = False,
    note: Note = "",
    wait: Wait = True,
    json: Json = False,
    agent: As = None,
) -> None:
    """Put a version in force, an older one too; refused while stored values break it."""
    with connect(agent) as client:
        run = client.schemas.activate(
            namespace, version, only_new_writes=only_new_writes, note=note
        )
        run = client.schemas.wait(namespace, run.id) if wait else run
    _told(run, json=json)


@app.command("migrate")
def migrate(
    *,
    namespace: Namespace,
    version: Version,
    max_errors: Annotated[int, typer.Option(min=0, help="Stop when more values fail.")] = 0,
    only_new_writes: OnlyNew = False,
    note: Note = "",
    wait: Wait = True,
    json: Json = False,
    agent: As = None,
) -> None:
    """Bring every stored value to a version, then put it in force."""
    with connect(agent) as client:
        run = client.schemas.migrate(
            namespace, version, max_errors=max_errors, only_new_writes=only_new_writes, note=note
        )
        run = client.schemas.wait(namespace, run.id) if wait else run
    _told(run, json=json)


@app.command("undo")
def undo(
    *,
    namespace: Namespace,
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="The migration's run.")],
    note: Note = "",
    wait: Wait = True,
    json: Json = False,
    agent: As = None,
) -> None:
    """Take a migration back where nobody has written since."""
    with connect(agent) as client:
        run = client.schemas.undo(namespace, run_id, note=note)
        run = client.schemas.wait(namespace, run.id) if wait else run
    _told(run, json=json)


def _told(run: SchemaRun, *, json: bool) -> None:
    counts = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in run.counts.items())
    done(f"{run.kind} of version {run.version}: {run.state}. {counts}".strip(), run, json=json)
    if run.is_over and run.state != "done":
        raise typer.Exit(1)


def _facts(found: SchemaVersion, compatibility: str) -> None:
    render().facts(
        [
            ("version", str(found.version)),
            ("state", found.state),
            ("coverage", found.coverage),
            ("compared with the active one", compatibility),
            ("base", str(found.base)),
            ("created", f"{moment(found.created_at)} UTC"),
            ("note", found.note),
            ("schema", as_json(found.schema, indent=None)),
            ("migration", as_json(found.migration, indent=None) if found.migration else None),
        ]
    )

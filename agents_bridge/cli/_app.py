"""The command's tree, and what happens around each command."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from agents_bridge._errors import StatewardError
from agents_bridge.cli import (
    _audit,
    _branches,
    _changes,
    _checkpoints,
    _doctor,
    _entries,
    _leases,
    _namespaces,
    _policies,
    _proposals,
    _schemas,
    _transactions,
    _verify,
)
from agents_bridge.cli._common import AROUND, As, Level
from agents_bridge.cli._exit import Exit, exit_code
from agents_bridge.cli._output import report

EPILOG = (
    "Exit codes: 0 ok, 1 failed, 2 usage, 3 not found, 4 conflict, 5 denied, 6 unavailable. "
    "Server and key: STATEWARD_URL and STATEWARD_API_KEY, else $STATEWARD_HOME/quickstart.json."
)

app = typer.Typer(
    name="stateward",
    help="Governed state for AI agents, from a terminal.",
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: the drawn one takes twice as long to appear
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def around(
    agent: As = None,
    purpose: Annotated[
        str | None, typer.Option(help="Why the data is touched: policies and the audit see it.")
    ] = None,
    run: Annotated[str | None, typer.Option(help="Groups the calls of one agent run.")] = None,
    consistency: Annotated[
        Level, typer.Option(help="How fresh reads must be; session: at least as --follow says.")
    ] = Level.STRONG,
    follow: Annotated[
        str | None, typer.Option(help="A consistency token, or several joined by commas.")
    ] = None,
) -> None:
    """Governed state for AI agents, from a terminal."""
    AROUND.agent, AROUND.purpose, AROUND.run = agent, purpose, run
    AROUND.level, AROUND.follow = consistency, follow


app.command("get")(_entries.get)
app.command("put")(_entries.put)
app.command("patch")(_entries.patch)
app.command("act")(_entries.act)
app.command("transact")(_transactions.transact)
app.command("list")(_entries.list_entries)
app.command("history")(_entries.history)
app.command("diff")(_entries.diff)
app.command("rollback")(_entries.rollback)
app.command("delete")(_entries.delete)
app.command("watch")(_changes.watch)
app.add_typer(_namespaces.app, name="namespace")
app.add_typer(_leases.app, name="lease")
app.add_typer(_proposals.app, name="proposal")
app.add_typer(_checkpoints.app, name="checkpoint")
app.add_typer(_branches.app, name="branch")
app.add_typer(_policies.app, name="policy")
app.add_typer(_schemas.app, name="schema")
app.add_typer(_audit.app, name="audit")
app.command("verify")(_verify.verify)
app.command("doctor")(_doctor.doctor)


def run(arguments: list[str]) -> int:
    """Run one command; the exit code."""
    ended: object = None
    try:
        app(arguments, prog_name="stateward")
    except SystemExit as end:
        ended = end.code
    except StatewardError as error:
        report(error, json="--json" in arguments)
        ended = exit_code(error)
    except BrokenPipeError:  # whoever read our output has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return int(ended) if isinstance(ended, int) else int(Exit.OK)

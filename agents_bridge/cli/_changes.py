"""Following the change feed from a terminal."""

from __future__ import annotations

import sys
from enum import StrEnum
from itertools import islice
from typing import Annotated

import typer

from agents_bridge._changes import NOW, Change
from agents_bridge.cli._common import As, Json, connect
from agents_bridge.cli._output import as_json, data, moment, one_line


class Shown(StrEnum):
    """What is shown of each value."""

    none = "none"
    full = "full"
    patch = "patch"


def watch(
    *,
    namespace: Annotated[
        str | None, typer.Argument(help="Only this namespace.", show_default=False)
    ] = None,
    prefix: Annotated[str | None, typer.Option(help="Only keys that begin so.")] = None,
    after: Annotated[
        str, typer.Option(metavar="CURSOR", help="Go on after this; 'oldest' shows all there is.")
    ] = NOW,
    values: Annotated[
        Shown, typer.Option(help="Show the values, or what changed in them.")
    ] = Shown.none,
    count: Annotated[
        int | None, typer.Option("--count", "-n", min=1, help="End after so many.")
    ] = None,
    json: Json = False,
    agent: As = None,
) -> None:
    """Show changes as they happen, until Ctrl-C. With --json, one object a line, with its cursor.

    Example: stateward watch airline.bookings --values patch
    """
    with connect(agent) as client:
        changes = client.changes.watch(
            namespace=namespace,
            prefix=prefix,
            after=None if after == "oldest" else after,
            values=values.value,
        )
        with changes:
            try:
                for change in islice(changes, count):
                    data(as_json(change, indent=None) if json else _line(change))
                    sys.stdout.flush()  # whoever reads us through a pipe follows too
            except KeyboardInterrupt:
                return


def _line(change: Change) -> str:
    at = moment(change.at)
    line = f"{at}  {change.operation:8} {change.namespace}/{change.key}  v{change.version}"
    if change.actor is not None:
        line += f"  by {change.actor}"
    if change.patch is not None:
        line += f"  {as_json(change.patch, indent=None)}"
    elif change.has_value:
        line += f"  {as_json(change.value, indent=None)}"
    return one_line(line)

"""The command for transactions."""

from __future__ import annotations

from typing import Annotated

import typer

from agents_bridge._models import Transacted
from agents_bridge._transactions import Transaction
from agents_bridge.cli._common import As, Json, Namespace, connect, json_argument
from agents_bridge.cli._output import data, one_line, show


def transact(
    *,
    namespace: Namespace,
    operations: Annotated[
        str,
        typer.Argument(help="A JSON list, @file, or - for standard input.", show_default=False),
    ],
    json: Json = False,
    agent: As = None,
) -> None:
    """Carry out several operations, all or none.

    Example: stateward transact my.notes '[{"op": "put", "key": "a", "value": 1}, {"op": "check",
    "key": "b", "if_absent": true}]'
    """
    given = json_argument(operations, what="The operations")
    if not isinstance(given, list):
        raise typer.BadParameter("The operations are a JSON list.")
    transaction = Transaction(namespace)
    transaction.operations = given
    with connect(agent) as client:
        done = client.transactions.commit(transaction)
    show([result.raw for result in done.results], json=json, otherwise=lambda: _lines(done))


def _lines(done: Transacted) -> None:
    for result in done.results:
        version = f"v{result.version}" if result.version is not None else "none"
        data(one_line(f"{result.op:6} {result.namespace}/{result.key}  {version}"))

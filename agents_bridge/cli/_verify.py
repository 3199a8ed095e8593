"""Running the offline verifier: a file of the server's, never imported, always in a process of its
own.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from agents_bridge._errors import StatewardError
from agents_bridge.cli._common import As, Json, connect
from agents_bridge.cli._exit import Exit
from agents_bridge.cli._output import data, done, render, show

_PLACE = ("gate", "audit", "verify.py")


def verify(
    *,
    bundle: Annotated[
        Path,
        typer.Argument(help="The file to check.", exists=True, dir_okay=False, show_default=False),
    ],
    key: Annotated[
        Path | None, typer.Option("--key", metavar="FILE", help="The public key you trust.")
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option("--checkpoint", metavar="FILE", help="A checkpoint you kept elsewhere."),
    ] = None,
    verifier: Annotated[
        Path | None,
        typer.Option(
            "--verifier", metavar="FILE", help="The verifier to run.", exists=True, dir_okay=False
        ),
    ] = None,
    json: Json = False,
    agent: As = None,
) -> None:
    """Check an audit bundle offline.

    Every record, every proof and every signature is checked.

    Without --key and --checkpoint it shows that the bundle holds together, not whose it is or that
    it is the whole story. Example: stateward verify bundle.txt --key trusted.pub
    """
    arguments = [str(bundle)]
    arguments += ["--key", str(key)] if key else []
    arguments += ["--checkpoint", str(checkpoint)] if checkpoint else []
    program = verifier or packaged_verifier()
    if program is not None:
        finished = _run(program, arguments)
    else:
        with tempfile.TemporaryDirectory() as folder:
            finished = _run(_fetched(Path(folder), agent), arguments)
    verdict = {"verified": finished.returncode == 0, "output": finished.stdout.splitlines()}
    show(verdict, json=json, otherwise=lambda: data(finished.stdout.rstrip()))
    if finished.stderr:
        sys.stderr.write(finished.stderr)
    if finished.returncode:
        raise typer.Exit(Exit.FAILED)
    if not json:
        done("the bundle holds", json=False)


def packaged_verifier() -> Path | None:
    """The verifier's file where the server is installed beside the bridge; nothing of it is
    imported.
    """
    found = find_spec("stateward")
    for folder in (found.submodule_search_locations or ()) if found else ():
        path = Path(folder).joinpath(*_PLACE)
        if path.is_file():
            return path
    return None


def _fetched(folder: Path, agent: str | None) -> Path:
    try:
        with connect(agent) as client:
            program = client.audit.verifier()
    except StatewardError as error:
        raise typer.BadParameter(
            f"there is no verifier here, and none could be fetched ({error}): give --verifier FILE"
        ) from error
    render().hint("the verifier came from the server itself; keep a copy of your own (--verifier)")
    path = folder / "verify.py"
    path.write_bytes(program)
    return path


def _run(program: Path, arguments: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", str(program), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )

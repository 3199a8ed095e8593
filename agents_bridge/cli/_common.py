"""The options every command has, and the client they lead to."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import agents_bridge
from agents_bridge._profile import find_profile

if TYPE_CHECKING:
    from agents_bridge import Client

Json = Annotated[bool, typer.Option("--json", help="Print JSON.", show_default=False)]
As = Annotated[
    str | None,
    typer.Option("--as", metavar="AGENT", help="The agent of quickstart.json to be."),
]
Namespace = Annotated[str, typer.Argument(help="The namespace's name.", show_default=False)]
Key = Annotated[str, typer.Argument(help="The entry's key.", show_default=False)]
IfMatch = Annotated[
    int | None,
    typer.Option("--if-match", metavar="VERSION", help="Only if the entry is at this version."),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.", show_default=False)]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, help="At most so many.")]


class Level(Enum):
    """The levels of consistency, as choices."""

    STRONG = "strong"
    SESSION = "session"
    EVENTUAL = "eventual"


@dataclass(slots=True)
class Around:
    """What was said before the command's name: it holds for all that follows."""

    agent: str | None = None
    purpose: str | None = None
    run: str | None = None
    level: Level = Level.STRONG
    follow: str | None = None


AROUND = Around()


def connect(agent: str | None) -> Client:
    """A client for the profile in use. Close it, or leave that to the end of the process."""
    profile = find_profile(agent=agent or AROUND.agent)
    client = agents_bridge.Client(
        profile.url,
        profile.api_key,
        purpose=AROUND.purpose,
        run=AROUND.run,
        consistency=AROUND.level.value,
    )
    if AROUND.follow is not None:
        client.follow(AROUND.follow)
    return client


def json_argument(text: str, *, what: str) -> Any:
    """JSON from the command line, from a file (``@name``) or from standard input (``-``)."""
    source = read_text(text)
    try:
        return json.loads(source)
    except ValueError as error:
        raise typer.BadParameter(
            f"{what} is not JSON ({error}). A text needs --string, or quotes of its own."
        ) from None


def read_text(text: str) -> str:
    """``text`` itself, the content of a file (``@name``), or standard input (``-``)."""
    if text == "-":
        return sys.stdin.read()
    if text.startswith("@"):
        return read_file(Path(text[1:]))
    return text


def read_file(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"{path} cannot be read: {error}") from None


def pairs(given: list[str], *, what: str) -> dict[str, str]:
    """``name=value`` options as a dict."""
    found: dict[str, str] = {}
    for item in given:
        name, sign, value = item.partition("=")
        if not sign or not name:
            raise typer.BadParameter(f"{what} is written name=value, not {item!r}")
        found[name] = value
    return found


def time_argument(text: str | None) -> datetime | None:
    """An RFC 3339 time; one without a zone is taken as UTC."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a time such as 2026-11-21T12:00:00Z") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def typed_pair(text: str, *, what: str) -> tuple[str, str]:
    """``type:id``."""
    kind, sign, name = text.partition(":")
    if not sign or not kind or not name:
        raise typer.BadParameter(f"{what} is written type:id, such as agent:0199…, not {text!r}")
    return kind, name


def confirm(question: str, *, yes: bool) -> None:
    """Ask; without a terminal to ask on, ``--yes`` must have been given."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise typer.BadParameter(f"{question} Say --yes where nobody can be asked.")
    if not typer.confirm(question, err=True):
        raise typer.Abort


def confirm_name(warning: str, name: str, *, yes: bool) -> None:
    """Ask to type the name of what will be destroyed."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise typer.BadParameter(f"{warning} Say --yes where nobody can be asked.")
    if typer.prompt(f"{warning} Type its name to go on", err=True) != name:
        raise typer.Abort

"""What a person sees: drawn with rich, plain where there is no terminal or ``NO_COLOR`` is set."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

from rich.console import Console
from rich.json import JSON
from rich.table import Table
from rich.text import Text

from agents_bridge.cli._output import as_json, harmless, one_line

_COLORS = {
    "allow": "green",
    "put": "green",
    "delete": "red",
    "rollback": "magenta",
    "expire": "yellow",
    "restricted": "red",
    "confidential": "yellow",
    "in force": "green",
    "active": "green",
    "paused": "yellow",
}
_UNBROKEN = 1_000_000  # columns where there is no terminal: data in a pipe is never cut
_SIGNS = {"+": "green", "-": "red", "~": "yellow"}


class Screen:
    """Draws tables and values to stdout, sentences to stderr. A namespace, not something to
    instantiate.
    """

    @classmethod
    def table(cls, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Rows under headings: ">" before one sets it to the right, "=" keeps its cells whole."""
        table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
        for column in columns:
            table.add_column(
                column.lstrip(">="),
                justify="right" if column.startswith(">") else "left",
                overflow="fold",
                no_wrap=column.startswith("="),
            )
        for row in rows:
            table.add_row(*map(_cell, row))
        if table.row_count:
            _draw(sys.stdout, table)
        else:
            cls.hint("nothing found")

    @classmethod
    def facts(cls, pairs: Iterable[tuple[str, Any]]) -> None:
        """Names and values, one pair a line."""
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(style="dim")
        grid.add_column(overflow="fold")
        for name, value in pairs:
            grid.add_row(name, _cell(value))
        _draw(sys.stdout, grid)

    @classmethod
    def value(cls, value: Any) -> None:
        """A JSON value, with colours on a terminal."""
        console = _console(sys.stdout)
        text = as_json(value)
        if console.is_terminal:
            console.print(JSON(text), soft_wrap=True)
        else:
            sys.stdout.write(f"{text}\n")

    @classmethod
    def text(cls, text: str) -> None:
        """A text of several lines, as it is."""
        _console(sys.stdout).print(Text(harmless(text)), soft_wrap=True)

    @classmethod
    def changes(cls, changes: Iterable[tuple[str, str, str]]) -> None:
        """(sign, place, what happened) of each change."""
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column()
        grid.add_column(style="bold", overflow="fold")
        grid.add_column(overflow="fold")
        for sign, place, what in changes:
            color = _SIGNS.get(sign, "default")
            grid.add_row(Text(sign, color), Text(one_line(place)), Text(one_line(what), color))
        _draw(sys.stdout, grid)

    @classmethod
    def done(cls, sentence: str) -> None:
        _console(sys.stderr).print(Text("✓ ", "green") + Text(one_line(sentence)), soft_wrap=True)

    @classmethod
    def hint(cls, sentence: str) -> None:
        _console(sys.stderr).print(Text(one_line(sentence), "dim"), soft_wrap=True)

    @classmethod
    def refusal(cls, sentence: str, details: Sequence[tuple[str, str]]) -> None:
        console = _console(sys.stderr)
        console.print(Text("✗ ", "bold red") + Text(harmless(sentence), "bold"), soft_wrap=True)
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(style="dim")
        grid.add_column(overflow="fold")
        for name, text in details:
            grid.add_row(f"  {one_line(name)}", Text(one_line(text)))
        if details:
            _draw(sys.stderr, grid)

    @classmethod
    def checks(cls, checks: Iterable[tuple[str, str, str, str]]) -> None:
        """(state, name, finding, advice) of each check; state is ok, warning or failed."""
        signs = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "failed": ("✗", "red")}
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column()
        grid.add_column()
        grid.add_column(overflow="fold")
        for state, name, finding, advice in checks:
            text = Text(one_line(finding))
            if advice:
                text += Text(f"\n{one_line(advice)}", "dim")
            grid.add_row(Text(*signs[state]), Text(name, "bold"), text)
        _draw(sys.stdout, grid)


def _console(stream: TextIO) -> Console:
    console = Console(file=stream, highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = _UNBROKEN
    return console


def _draw(stream: TextIO, table: Table) -> None:
    """Draw a table; where there is no terminal, without the blanks that fill its lines."""
    console = _console(stream)
    if console.is_terminal:
        console.print(table)
        return
    with console.capture() as capture:
        console.print(table)
    stream.writelines(f"{line.rstrip()}\n" for line in capture.get().splitlines())


def _cell(value: Any) -> Text:
    text = "-" if value is None or value == "" else one_line(str(value))
    color = _COLORS.get(text, "red" if text.startswith("deny") else "")
    return Text(text, color)

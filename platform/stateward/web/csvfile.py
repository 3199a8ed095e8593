"""CSV files for people: sent row by row, and harmless in a spreadsheet.

A spreadsheet takes a cell that begins with ``=``, ``+``, ``-`` or ``@`` for a formula, whoever
wrote it: an agent's name, a key, a reason. Text that begins so, also behind blanks and marks
without width or in its fullwidth form, gets an apostrophe before it; so does text that begins with
a tab or a line's end. Text that begins with apostrophes and then such a sign gets one more, so that
taking one away gives back what was stored. Numbers stay numbers: ``-5`` is one, ``"-5"`` is text.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal

from django.http import StreamingHttpResponse

from stateward.kernel.clock import rfc3339

CHUNK = 16_384  # characters; a chunk a row would cost more than the row
SIGNS = frozenset("=+-@\u2212")
BREAKS = frozenset("\t\r\n")
UNSEEN = ("C", "Z")  # of Unicode's categories: blanks, controls and marks without width
NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")


def csv_response(
    name: str, headings: Sequence[str], rows: Iterable[Sequence[object]]
) -> StreamingHttpResponse:
    """A download of that name. Rows are taken while they are sent, after the view has returned:
    what reads the tenant's tables opens the tenant's scope itself.
    """
    plain = NOT_IN_NAMES.sub("-", name.removesuffix(".csv")).strip("-.") or "export"
    return StreamingHttpResponse(
        csv_chunks(headings, rows),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{plain}.csv"'},
    )


def csv_chunks(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[bytes]:
    """The file's bytes (UTF-8, lines as RFC 4180 has them), a few hundred rows at a time."""
    waiting: list[str] = []
    size = 0
    for line in csv_lines(headings, rows):
        waiting.append(line)
        size += len(line)
        if size >= CHUNK:
            yield "".join(waiting).encode(errors="replace")
            waiting, size = [], 0
    if waiting:
        yield "".join(waiting).encode(errors="replace")


def csv_lines(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """The file's lines, each with its end."""
    writer = csv.writer(_Echo())
    yield writer.writerow([safe(heading) for heading in headings])
    for row in rows:
        yield writer.writerow([_cell(value) for value in row])


def safe(text: str) -> str:
    """``text``, with an apostrophe before it where a spreadsheet would take it for a formula."""
    bare = text.lstrip("'")
    return f"'{text}" if _is_formula(bare) else text


def _is_formula(text: str) -> bool:
    if text[:1] in BREAKS:
        return True
    seen = next((sign for sign in text if not unicodedata.category(sign).startswith(UNSEEN)), "")
    return unicodedata.normalize("NFKC", seen)[:1] in SIGNS


def _cell(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, int | float | Decimal):
        return value
    return safe(str(value))


class _Echo:
    """What csv writes to: gives each line back."""

    def write(self, line: str) -> str:
        return line

"""CSV files: every cell comes back as it was, and none is a formula."""

from __future__ import annotations

import csv
import io
import unicodedata
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stateward.web.csvfile import csv_chunks, csv_lines, csv_response, safe

ODD = st.text("=+-@\t\r\n'\" ,;\u00a0\u200b\ufeff＝＋－＠﹦a1", max_size=8)
TEXTS = st.one_of(ODD, st.text(max_size=12))


def read_back(*rows: tuple[object, ...]) -> list[list[str]]:
    text = "".join(csv_lines(("a", "b"), rows))
    return list(csv.reader(io.StringIO(text, newline=""), strict=True))[1:]


def is_formula(cell: str) -> bool:
    """What a spreadsheet may see, said another way than the module says it."""
    if cell.startswith(("\t", "\r", "\n")):
        return True
    seen = "".join(c for c in cell if unicodedata.category(c)[0] not in "CZ")
    return unicodedata.normalize("NFKC", seen[:1])[:1] in ("=", "+", "-", "@", "\u2212")


@pytest.mark.parametrize(
    "sign", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "−"]
)
@pytest.mark.parametrize("before", ["", " ", "\u00a0", "\u3000", "\ufeff", "\u200b", "\x00"])
def test_a_formula_becomes_text(sign: str, before: str) -> None:
    text = f"{before}{sign}cmd|' /C calc'!A0"

    ((cell,),) = read_back((text,))

    assert cell == f"'{text}" or (before and sign in "\t\r\n" and not is_formula(cell))


@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=5))
def test_no_cell_is_a_formula_and_each_comes_back(rows: list[tuple[str, str]]) -> None:
    found = read_back(*rows)

    assert len(found) == len(rows)
    for given_row, row in zip(rows, found, strict=True):
        for text, cell in zip(given_row, row, strict=True):
            assert not is_formula(cell)
            assert text == (
                cell[1:] if cell.startswith("'") and is_formula(cell.lstrip("'")) else cell
            )


def test_plain_text_is_left_alone() -> None:
    assert [safe(text) for text in ("", "booking-1", "a=b", "'quoted'", "5 - 3")] == [
        "",
        "booking-1",
        "a=b",
        "'quoted'",
        "5 - 3",
    ]


def test_numbers_stay_numbers() -> None:
    found = read_back((-5, -1.5), (Decimal("-2.50"), "-5"))

    assert found == [["-5", "-1.5"], ["-2.50", "'-5"]]


def test_other_kinds_are_written_as_the_interface_writes_them() -> None:
    moment = datetime(2026, 11, 21, 9, 42, 17, 31_000, tzinfo=UTC)

    found = read_back((None, True), (moment, UUID(int=7)), (False, 0))

    assert found == [
        ["", "true"],
        ["2026-11-21T09:42:17.031000Z", str(UUID(int=7))],
        ["false", "0"],
    ]


def test_headings_are_no_formulas_either() -> None:
    assert next(csv_lines(("=x", "b"), ())) == "'=x,b\r\n"


def test_rows_are_taken_as_they_are_sent() -> None:
    taken = 0

    def rows() -> object:
        nonlocal taken
        for _ in range(10_000):
            taken += 1
            yield ("x" * 100,)

    chunks = csv_chunks(("a",), rows())  # type: ignore[arg-type]  # a generator, written shortly
    first = next(chunks)

    assert 0 < taken < 1_000
    assert len(first) + sum(map(len, chunks)) == 3 + 10_000 * 102


def test_half_a_character_does_not_end_the_file() -> None:
    assert b"".join(csv_chunks(("a",), [("\ud800",), ("b",)])).endswith(b"?\r\nb\r\n")


def test_the_name_cannot_leave_its_header() -> None:
    response = csv_response('a"; x\r\nSet-Cookie: y.csv', ("a",), ())

    assert response["Content-Disposition"] == 'attachment; filename="a-x-Set-Cookie-y.csv"'
    assert csv_response("../", ("a",), ())["Content-Disposition"].endswith('"export.csv"')

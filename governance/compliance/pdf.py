"""A report as a PDF: the same bytes for the same report, readable by machines, with its title and
language told to assistive software.

Everything that comes from a tenant is escaped before it meets the layout's markup, which could
otherwise be made to open files; signs that the face does not have are written as their code.
"""

from __future__ import annotations

from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import reportlab
from reportlab import rl_config
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Table, TableStyle

from governance.compliance.models import Scan
from governance.compliance.report import Line, Report
from stateward.kernel.clock import rfc3339

MARGIN = 18 * mm
WIDTH = A4[0] - 2 * MARGIN
INK, SECOND, HAIRLINE = colors.HexColor("#171b22"), colors.HexColor("#5a6270"), "#d9dce2"
FACES = {"Report": "Vera.ttf", "Report-Bold": "VeraBd.ttf"}
MOST_ITEMS = 200  # of one check, listed; the CSV has all
MOST_EVIDENCE = 10  # a row of the table must fit a page


def report_pdf(report: Report) -> bytes:
    """The file."""
    _faces()
    body = BytesIO()
    document = SimpleDocTemplate(
        body,
        pagesize=A4,
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=MARGIN,
        bottomMargin=MARGIN,
        title=f"Compliance of {report.tenant_name}",
        author="Stateward",
        subject=f"Scan {report.scan.id}; results {report.sha256}",
        keywords=["compliance", report.tenant_slug],
        lang="en",
        displayDocTitle=True,
        invariant=1,
    )
    foot = _Foot(report)
    document.build(_story(report), onFirstPage=foot, onLaterPages=foot)
    return body.getvalue()


def _story(report: Report) -> list[Flowable]:
    scan = report.scan
    story: list[Flowable] = [
        _text(f"Compliance of {report.tenant_name}", "title"),
        _text(report.said, "lead"),
        _facts(report),
        _text("Findings", "heading"),
    ]
    findings = report.findings
    if not findings:
        story.append(_text("No check found anything that fails.", "body"))
    shown: dict[str, int] = {}
    for line, item in findings:
        shown[line.result.check_id] = shown.get(line.result.check_id, 0) + 1
        if shown[line.result.check_id] <= MOST_ITEMS:
            story.append(_finding(line, item))
    story += [
        _text(f"{line.result.check_id}: {many - MOST_ITEMS} more, in the CSV.", "small")
        for line in report.lines
        if (many := shown.get(line.result.check_id, 0)) > MOST_ITEMS
    ]
    story.append(_text("Checks", "heading"))
    story += [_check(line) for line in report.lines]
    story.append(_text("How to check this report", "heading"))
    story.append(
        _text(
            f"The SHA-256 of everything it says is {report.sha256}. The scan's audit record"
            f" {scan.record_id} holds the same number and is sealed; a bundle of the audit proves"
            " it without this installation.",
            "body",
        )
    )
    return story


def _facts(report: Report) -> Flowable:
    scan = report.scan
    rows = [
        ("Tenant", f"{report.tenant_name} ({report.tenant_slug})"),
        ("Scanned", _span(scan)),
        ("Asked by", f"{scan.asked_by_name} ({scan.trigger})"),
        ("Scan", str(scan.id)),
        ("Rules", f"SHA-256 {scan.rules_sha256}"),
        ("Results", f"SHA-256 {report.sha256}"),
        ("Audit record", str(scan.record_id)),
    ]
    cells = [[_text(name, "small"), _text(value, "body")] for name, value in rows]
    return Table(cells, colWidths=[28 * mm, WIDTH - 28 * mm], style=_PLAIN)


def _span(scan: Scan) -> str:
    ended = rfc3339(scan.finished_at) if scan.finished_at else "not finished"
    return f"{rfc3339(scan.started_at)} to {ended}"


def _finding(line: Line, item: dict[str, Any]) -> Flowable:
    accepted = " Risk accepted." if item["status"] == "accepted" else ""
    owner = f" Owner: {item['owner']}." if item["owner"] else ""
    left = [_text(line.result.check_id, "strong"), _text(line.result.severity, "small")]
    right = [
        _text(item["label"], "strong"),
        _text(f"{item['detail']}{accepted}{owner}", "body"),
        _text(f"{line.title}. Finding {item['finding']}", "small"),
    ]
    return Table([[left, right]], colWidths=[28 * mm, WIDTH - 28 * mm], style=_RULED)


def _check(line: Line) -> Flowable:
    result = line.result
    proves = ""
    if line.check is not None:
        proves = f"Proves: {line.check.proves} Does not prove: {line.check.does_not_prove}"
    named = [f"{one['kind']} {one['id']}" for one in result.evidence]
    seals = ", ".join(named[:MOST_EVIDENCE])
    if len(named) > MOST_EVIDENCE:
        seals += f" and {len(named) - MOST_EVIDENCE} more"
    accepted = f", {result.accepted} accepted" if result.accepted else ""
    population = "not counted" if result.population is None else f"{result.population:,}"
    left = [_text(result.check_id, "strong"), _text(line.word, "small")]
    right = [
        _text(line.title, "strong"),
        _text(result.said, "body"),
        _text(
            f"Version {result.check_version}; population {population}, failing"
            f" {result.failing:,}{accepted}. Evidence: {seals or 'none'}.",
            "small",
        ),
        _text(proves, "small"),
    ]
    return Table([[left, right]], colWidths=[28 * mm, WIDTH - 28 * mm], style=_RULED)


class _Foot:
    """What stands at the foot of each page, and what the document says of itself."""

    def __init__(self, report: Report) -> None:
        self.report = report

    def __call__(self, canvas: Any, document: Any) -> None:
        canvas.saveState()
        canvas.setFont("Report", 7)
        canvas.setFillColor(SECOND)
        left = _printable(f"{self.report.tenant_slug} · {self.report.sha256[:16]}")
        canvas.drawString(MARGIN, 10 * mm, left)
        canvas.drawRightString(A4[0] - MARGIN, 10 * mm, f"Page {document.page}")
        canvas.restoreState()


def _text(text: str, style: str) -> Paragraph:
    return Paragraph(escape(_printable(text)), _STYLES[style])


def _printable(text: str) -> str:
    """``text`` with the signs that the face lacks written as their code."""
    known = _known_signs()
    return "".join(
        sign if ord(sign) in known else f"\\u{ord(sign):04x}"
        for sign in text
        if sign.isprintable() or sign == " "
    )


@cache
def _known_signs() -> frozenset[int]:
    _faces()
    return frozenset(pdfmetrics.getFont("Report").face.charToGlyph)


@cache
def _faces() -> None:
    rl_config.invariant = 1
    folder = Path(reportlab.__file__).parent / "fonts"
    for name, file in FACES.items():
        pdfmetrics.registerFont(TTFont(name, folder / file))
    pdfmetrics.registerFontFamily("Report", normal="Report", bold="Report-Bold")


def _style(name: str, size: float, face: str = "Report", **more: Any) -> ParagraphStyle:
    return ParagraphStyle(
        name,
        fontName=face,
        fontSize=size,
        leading=size * 1.4,
        textColor=more.pop("colour", INK),
        **more,
    )


_STYLES = {
    "title": _style("title", 17, "Report-Bold", spaceAfter=4),
    "lead": _style("lead", 11, spaceAfter=10),
    "heading": _style("heading", 12, "Report-Bold", spaceBefore=14, spaceAfter=4),
    "strong": _style("strong", 9, "Report-Bold"),
    "body": _style("body", 9),
    "small": _style("small", 7.5, colour=SECOND),
}
_PLAIN = TableStyle(
    [("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (-1, -1), 0),
     ("TOPPADDING", (0, 0), (-1, -1), 1), ("BOTTOMPADDING", (0, 0), (-1, -1), 1)]
)  # fmt: skip
_RULED = TableStyle(
    [("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (-1, -1), 0),
     ("LINEABOVE", (0, 0), (-1, 0), 0.4, colors.HexColor(HAIRLINE)),
     ("TOPPADDING", (0, 0), (-1, -1), 5), ("BOTTOMPADDING", (0, 0), (-1, -1), 5)]
)  # fmt: skip

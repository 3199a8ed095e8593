"""The report as PDF and CSV: what is in it, what is not, and that it is the same each time."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from functools import cache
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from pypdf import PdfReader

from governance.compliance.models import Scan
from governance.compliance.pdf import report_pdf
from governance.compliance.report import Report, report_of
from stateward.operations.jobs.services import run_here
from stateward.tenancy.models import Tenant
from stateward.tenancy.scope import tenant_scope
from tests.compliance.furnishing import furnished
from tests.console.console_world import World, make_world
from tests.factories.tenants import make_agent

pytestmark = pytest.mark.usefixtures("database")


@cache
def odd_world() -> World:
    """A tenant whose names are meant to break a report."""
    world = make_world("Größe & Söhne <b>日本</b>")
    for name in ('<img src="/etc/passwd"/>', "=cmd|' /C calc'!A0", "日本-agent 🚆"):
        make_agent(world.tenant, name=name)
    run_here("compliance.scan", tenant_id=world.tenant.id)
    return world


def newest(tenant: Tenant) -> Report:
    with tenant_scope(tenant.id):
        scan = Scan.objects.filter(tenant_id=tenant.id, check_id="").order_by("-id").first()
        assert scan is not None
        return report_of(scan, tenant.name, tenant.slug)


def text_of(content: bytes) -> str:
    reader = PdfReader(io.BytesIO(content))
    return " ".join(" ".join(page.extract_text().split()) for page in reader.pages)


def signed_in(world: World) -> Client:
    client = Client()
    client.force_login(world.person, "allauth.account.auth_backends.AuthenticationBackend")
    return client


def get(world: World, path: str) -> Any:
    return signed_in(world).get(world.path(f"compliance/report/{path}"))


def test_the_pdf_holds_every_check_every_finding_and_where_it_is_proven() -> None:
    world, _ = furnished()
    report = newest(world.tenant)

    text = text_of(report_pdf(report))

    assert "Meridian Air" in text
    for line in report.lines:
        assert line.title in text
        assert line.result.check_id in text
    assert len(report.findings) >= 9
    for _, item in report.findings:
        assert item["label"] in text
        assert item["finding"] in text
    for proof in (report.sha256, report.scan.rules_sha256, str(report.scan.record_id)):
        assert proof in text
    assert report.scan.asked_by_name in text


def test_the_pdf_holds_nothing_of_another_tenant() -> None:
    world, other = furnished()[0], odd_world()

    text = text_of(report_pdf(newest(other.tenant)))

    assert "calc" in text
    for theirs in ("Meridian", "booker", "airline.payments", str(world.tenant.id)):
        assert theirs not in text


def test_the_pdf_says_what_it_is_to_whoever_reads_it_aloud() -> None:
    reader = PdfReader(io.BytesIO(report_pdf(newest(furnished()[0].tenant))))
    catalogue = reader.trailer["/Root"]

    assert reader.metadata is not None
    assert reader.metadata.title == "Compliance of Meridian Air"
    assert reader.metadata.author == "Stateward"
    assert catalogue["/Lang"] == "en"
    assert str(catalogue["/ViewerPreferences"]["/DisplayDocTitle"]).lower() == "true"


def test_the_same_report_is_the_same_file() -> None:
    report = newest(furnished()[0].tenant)

    assert report_pdf(report) == report_pdf(report)


def test_names_are_text_and_never_markup() -> None:
    text = text_of(report_pdf(newest(odd_world().tenant)))

    assert '<img src="/etc/passwd"/>' in text
    assert "Größe & Söhne <b>" in text
    assert "\\u65e5\\u672c-agent \\u1f686" in text  # signs the face does not have


def test_the_longest_answer_fits_its_page() -> None:
    world = make_world()
    run_here("compliance.scan", tenant_id=world.tenant.id, params={"check": "C09"})
    with tenant_scope(world.tenant.id):
        report = report_of(Scan.objects.get(), world.tenant.name, world.tenant.slug)
    result = report.lines[0].result
    result.said = "word " * 100
    result.evidence = [{"kind": "record", "id": str(UUID(int=n)), "said": ""} for n in range(100)]
    result.items = [
        {"kind": "x", "id": "x", "label": "l" * 300, "detail": "d" * 2_000, "finding": "f",
         "status": "accepted", "owner": "o" * 200} for _ in range(300)
    ]  # fmt: skip

    text = text_of(report_pdf(report))

    assert "and 90 more" in text
    assert "C09: 100 more, in the CSV" in text


def test_a_download_is_on_record_with_the_hash_of_the_file() -> None:
    world, _ = furnished()

    answer = get(world, "report.pdf")

    assert (answer.status_code, answer["Content-Type"]) == (200, "application/pdf")
    assert "attachment" in answer["Content-Disposition"]
    details = last_export(world)
    assert details["file_sha256"] == hashlib.sha256(answer.content).hexdigest()
    assert details["results_sha256"] == newest(world.tenant).sha256


def last_export(world: World) -> dict[str, Any]:
    from django.db import connection  # noqa: PLC0415

    with tenant_scope(world.tenant.id), connection.cursor() as cursor:
        cursor.execute(
            "SELECT convert_from(record, 'UTF8') FROM stateward_audit_record WHERE tenant_id = %s"
            " AND action = 'compliance.read' AND outcome = 'allow' ORDER BY seq DESC LIMIT 1",
            (world.tenant.id,),
        )
        details: dict[str, Any] = json.loads(cursor.fetchone()[0])["details"]
    assert details["event"] == "compliance.report_exported"
    return details


def test_the_csv_has_a_row_for_each_failing_item_and_no_formula() -> None:
    world = odd_world()

    answer = get(world, "report.csv")
    rows = list(csv.DictReader(io.StringIO(answer.getvalue().decode())))

    report = newest(world.tenant)
    items = sum(max(len(line.result.items), 1) for line in report.lines)
    assert len(rows) == items
    labels = {row["item"] for row in rows}
    assert "'=cmd|' /C calc'!A0" in labels
    assert {row["results_sha256"] for row in rows} == {report.sha256}
    assert last_export(world)["form"] == "csv"


def test_an_earlier_scan_is_reported_as_it_was() -> None:
    world, _ = furnished()
    with tenant_scope(world.tenant.id):
        scans = list(Scan.objects.filter(tenant_id=world.tenant.id).order_by("id"))

    answer = get(world, f"?scan={scans[0].id}")

    assert str(scans[0].rules_sha256)[:8] in answer.content.decode()
    assert get(world, "report.pdf?scan=x").status_code == 404
    assert get(world, f"report.csv?scan={UUID(int=1)}").status_code == 404


def test_of_another_tenants_scan_nothing_is_told() -> None:
    world = furnished()[0]
    theirs = newest(odd_world().tenant).scan.id

    for path in ("", "report.pdf", "report.csv"):
        assert get(world, f"{path}?scan={theirs}").status_code == 404


def test_before_the_first_scan_there_is_no_file() -> None:
    world = make_world()

    assert get(world, "report.pdf").status_code == 404
    page = get(world, "")
    assert (page.status_code, "No report yet" in page.content.decode()) == (200, True)
